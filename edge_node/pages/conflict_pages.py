"""`/conflicts`: what waits for a clinician, and its settling."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Request, Response, get, post

from edge_node.api.node import Choice, may_settle, settle
from edge_node.api.outcome import Refused
from edge_node.api.sight import Sight
from edge_node.errors import NotFound, VersionConflict
from edge_node.language import _
from edge_node.pages import contradictions, rendering, words
from edge_node.pages.desk import Desk
from edge_node.pages.disputes import Dispute, dispute, written_here
from edge_node.pages.elements import nobody
from edge_node.pages.forms import fields, safe_next
from edge_node.pages.people import patient_of
from edge_node.pages.words import Naming
from edge_node.store.model import OpenConflict, Stored
from edge_node.store.store import Store
from sync_protocol.policy import needs_review

LISTED_MAX = 50


def handlers(desk: Desk) -> list[Any]:
    """The paths."""

    @get("/conflicts")
    async def inbox(request: Request[Any, Any, Any]) -> Response[Any]:
        caller = desk.caller(request, "settle")
        found = await desk.threads.search(of_all, desk.store, caller.sight, desk.now_ms())
        others: list[contradictions.Shown] = []
        if caller.sight.sees_all:
            others = await desk.threads.search(contradictions.of_all, desk.store, desk.now_ms())
        return await desk.page(
            request, caller.author, "conflicts.html", here="conflicts", disputes=found, contradictions=others
        )

    @post("/conflicts", status_code=200)
    async def choose(request: Request[Any, Any, Any]) -> Response[Any]:
        caller = desk.caller(request, "settle")
        sent = fields(request.headers.get("content-type"), await request.body())
        author = may_settle(caller, sent.get("type", ""))
        choice = _choice(sent)
        try:
            await desk.threads.write(
                settle, desk.parts.service, author, sent.get("type", ""), sent.get("id", ""), choice
            )
        except VersionConflict:
            desk.tell(
                author,
                "bad",
                _("Nothing was changed: the record was changed while you looked at it. Look again, then choose."),
            )
        except NotFound:
            desk.tell(author, "plain", _("Somebody has settled this already."))
        else:
            desk.parts.feed.changed()
            desk.tell(author, "good", _("Settled. What you chose now stands; the other is kept in the history."))
        return rendering.redirect(safe_next(sent.get("next")))

    return [inbox, choose]


def _choice(sent: dict[str, str]) -> Choice:
    """What was chosen on the form. Raises Refused."""
    element, version = sent.get("element", ""), sent.get("version", "")
    if sent.get("keep") in ("yes", "no"):
        return Choice(element, version, keep=sent["keep"] == "yes")
    number = sent.get("choose", "")
    if not (number.isascii() and number.isdigit() and len(number) < 4):
        raise Refused(400, "value", "Nothing was chosen", "Go back and choose one of the values")
    return Choice(element, version, choose=int(number))


def of_patient(store: Store, disputed: Sequence[Stored], naming: Naming, now_ms: int) -> list[Dispute]:
    """The open conflicts of some records."""
    told = []
    for stored in disputed:
        found = [one for one in store.disagreements(stored.type, stored.id) if needs_review(one.type, one.element)]
        resource = words.decode(stored.body) if stored.body is not None else {}
        told += _told(store, found, resource, naming, now_ms)
    return told


def of_all(store: Store, sight: Sight, now_ms: int) -> list[Dispute]:
    """The inbox of who has this sight, oldest first, each with whose it is."""
    told = []
    for one in (one for one in store.conflicts(LISTED_MAX) if sight.sees_type(one.type)):
        stored = store.read(one.type, one.id)
        resource = words.decode(stored.body) if stored is not None and stored.body is not None else {}
        patient_id = patient_of(one.type, one.id, resource)
        patient = store.read("Patient", patient_id) if patient_id else None
        name = words.human_name(words.decode(patient.body).get("name")) if patient is not None and patient.body else ""
        for found in _told(store, [one], resource, nobody, now_ms):
            told.append(
                msgspec.structs.replace(found, patient_id=patient_id if patient is not None else "", patient=name)
            )
    return told


def _told(
    store: Store, found: list[OpenConflict], resource: words.Object, naming: Naming, now_ms: int
) -> list[Dispute]:
    with store.snapshot() as connection:
        here = written_here(connection, found)
    return [dispute(one, resource, places, now_ms, naming=naming) for one, places in zip(found, here, strict=True)]
