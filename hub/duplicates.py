"""People who are probably registered twice, at two facilities of a region: found in the background, by what their records share.

Every Patient that comes, changes, moves or goes is looked at once, after the exchange that brought her (`duplicate_due` is written with
her clues). Who shares most clues with her is opened and compared as for `/sync/v1/find`; kept are the numbers of the two records and the
score, and nothing that says who she is. What clinics do about it, they do: one record is moved to the other's facility (`admit`) and
they are linked there. Records that are linked are no pair.

Clues are keyed by region, so nobody is compared with somebody of another one. Two facilities of one region on different shards are not
compared.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from hub.clues import body_of, opened
from hub.places import Place
from hub.store import duplicates
from hub.store.duplicates import Pair
from hub.store.resources import read_states
from sync_protocol.matching.person import Person, person_of
from sync_protocol.matching.scoring import Grade, compare

RECORDS_A_SLICE: Final = 25
COMPARED_MAX: Final = 12
"""Records that one is compared with: some milliseconds."""
SHARED_MIN: Final = 2
"""Clues: who shares one alone has a name and a year, or a telephone of the house, as many have."""
COMMON_MAX: Final = 200
GRADES: Final[frozenset[Grade]] = frozenset({"certain", "probable"})


class _Known(Struct, frozen=True):
    """A record that is compared. `linked`: names of records that it says are hers too."""

    scope: int
    name: str
    person: Person
    linked: frozenset[str]


async def look(place: Place) -> bool:
    """One slice. Whether there may be more. A record that does not open holds nobody up, and is no pair."""
    async with place.transaction() as connection:
        if not await duplicates.lock_finding(connection):
            return False
        due = await duplicates.take_due(connection, RECORDS_A_SLICE)
        if not due:
            return False
        asked = sorted({one.key for one in due})
        shared = await duplicates.sharing(
            connection, asked, shared_min=SHARED_MIN, common_max=COMMON_MAX, limit=COMPARED_MAX
        )
        shard = place.on(connection)
        rows = await read_states(connection, sorted({key for pair in shared for key in pair}))
        known = {
            row.key: _known(row.scope, patient)
            for row, patient in await opened(place, shard, list(rows.values()))
            if patient
        }
        regions = await shard.regions_of(sorted({one.scope for one in known.values()}))
        here = {key: one for key, one in known.items() if one.scope in regions}
        patients = await shard.count_patients(sorted(regions))
        await duplicates.replace_pairs(connection, due, _pairs(shared, here, patients))
        return True


def _known(scope: int, patient: Any) -> _Known:
    body = body_of(patient)
    return _Known(scope, patient.name, person_of(body), _linked(body))


def _linked(body: Mapping[str, Any]) -> frozenset[str]:
    links = body.get("link")
    others = [link.get("other") for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    return frozenset(str(other.get("reference")) for other in others if isinstance(other, dict))


def _pairs(shared: Sequence[tuple[int, int]], known: Mapping[int, _Known], patients: int) -> list[Pair]:
    """Those of two facilities that are probably of one person."""
    found: list[Pair] = []
    for first, second in sorted({(min(pair), max(pair)) for pair in shared}):
        one, two = known.get(first), known.get(second)
        if one is None or two is None or one.scope == two.scope or two.name in one.linked or one.name in two.linked:
            continue
        score = compare(one.person, two.person, patients=patients)
        if score.grade in GRADES:
            found.append(Pair(first, second, round(score.bits, 1)))
    return found
