"""`/sync/v1/find`: who may be meant by a description, among the patients of the node's own region.

Told is only what tells one person from another. Each question is written down, with who asked and how many were found, and not for whom;
a node may ask so many in an hour and in a day. That is counted in the database, under the node's lock: a restart forgives nothing, and
asking many at once gains nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from hub import candidates
from hub.errors import FacilityMoved, TooLittleKnown, TooManyQuestions
from hub.likely import Likely, brought_up, likely
from hub.places import Place
from hub.store.nodes import NodeRow
from hub.store.shard import Shard
from sync_protocol import bounds
from sync_protocol.exchange.finding import Candidate, Find, Found, described, read_find
from sync_protocol.exchange.messages import encode
from sync_protocol.matching import clues
from sync_protocol.matching.person import Person, name_text

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


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
        brought = [await brought_up(hub, shard, node.region, person)]
        for place in hub.others.of_region(node.region):
            if place is not hub:
                async with place.reading() as reading:
                    brought.append(await brought_up(place, place.on(reading.connection), node.region, person))
        meant = likely(person, brought, _named_alike)
        shown = meant[: bounds.CANDIDATES_MAX]
        await shard.note_question(node.id, now, f"{asked.user} ({asked.role})", len(shown))
    told = [_told(hub, node, asked, one, now_ms) for one in shown]
    return encode(Found(candidates=told, more=len(meant) > len(shown), left=left - 1))


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


def _named_alike(asked: Person, theirs: Person) -> Person:
    """The description with the systems of equal identifiers of theirs: whose number it is was not asked."""
    values = {value for _, value in asked.identifiers}
    same = tuple(pair for pair in theirs.identifiers if pair[1] in values)
    return msgspec.structs.replace(asked, identifiers=same or asked.identifiers)


def _told(hub: Place, node: NodeRow, asked: Find, one: Likely, now_ms: int) -> Candidate:
    body = one.body
    return Candidate(
        token=candidates.issue(hub.keys, one.row.rkey, node.id, asked.user, now_ms),
        bits=round(one.score.bits, 1),
        grade=one.grade,
        why=[(share.field, share.how) for share in one.score.shares],
        name=next(iter(_names(body)), ""),
        sex=_text(body.get("gender")),
        born=_text(body.get("birthDate")),
        village=_village(body),
        facility=one.facility.name,
        alive=body.get("deceasedBoolean") is not True and "deceasedDateTime" not in body,
        here=one.id if one.facility.id == node.facility else "",
    )


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
