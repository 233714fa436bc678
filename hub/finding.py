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
from hub.errors import TooLittleKnown, TooManyQuestions
from hub.runtime import Hub
from hub.store.nodes import FacilityRow, NodeRow
from hub.store.resources import ResourceRow
from hub.store.shard import Shard
from sync_protocol import bounds
from sync_protocol.exchange.finding import Candidate, Find, Found, described, read_find
from sync_protocol.exchange.messages import encode
from sync_protocol.matching import clues
from sync_protocol.matching.person import Person, name_text, person_of
from sync_protocol.matching.scoring import Grade, Score, compare

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


async def find(hub: Hub, node: NodeRow, body: bytes, now_ms: int) -> bytes:
    """Answers a question. Raises ProtocolError for what cannot be read, TooLittleKnown, TooManyQuestions."""
    asked = read_find(body)
    person = described(asked)
    if not clues.enough(person):
        raise TooLittleKnown
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    async with hub.shard() as shard:
        await shard.lock_node(node.id)
        left = await _still_free(hub, shard, node, now)
        facilities = {facility.scope: facility for facility in await shard.facilities_of(node.region)}
        likely = await _likely(hub, shard, node.region, person, facilities)
        shown = likely[: bounds.CANDIDATES_MAX]
        await shard.note_question(node.id, now, f"{asked.user} ({asked.role})", len(shown))
    told = [_told(hub, node, asked, one, facilities[one.row.scope], now_ms) for one in shown]
    return encode(Found(candidates=told, more=len(likely) > len(shown), left=left - 1))


async def _still_free(hub: Hub, shard: Shard, node: NodeRow, now: datetime) -> int:
    """How many questions the node may ask within this hour, this one included. Raises TooManyQuestions."""
    asked = await shard.questions_since(node.id, now - DAY)
    for limit, window in ((hub.settings.finds_per_hour, HOUR), (hub.settings.finds_per_day, DAY)):
        within = [at for at in asked if at > now - window]
        if len(within) >= limit:
            free_again = within[len(within) - limit] + window - now
            raise TooManyQuestions(retry_after_seconds=max(1, int(free_again.total_seconds()) + 1))
    of_hour = sum(at > now - HOUR for at in asked)
    return min(hub.settings.finds_per_hour - of_hour, hub.settings.finds_per_day - len(asked))


async def _likely(
    hub: Hub, shard: Shard, region: str, person: Person, facilities: Mapping[int, FacilityRow]
) -> list[_Likely]:
    """Everybody in these facilities' scopes whom a description may mean, the likeliest first."""
    weights = {
        hub.keys.clue_token(region, clue.kind, clue.value): weight for clue, weight in clues.asked_by(person).items()
    }
    rows = await shard.read_states(await shard.keys_by_clues(weights, COMPARED_MAX))
    here = [row for row in rows.values() if row.scope in facilities]  # who moved to another region a moment ago is not
    patients = await shard.count_patients(sorted(facilities))
    found = []
    for row, patient in await opened(hub, shard, here):
        body = body_of(patient) if patient is not None else {}
        theirs = person_of(body)
        score = compare(_named_alike(person, theirs), theirs, patients=patients)
        if patient is not None and body and score.bits >= BITS_MIN and _says_who(score):
            found.append(_Likely(row, patient.id, body, score))
    return sorted(found, key=lambda one: (-one.score.bits, one.row.key))


def _says_who(score: Score) -> bool:
    """Whether something agrees that is a person's own: a day and a village have many who were born on it and live in it."""
    return any(share.bits > 0 and share.field in ("name", "phone", "identifier") for share in score.shares)


def _named_alike(asked: Person, theirs: Person) -> Person:
    """The description with the systems of equal identifiers of theirs: whose number it is was not asked."""
    values = {value for _, value in asked.identifiers}
    same = tuple(pair for pair in theirs.identifiers if pair[1] in values)
    return msgspec.structs.replace(asked, identifiers=same or asked.identifiers)


def _told(hub: Hub, node: NodeRow, asked: Find, one: _Likely, facility: FacilityRow, now_ms: int) -> Candidate:
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
        facility=facility.name,
        alive=body.get("deceasedBoolean") is not True and "deceasedDateTime" not in body,
        here=one.id if facility.id == node.facility else "",
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
