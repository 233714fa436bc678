"""Whom a description may mean: records that its clues bring up on each shard, compared with it, the likeliest first."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct

from hub.clues import body_of, opened
from hub.places import Place
from hub.store.nodes import FacilityRow
from hub.store.resources import ResourceRow
from hub.store.shard import Shard
from sync_protocol.matching import clues
from sync_protocol.matching.person import Person, person_of
from sync_protocol.matching.scoring import Grade, Score, compare
from sync_protocol.resource import Resource

COMPARED_MAX: Final = 60
"""Records that are opened and compared for one question: 10 to 30 ms."""
BITS_MIN: Final = 10.0
"""Who agrees in less is not told of: of a thousand strangers one does."""


class Likely(Struct, frozen=True):
    """One of them. `body`: the Patient as she is shown."""

    row: ResourceRow
    id: str
    body: dict[str, Any]
    score: Score
    facility: FacilityRow

    @property
    def grade(self) -> Grade:
        """Who is told of is at least possible."""
        return "possible" if self.score.grade == "certainly-not" else self.score.grade


class BroughtUp(Struct, frozen=True):
    """Records that clues brought up, with their facilities; how many patients there are to be told apart from."""

    records: list[tuple[ResourceRow, Resource, FacilityRow]]
    patients: int


async def brought_up(place: Place, shard: Shard, region: str, person: Person) -> BroughtUp:
    """Whom a description brings up among the patients of a region who are at home on one shard."""
    facilities = {facility.scope: facility for facility in await shard.facilities_at_home(region)}
    weights = {
        place.keys.clue_token(region, clue.kind, clue.value): weight for clue, weight in clues.asked_by(person).items()
    }
    rows = await shard.read_states(await shard.keys_by_clues(weights, COMPARED_MAX))
    here = [row for row in rows.values() if row.scope in facilities]  # who moved to another region a moment ago is not
    records = [
        (row, patient, facilities[row.scope])
        for row, patient in await opened(place, shard, here)
        if patient is not None
    ]
    return BroughtUp(records, await shard.count_patients(sorted(facilities)))


def likely(
    person: Person, brought: Sequence[BroughtUp], as_asked: Callable[[Person, Person], Person] = lambda asked, _: asked
) -> list[Likely]:
    """Everybody among them whom a description may mean, the likeliest first. `as_asked(description, theirs)`: what of it is compared."""
    patients = sum(one.patients for one in brought)
    found = []
    for row, patient, facility in (record for one in brought for record in one.records):
        body = body_of(patient)
        theirs = person_of(body)
        score = compare(as_asked(person, theirs), theirs, patients=patients)
        if body and score.bits >= BITS_MIN and _says_who(score):
            found.append(Likely(row, patient.id, body, score, facility))
    return sorted(found, key=lambda one: (-one.score.bits, one.row.key))


def _says_who(score: Score) -> bool:
    """Whether something agrees that is a person's own: a day and a village have many who were born on it and live in it."""
    return any(share.bits > 0 and share.field in ("name", "phone", "identifier") for share in score.shares)
