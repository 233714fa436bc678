"""`/audit`: who did what to which record, by person, by day, of one patient; for those who may. Reading it is audited too."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import FromQuery

from edge_node.api.sight import Sight
from edge_node.errors import NotFound
from edge_node.language import N_, Text, _
from edge_node.pages import codes, dates, people, words
from edge_node.pages.desk import Desk
from edge_node.pages.disputes import who_said
from edge_node.store import trail
from edge_node.store.model import AuditEntry
from edge_node.store.store import Store

ON_A_PAGE: Final = 100
_YEARS: Final = (1970, 9998)
"""Of days that have a beginning and an end in a computer's time."""
_NUMBERS: Final = 1 << 63
"""An entry's number is less: SQLite's integers have 64 bits."""
ACTIONS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "read": N_("opened"),
        "history": N_("read the history of"),
        "list": N_("opened a list of patients"),
        "list-download": N_("downloaded a list of patients"),
        "month-download": N_("downloaded a month's numbers"),
        "create": N_("wrote"),
        "update": N_("changed"),
        "delete": N_("deleted"),
        "resolve": N_("settled a conflict in"),
        "import": N_("read records in from a file"),
        "export": N_("took all records out"),
        "backup": N_("made a backup"),
        "login": N_("logged in"),
        "login-failed": N_("typed a wrong password"),
        "login-locked": N_("has to wait after too many wrong passwords"),
        "logout": N_("logged out"),
        "lock": N_("locked the screen"),
        "unlock-pin": N_("unlocked the screen with the PIN"),
        "unlock-password": N_("unlocked the screen with the password"),
        "pin-set": N_("chose a new PIN"),
        "pin-failed": N_("typed a wrong PIN"),
        "pin-ended-login": N_("was logged out after too many wrong PINs"),
        "break-glass": N_("opened with a reason"),
        "break-glass-reviewed": N_("looked at why a record was opened"),
        "audit-read": N_("read this list"),
        "find-elsewhere": N_("looked for somebody at the hub"),
        "admit": N_("took in a patient of another clinic"),
        "put-aside-read": N_("looked at what was put aside"),
        "put-aside-report": N_("made a report of what was put aside"),
        "put-aside-taken": N_("took in what was put aside"),
        "put-aside-corrected": N_("put right and took in what was put aside"),
        "put-aside-discarded": N_("threw away what was put aside"),
        "user-add": N_("gave somebody a login"),
        "user-disable": N_("took somebody's login away"),
        "user-enable": N_("gave somebody the login back"),
        "user-unlock": N_("ended somebody's wait after wrong passwords"),
        "user-password": N_("gave somebody a new password"),
        "user-told": N_("brought somebody's login from the hub"),
        "user-taken-over": N_("put the hub's login in the place of one that was made here"),
        "user-disabled": N_("took somebody's login away, as the hub says"),
    }
)
"""What somebody did, in words; the record follows."""
_OTHERWISE: Final = N_("did something that this program has no words for")


class Entry(msgspec.Struct, frozen=True):
    """An entry in words. `patient_id`: whose record it was, where she is here and for who asks."""

    when: str
    who: str
    did: str
    what: str
    patient_id: str
    patient: str
    why: str


class Asked(msgspec.Struct, frozen=True):
    """What is looked for. `day`: ISO, empty for all; `patient`: the id of one; `before`: goes on after an entry's number."""

    user: str = ""
    day: str = ""
    patient: str = ""
    before: int = 0


class Found(msgspec.Struct, frozen=True):
    """A page of the audit. `users`: who has any entry; `next`: where it goes on, 0: nowhere."""

    entries: tuple[Entry, ...]
    users: tuple[str, ...]
    next: int
    about: str


def handlers(desk: Desk) -> list[Any]:
    """The path."""

    @get("/audit")
    async def audit(
        request: Request[Any, Any, Any],
        user: FromQuery[str] = "",
        day: FromQuery[str] = "",
        patient: FromQuery[str] = "",
        before: FromQuery[int] = 0,
    ) -> Response[Any]:
        caller = desk.caller(request, "see-audit")
        asked = Asked(user[:100], _day(day), patient[:64], before if 0 <= before < _NUMBERS else 0)
        found = await desk.threads.search(look, desk.store, caller.sight, asked, desk.now_ms())
        detail = {"entries": len(found.entries), **({"user": asked.user} if asked.user else {})}
        await desk.threads.write(desk.store.record, caller.author, desk.now_ms(), "audit-read", None, detail)
        return await desk.page(request, caller.author, "audit.html", here="audit", asked=asked, found=found)

    return [audit]


def _day(written: str) -> str:
    try:
        day = date.fromisoformat(written)
    except ValueError:
        return ""
    return day.isoformat() if _YEARS[0] <= day.year <= _YEARS[1] else ""


def look(store: Store, sight: Sight, asked: Asked, now_ms: int) -> Found:
    """A page of the audit, newest first. Raises NotFound for a patient who never was here."""
    first, last = _bounds(asked.day)
    with store.snapshot() as connection:
        found = trail.looked_for(
            connection,
            user=asked.user,
            first_ms=first,
            last_ms=last,
            keys=_keys(store, asked.patient) if asked.patient else None,
            before=asked.before or None,
            count=ON_A_PAGE,
        )
        users = trail.users(connection)
    names = _Names(store, sight)
    entries = tuple(_told(one, names, now_ms) for one in found)
    following = found[-1].number if len(found) == ON_A_PAGE else 0
    return Found(entries, users, following, names(asked.patient)[1] if asked.patient else "")


def _bounds(day: str) -> tuple[int, int]:
    """The first and the last moment of a day at this clinic, in ms since 1970 UTC; of no day, all there are."""
    if not day:
        return 0, 1 << 62
    start = datetime.combine(date.fromisoformat(day), datetime.min.time()).astimezone()
    following = datetime.combine(date.fromisoformat(day) + timedelta(days=1), datetime.min.time()).astimezone()
    return int(start.timestamp() * 1000), int(following.timestamp() * 1000) - 1


def _keys(store: Store, patient: str) -> list[int]:
    if store.read("Patient", patient) is None:
        raise NotFound()
    return store.everything_keys(patient)


class _Names:
    """Patients' names, looked up once each; nobody's for who may not know them."""

    def __init__(self, store: Store, sight: Sight) -> None:
        self._store = store
        self._may = sight.sees_type("Patient")
        self._known: dict[str, tuple[str, str]] = {}

    def __call__(self, id_: str) -> tuple[str, str]:
        """Id and name; both empty when she is not here, or not for who asks."""
        if id_ not in self._known:
            stored = self._store.read("Patient", id_) if self._may and id_ else None
            here = stored is not None and stored.body is not None
            self._known[id_] = (id_, people.called(stored) or _("Patient without a name")) if here else ("", "")
        return self._known[id_]

    def of(self, entry: AuditEntry) -> tuple[str, str]:
        """Whose record an entry is about."""
        if not self._may or entry.type is None or entry.id is None:
            return "", ""
        stored = self._store.read(entry.type, entry.id) if entry.type != "Patient" else None
        resource = words.decode(stored.body) if stored is not None and stored.body is not None else {}
        return self(people.patient_of(entry.type, entry.id, resource))


def _told(entry: AuditEntry, names: _Names, now_ms: int) -> Entry:
    patient_id, patient = names.of(entry)
    did = ACTIONS.get(entry.action, _OTHERWISE)
    kind = codes.kind(entry.type) if entry.type is not None else ""
    return Entry(
        dates.moment(entry.at_ms, now_ms),
        who_said(entry.user, entry.role),
        str(did),
        kind if entry.type != "Patient" or not patient else "",
        patient_id,
        patient,
        "; ".join(_why(entry)),
    )


def _why(entry: AuditEntry) -> Iterator[str]:
    """What people wrote for a reason, and of whom the entry is."""
    detail = msgspec.json.decode(entry.detail) if entry.detail else {}
    for name in ("reason", "name"):
        value = detail.get(name) if isinstance(detail, dict) else None
        if isinstance(value, str):
            yield value
