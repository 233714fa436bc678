"""`/patients/{id}/changes`: that something was saved in a patient's record, and by whom, to those who have her page open.

The stream says nothing else: what changed is read anew by who may read it. The node's own stream (`/events`) tells ids of all records.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Stream

from edge_node.api.events import HEARTBEAT_SECONDS, RETRY_MS
from edge_node.api.feed import Change, Event
from edge_node.errors import EdgeError, NotFound
from edge_node.fhir.compartment import patients_of
from edge_node.pages.desk import Desk
from edge_node.pages.forms import asked_for
from edge_node.store.model import Version
from edge_node.store.store import Store

_NOT_PEOPLE = ("command:", "import", "unknown")
"""Beginnings of authors who are programs: nobody knows them by name."""
_VERSIONS_MAX = 20
_DIGITS_MAX = 15


class Saved(msgspec.Struct, frozen=True):
    """News of one record. `by`: who saved it; None for the reader herself, for a program, and where it is not known."""

    by: str | None


def handlers(desk: Desk) -> list[Any]:
    """The path."""

    @get("/patients/{id_:str}/changes")
    async def changes(request: Request[Any, Any, Any], id_: FromPath[str]) -> Stream:
        reader = _reader(desk, request, id_)
        patient = desk.store.read("Patient", id_)
        if patient is None or patient.gone:
            raise NotFound()

        async def lines() -> AsyncIterator[bytes]:
            yield b"retry: %d\n\n" % RETRY_MS
            async with aclosing(desk.parts.feed.listen(_since(request), HEARTBEAT_SECONDS)) as listening:
                async for event in listening:
                    try:
                        _reader(desk, request, id_)
                    except EdgeError:
                        return  # the login has ended; the page asks again and is told so
                    saved = await _told(desk, event, id_, reader)
                    if event is None:
                        yield b": still here\n\n"
                    elif saved is not None:
                        yield b"id: %d\nevent: saved\ndata: %s\n\n" % (event.at_ms, msgspec.json.encode(saved))

        return Stream(
            lines(), media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"}
        )

    return [changes]


def _reader(desk: Desk, request: Request[Any, Any, Any], patient: str) -> str:
    """Who listens. Raises Unauthorised, SessionLocked, or NotFound for those who may not see this patient."""
    caller = desk.anyone(request, active=False)
    if not caller.sight.sees_type("Patient") and patient not in caller.sight.patients("Patient"):
        raise NotFound()
    return caller.author.user


async def _told(desk: Desk, event: Event | None, patient: str, reader: str) -> Saved | None:
    """What an event means to who reads this patient's page; None: nothing."""
    if event is None:
        return None
    if not isinstance(event, Change):
        return Saved(None)  # more than is told one by one: it may concern her
    return await desk.threads.search(news, desk.store, event, patient, reader)


def news(store: Store, change: Change, patient: str, reader: str) -> Saved | None:
    """Whether a change is one in this patient's record, and whose it was."""
    versions = store.history(change.type, change.id, count=_VERSIONS_MAX)
    shown = next((version for version in versions if version.stored.body is not None), None)
    if shown is None or patient not in patients_of(msgspec.json.decode(shown.stored.body or b"{}")):
        return None
    return Saved(_name(versions[0], reader))


def _name(version: Version, reader: str) -> str | None:
    """By what name the reader knows who saved a version."""
    return None if version.user == reader or version.user.startswith(_NOT_PEOPLE) else version.user


def _since(request: Request[Any, Any, Any]) -> int | None:
    """From when on, ms since 1970 UTC: where the stream broke off, else when the page was made."""
    asked = asked_for(request).get("since", "")
    text = request.headers.get("last-event-id") or asked
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX else None
