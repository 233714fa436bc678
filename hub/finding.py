"""`/sync/v1/find`: who may be meant by a description, among the patients of the node's own region.

Told is only what tells one person from another. Each question is written down, with who asked and how many were found, and not for whom;
a node may ask so many in an hour and in a day. That is counted in the database, under the node's lock: a restart forgives nothing, and
asking many at once gains nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct

from hub import candidates
from hub.clues import body_of, opened
from hub.errors import FacilityMoved, TooLittleKnown, TooManyQuestions
from hub.places import Place
from hub.store.nodes import FacilityRow, NodeRow
from hub.store.resources import ResourceRow
from hub.store.shard import Shard
from sync_protocol import bounds
from sync_protocol.exchange.finding import Candidate, Find, Found, described, read_find
from sync_protocol.exchange.messages import encode
from sync_protocol.matching import clues
from sync_protocol.matching.person import Person, name_text, person_of
from sync_protocol.matching.scoring import Grade, Score, compare
from sync_protocol.resource import Resource

COMPARED_MAX: Final = 60
"""Records that are opened and compared for one question: 10 to 30 ms."""
BITS_MIN: Final = 10.0
"""Who agrees in less is not told of: of a thousand strangers one does."""
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


class _Likely(Struct, frozen=True):
    row: ResourceRow
    id: str
    body: dict[str, Any]
    score: Score
    facility: FacilityRow


class _BroughtUp(Struct, frozen=True):
    """Records that clues brought up, with their facilities; how many patients there are to be told apart from."""

    records: list[tuple[ResourceRow, Resource, FacilityRow]]
    patients: int


async def find(hub: Place, node: NodeRow, body: bytes, now_ms: int) -> bytes:
    """Answers a question. Raises ProtocolError for what cannot be read, TooLittleKnown, TooManyQuestions."""
    asked = read_find(body)
    person = described(asked)
    if not clues.enough(person):
        raise TooLittleKnown
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    async with hub.shard() as shard:
        if not await shard.lock_nodes([node.id]):
            raise FacilityMoved
        left = await _still_free(hub, shard, node, now)
        brought = [await _brought_up(hub, shard, node.region, person)]
        for place in hub.others.of_region(node.region):
            if place is not hub:
                async with place.reading() as reading:
                    brought.append(await _brought_up(place, place.on(reading.connection), node.region, person))
        likely = _likely(person, brought)
        shown = likely[: bounds.CANDIDATES_MAX]
        await shard.note_question(node.id, now, f"{asked.user} ({asked.role})", len(shown))
    told = [_told(hub, node, asked, one, now_ms) for one in shown]
    return encode(Found(candidates=told, more=len(likely) > len(shown), left=left - 1))


async def _still_free(hub: Place, shard: Shard, node: NodeRow, now: datetime) -> int:
    """How many questions the node may ask within this hour, this one included. Raises TooManyQuestions."""
    asked = await shard.questions_since(node.id, now - DAY)
    for limit, window in ((hub.settings.finds_per_hour, HOUR), (hub.settings.finds_per_day, DAY)):
        within = [at for at in asked if at > now - window]
        if len(within) >= limit:
            free_again = within[len(within) - limit] + window - now
            raise TooManyQuestions(retry_after_seconds=max(1, int(free_again.total_seconds()) + 1))
    of_hour = sum(at > now - HOUR for at in asked)
    return min(hub.settings.finds_per_hour - of_hour, hub.settings.finds_per_day - len(asked))


async def _brought_up(hub: Place, shard: Shard, region: str, person: Person) -> _BroughtUp:
    """Whom a description brings up among the patients of a region who are at home on one shard."""
    facilities = {facility.scope: facility for facility in await shard.facilities_at_home(region)}
    weights = {
        hub.keys.clue_token(region, clue.kind, clue.value): weight for clue, weight in clues.asked_by(person).items()
    }
    rows = await shard.read_states(await shard.keys_by_clues(weights, COMPARED_MAX))
    here = [row for row in rows.values() if row.scope in facilities]  # who moved to another region a moment ago is not
    records = [
        (row, patient, facilities[row.scope]) for row, patient in await opened(hub, shard, here) if patient is not None
    ]
    return _BroughtUp(records, await shard.count_patients(sorted(facilities)))


def _likely(person: Person, brought: Sequence[_BroughtUp]) -> list[_Likely]:
    """Everybody among them whom a description may mean, the likeliest first."""
    patients = sum(one.patients for one in brought)
    found = []
    for row, patient, facility in (record for one in brought for record in one.records):
        body = body_of(patient)
        theirs = person_of(body)
        score = compare(_named_alike(person, theirs), theirs, patients=patients)
        if body and score.bits >= BITS_MIN and _says_who(score):
            found.append(_Likely(row, patient.id, body, score, facility))
    return sorted(found, key=lambda one: (-one.score.bits, one.row.key))


def _says_who(score: Score) -> bool:
    """Whether something agrees that is a person's own: a day and a village have many who were born on it and live in it."""
    return any(share.bits > 0 and share.field in ("name", "phone", "identifier") for share in score.shares)


def _named_alike(asked: Person, theirs: Person) -> Person:
    """The description with the systems of equal identifiers of theirs: whose number it is was not asked."""
    values = {value for _, value in asked.identifiers}
    same = tuple(pair for pair in theirs.identifiers if pair[1] in values)
    return msgspec.structs.replace(asked, identifiers=same or asked.identifiers)


def _told(hub: Place, node: NodeRow, asked: Find, one: _Likely, now_ms: int) -> Candidate:
    body = one.body
    return Candidate(
        token=candidates.issue(hub.keys, one.row.rkey, node.id, asked.user, now_ms),
        bits=round(one.score.bits, 1),
        grade=_grade(one.score),
        why=[(share.field, share.how) for share in one.score.shares],
        name=next(iter(_names(body)), ""),
        sex=_text(body.get("gender")),
        born=_text(body.get("birthDate")),
        village=_village(body),
        facility=one.facility.name,
        alive=body.get("deceasedBoolean") is not True and "deceasedDateTime" not in body,
        here=one.id if one.facility.id == node.facility else "",
    )


def _grade(score: Score) -> Grade:
    """Who is told of is at least possible."""
    return "possible" if score.grade == "certainly-not" else score.grade


def _names(body: Mapping[str, Any]) -> Sequence[str]:
    names = body.get("name")
    texts = [name_text(name) for name in names if isinstance(name, dict)] if isinstance(names, list) else []
    return [_text(text) for text in texts if text]


def _village(body: Mapping[str, Any]) -> str:
    addresses = body.get("address")
    places = [one for one in addresses if isinstance(one, dict)] if isinstance(addresses, list) else []
    return next((text for one in places if (text := _text(one.get("city") or one.get("district")))), "")


def _text(value: Any) -> str:
    return value[: bounds.ASKED_CHARS_MAX] if isinstance(value, str) else ""
