"""Who is on her way: referred here by another clinic, or sent away from here and not yet seen there. Plain lists for work lists.

A referral is a ServiceRequest: an active order of category SNOMED CT 3457005 (patient referral) for `Organization/<facility>`. The
hub moves her with her whole record when it hears of it, the referral among it; what stays here is the hub's notice, a Communication.
Organizations of the region's facilities come from the hub, too.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

from edge_node.fhir.query import parse_query
from edge_node.store.model import Stored
from edge_node.store.store import Store
from sync_protocol.referral import FACILITY_SYSTEM, NOTICE_SYSTEM, PATIENT_REFERRAL, SNOMED

LISTED_MAX: Final = 500


class Facility(Struct, frozen=True):
    """A facility of the region, by whose id a referral names it."""

    id: str
    name: str


class Referred(Struct, frozen=True):
    """A referral to this clinic, whose patient is here with her record. `by`: who wrote it; `authored`: FHIR dateTime, as written."""

    request: str
    patient: str
    authored: str
    by: str
    priority: str
    reason: str


class SentAway(Struct, frozen=True):
    """Somebody who was referred from here and is not known to have arrived.

    `state`: `waiting`, her record has not left yet (it goes with the next exchange); `underway`, it is at the other clinic and she has
    not been seen there; `left`, it could not go, `why` says the hub's reason. `patient`: her id, while she is here.
    """

    state: str
    name: str
    patient: str
    facility: str
    since: str
    request: str
    why: str = ""


def own_facility(store: Store) -> str:
    """The id of this node's facility; empty while it has no hub."""
    with store.reading() as connection:
        return str(connection.execute("SELECT coalesce(facility, '') FROM sync").fetchone()[0])


def facilities(store: Store) -> list[Facility]:
    """All facilities of the region as the hub told them, its own among them, by name."""
    found = _all(store, "Organization", ("identifier", f"{FACILITY_SYSTEM}|"), ("active", "true"))
    return sorted((Facility(one["id"], str(one.get("name") or one["id"])) for one in found), key=lambda f: f.name)


def referred_here(store: Store) -> list[Referred]:
    """Active referrals to this clinic, the latest first. They are over when their status says so."""
    own = own_facility(store)
    found = _referrals(store, ("performer", f"Organization/{own}")) if own else []
    listed = [
        Referred(
            one["id"],
            _reference(one.get("subject"), "Patient"),
            str(one.get("authoredOn") or ""),
            str(_object(one.get("requester")).get("display") or ""),
            str(one.get("priority") or ""),
            _text(one.get("reasonCode")),
        )
        for one in found
    ]
    return sorted(listed, key=lambda one: (one.authored, one.request), reverse=True)


def sent_away(store: Store) -> list[SentAway]:
    """Who was referred from here and is not known to have arrived, the longest on her way first."""
    names = {facility.id: facility.name for facility in facilities(store)}
    notices = _all(store, "Communication", ("category", f"{NOTICE_SYSTEM}|"), ("status", "in-progress,not-done"))
    told = [_noticed(one) for one in notices]
    settled = {one.request for one in told}
    waiting = [_waiting(store, one, names) for one in _referrals(store) if one["id"] not in settled]
    own = own_facility(store)
    away = [one for facility, one in waiting if facility and facility != own] + [one for one in told if one.state]
    return sorted(away, key=lambda one: (one.since, one.request))


def _waiting(store: Store, request: dict[str, Any], names: dict[str, str]) -> tuple[str, SentAway]:
    """To which facility, and what the list says."""
    performers = request.get("performer") or [{}]
    facility = _reference(performers[0], "Organization")
    patient = _reference(request.get("subject"), "Patient")
    stored = store.read("Patient", patient) if patient else None
    name = _name(msgspec.json.decode(stored.body)) if stored is not None and stored.body is not None else ""
    since = str(request.get("authoredOn") or "")
    return facility, SentAway("waiting", name, patient, names.get(facility, facility), since, request["id"])


def _noticed(notice: dict[str, Any]) -> SentAway:
    """What a notice of the hub says. A referral that was given up after she had gone is nobody's work any more: no state."""
    kind = _code(notice.get("category"))
    state = "left" if kind == "referral-left" else "underway" if notice.get("status") == "in-progress" else ""
    about = (notice.get("about") or [{}])[0]
    request = _reference((notice.get("basedOn") or [{}])[0], "ServiceRequest")
    return SentAway(
        state,
        str(_object(about).get("display") or ""),
        _reference(about, "Patient") if state == "left" else "",
        str(_object(notice.get("sender")).get("display") or ""),
        str(notice.get("sent") or ""),
        request,
        _code(notice.get("reasonCode")) if state == "left" else "",
    )


def _referrals(store: Store, *more: tuple[str, str]) -> list[dict[str, Any]]:
    wanted = (("category", f"{SNOMED}|{PATIENT_REFERRAL}"), ("status", "active"), ("intent", "order"))
    return _all(store, "ServiceRequest", *wanted, *more)


def _all(store: Store, type_: str, *criteria: tuple[str, str]) -> list[dict[str, Any]]:
    page = store.search(parse_query(type_, [*criteria, ("_count", str(LISTED_MAX))], now_ms=0))
    return [_body(stored) for stored in page.found]


def _body(stored: Stored) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(stored.body or b"{}")
    return body


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _reference(value: Any, type_: str) -> str:
    given, _, id_ = str(_object(value).get("reference") or "").partition("/")
    return id_ if given == type_ else ""


def _code(concepts: Any) -> str:
    codings = (coding for one in concepts or [] for coding in _object(one).get("coding") or [])
    return next((str(one.get("code")) for one in codings if _object(one).get("system") == NOTICE_SYSTEM), "")


def _text(concepts: Any) -> str:
    found = (_object(one) for one in concepts or [])
    texts = (str(one.get("text") or next(iter(one.get("coding") or [{}])).get("display") or "") for one in found)
    return "; ".join(text for text in texts if text)


def _name(patient: dict[str, Any]) -> str:
    name = _object((patient.get("name") or [{}])[0])
    return str(name.get("text") or " ".join([*(name.get("given") or []), str(name.get("family") or "")]).strip())
