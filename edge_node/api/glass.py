"""Breaking the glass: a record outside of one's role is opened with a reason, to be seen, by this user, for a while, audited.

What a supervisor sees of it is `edge_node/store/opened.py`. Source: ISO 27799:2016, 9.4.1 (emergency access, with a trail of it);
the purpose is `BTG` of http://terminology.hl7.org/CodeSystem/v3-ActReason.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler

from edge_node.api import media
from edge_node.api.access import Access, Caller, check_act
from edge_node.api.outcome import Refused
from edge_node.api.threads import Threads
from edge_node.language import _
from edge_node.store import opened
from edge_node.store.rows import instant
from edge_node.store.store import Store

REASON_CHARS_MIN = 10
REASON_CHARS_MAX = 500
JSON = "application/json"


class Asked(msgspec.Struct, frozen=True):
    """Whose record, and why."""

    patient: str
    reason: str


class Glass:
    """Opens records, for `open_ms` each."""

    def __init__(self, store: Store, now_ms: Callable[[], int], open_ms: int) -> None:
        self._store, self._now_ms, self.open_ms = store, now_ms, open_ms

    def open(self, caller: Caller, patient: str, reason: str) -> int:
        """Opens a record; until when, in ms since 1970. Raises Forbidden, Refused for a reason that tells nothing, NotFound."""
        author = check_act(caller, "open-with-reason")
        said = " ".join(reason.split())
        if len(said) < REASON_CHARS_MIN or len(set(said.casefold())) < REASON_CHARS_MIN // 2:
            raise Refused(
                400, "required", _("The reason tells nothing"), _("Say in a sentence why you need this record now")
            )
        if len(said) > REASON_CHARS_MAX:
            raise Refused(
                400,
                "too-long",
                _("The reason is too long"),
                _("At most %(number)s characters", number=REASON_CHARS_MAX),
            )
        now = self._now_ms()
        with self._store.transaction() as connection:
            opened.open_record(connection, author, patient, said, now, now + self.open_ms)
        return now + self.open_ms

    def latest(self) -> list[opened.Opened]:
        """What was opened, what nobody has looked at first."""
        with self._store.reading() as connection:
            return opened.latest(connection)

    def of_patient(self, patient: str, since_ms: int) -> list[opened.Opened]:
        """Who opened a patient's record since then."""
        with self._store.reading() as connection:
            return list(opened.of_patient(connection, patient, since_ms))

    def unseen(self) -> int:
        """How many wait for a supervisor."""
        with self._store.reading() as connection:
            return opened.count_unseen(connection)

    def review(self, caller: Caller, number: int) -> None:
        """A supervisor has looked at one. Raises Forbidden, NotFound."""
        author = check_act(caller, "see-opened")
        with self._store.transaction() as connection:
            opened.review(connection, number, author, self._now_ms())


def handlers(glass: Glass, access: Access, threads: Threads) -> list[HTTPRouteHandler]:
    """`/api/v1/break-glass`."""

    def caller(request: Request[Any, Any, Any]) -> Caller:
        return access.caller(request.headers.get("authorization"), request.headers.get("cookie"))

    @post(
        "/api/v1/break-glass",
        status_code=201,
        summary="Open a record outside of one's role, for a while, with a reason",
        tags=["people"],
    )
    async def break_glass(request: Request[Any, Any, Any]) -> Response[bytes]:
        who = caller(request)
        asked = _asked(request.headers.get("content-type", ""), await request.body())
        until = await threads.write(glass.open, who, asked.patient, asked.reason)
        told = {"patient": asked.patient, "until": instant(until)}
        return Response(msgspec.json.encode(told), media_type=JSON, status_code=201)

    @get("/api/v1/break-glass", summary="Which records were opened with a reason, by whom and why", tags=["people"])
    async def listed(request: Request[Any, Any, Any]) -> Response[bytes]:
        check_act(caller(request), "see-opened")
        found = await threads.search(glass.latest)
        return Response(msgspec.json.encode({"opened": [_told(one) for one in found]}), media_type=JSON)

    return [break_glass, listed]


def _asked(content_type: str, body: bytes) -> Asked:
    media.check_body(media.type_of(content_type), frozenset({JSON}))
    try:
        return msgspec.json.decode(body, type=Asked)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, "structure", "This opens nothing", 'Send {"patient": …, "reason": …} as JSON') from error


def _told(one: opened.Opened) -> dict[str, object]:
    return {
        "number": one.number,
        "at": instant(one.at_ms),
        "until": instant(one.until_ms),
        "user": one.user,
        "role": one.role,
        "patient": one.patient,
        "reason": one.reason,
        "reviewed_by": one.reviewed_by or None,
    }
