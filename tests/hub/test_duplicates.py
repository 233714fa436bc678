"""People who are registered at two clinics are found as pairs of numbers, once for each change, and forgotten when they are one."""

from typing import Any

import pytest

from hub import clues, duplicates
from hub.authoring import put
from hub.duplicates import look
from hub.places import Place
from hub.runtime import Hub
from hub.store.copying import forget
from hub.store.duplicates import Pair, lock_finding
from hub.upkeep import tidy
from tests.hub.conftest import NOW_MS, add_east

ADAEZE = {
    "name": [{"given": ["Adaeze"], "family": "Okafor"}],
    "birthDate": "1991-03-14",
    "gender": "female",
    "telecom": [{"system": "phone", "value": "+233541234567"}],
}


async def write(place: Place, facility: str, *people: dict[str, Any]) -> None:
    """Patients of a facility, with their clues, as an exchange stores them."""
    async with place.shard() as shard:
        (scope,) = await shard.named_scopes([f"facility/{facility}"])
        await put(place, shard, scope, [{"resourceType": "Patient", **one} for one in people], NOW_MS)
        rows = await shard.lock_present([place.keys.resource_key(f"Patient/{one['id']}") for one in people])
        found = await clues.opened(place, shard, rows)
        await clues.index(place, shard, [(row.key, row.scope, patient) for row, patient in found if patient])


async def pairs(place: Place) -> list[Pair]:
    while await look(place):
        pass
    async with place.transaction() as connection:
        return [Pair(*row) for row in await connection.fetch("SELECT first, second, bits FROM duplicate ORDER BY 1, 2")]


async def shown(place: Place) -> dict[tuple[str, str], int]:
    """(region, facility; "": the whole region) → pairs that the console shows."""
    async with place.transaction() as connection:
        await connection.execute("REFRESH MATERIALIZED VIEW issue_count")
        found = await connection.fetch(
            "SELECT view.region, coalesce(id, ''), n FROM issue_count AS view LEFT JOIN facility USING (scope) WHERE issue = 'pair'"
        )
    return {(region, facility): n for region, facility, n in found}


async def test_who_is_at_two_clinics_is_a_pair(place: Place) -> None:
    await write(
        place, "f0", {"id": "a", **ADAEZE}, {"id": "other", "name": [{"family": "Mensah"}], "birthDate": "1991-03-14"}
    )
    await write(place, "f1", {"id": "b", **ADAEZE, "name": [{"given": ["Adaezé"], "family": "Okafo"}]})
    (pair,) = await pairs(place)
    assert pair.bits > 15
    assert await shown(place) == {("west", ""): 1, ("west", "f0"): 1, ("west", "f1"): 1}


async def test_whose_pairs_are_of_two_regions_or_of_clinics_elsewhere(hub: Hub, place: Place) -> None:
    await add_east(hub)
    await write(place, "f0", {"id": "a", **ADAEZE})
    await write(place, "e0", {"id": "c", **ADAEZE})
    assert await pairs(place) == []
    assert await shown(place) == {}
    await write(place, "f1", {"id": "b", **ADAEZE})
    await pairs(place)
    async with place.transaction() as connection:
        await connection.execute("UPDATE scope SET home = 2 WHERE name = 'facility/f1'")
    assert await shown(place) == {("west", "f0"): 1, ("west", ""): 1}


async def test_while_one_process_looks_the_others_leave_it_alone(place: Place) -> None:
    await write(place, "f0", {"id": "a", **ADAEZE})
    async with place.transaction() as other:
        assert await lock_finding(other)
        assert not await look(place)
        assert await other.fetchval("SELECT count(*) FROM duplicate_due") == 1
    assert await look(place)


async def test_within_one_clinic_it_is_the_clinic_s_own_matter(place: Place) -> None:
    await write(place, "f0", {"id": "a", **ADAEZE}, {"id": "b", **ADAEZE})
    assert await pairs(place) == []


@pytest.mark.parametrize(
    "after",
    [
        {"name": [{"given": ["Comfort"], "family": "Mensah"}], "birthDate": "1960-01-05"},
        {**ADAEZE, "link": [{"other": {"reference": "Patient/a"}, "type": "replaces"}]},
    ],
)
async def test_a_change_is_followed(place: Place, after: dict[str, Any]) -> None:
    await write(place, "f0", {"id": "a", **ADAEZE})
    await write(place, "f1", {"id": "b", **ADAEZE})
    assert len(await pairs(place)) == 1
    await write(place, "f1", {"id": "b", **after})
    assert await pairs(place) == []


async def test_who_left_is_no_pair_any_more(place: Place) -> None:
    await write(place, "f0", {"id": "a", **ADAEZE})
    await write(place, "f1", {"id": "b", **ADAEZE})
    (pair,) = await pairs(place)
    async with place.shard() as shard:
        await shard.replace_clues({pair.first: frozenset()})
    assert await pairs(place) == []


async def test_who_went_to_another_shard_is_no_pair_here(place: Place) -> None:
    await write(place, "f0", {"id": "a", **ADAEZE})
    await write(place, "f1", {"id": "b", **ADAEZE})
    (pair,) = await pairs(place)
    async with place.shard() as shard:
        (scope,) = await shard.named_scopes(["facility/f1"])
    async with place.transaction() as connection:
        await forget(connection, scope.id, {pair.second: b""})
    assert await pairs(place) == []


async def test_work_is_proportional_to_change(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [
        {"id": f"p{n}", "name": [{"family": f"Okafor{'bcdfgh'[n % 6]}"}], "birthDate": f"19{40 + n}-02-03"}
        for n in range(40)
    ]
    await write(place, "f0", *people)
    await write(place, "f1", {"id": "b", **ADAEZE})
    await pairs(place)
    looked: list[int] = []
    real = duplicates._known

    def counted(scope: int, patient: Any) -> Any:
        looked.append(scope)
        return real(scope, patient)

    monkeypatch.setattr(duplicates, "_known", counted)
    assert not await look(place)
    await write(place, "f0", {"id": "a", **ADAEZE})
    assert len(await pairs(place)) == 1
    assert len(looked) == 2


async def test_what_everybody_has_brings_up_nobody(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await write(place, "f0", {"id": "a", **ADAEZE})
    await write(place, "f1", {"id": "b", **ADAEZE}, {"id": "c", **ADAEZE})
    monkeypatch.setattr("hub.duplicates.COMMON_MAX", 2)
    assert await pairs(place) == []


async def test_a_record_that_does_not_open_holds_nobody_up(hub: Hub, place: Place) -> None:
    await write(place, "f0", {"id": "a", **ADAEZE})
    await write(place, "f1", {"id": "b", **ADAEZE}, {"id": "c", **ADAEZE})
    async with place.transaction() as connection:
        await connection.execute("UPDATE resource SET state = 'damaged' WHERE key = (SELECT max(key) FROM resource)")
    await tidy(hub, NOW_MS)
    assert len(await pairs(place)) == 1


async def test_nothing_says_who_she_is(place: Place) -> None:
    await write(place, "f0", {"id": "a", **ADAEZE})
    await write(place, "f1", {"id": "b", **ADAEZE})
    await pairs(place)
    async with place.transaction() as connection:
        rows = [dict(row) for row in await connection.fetch("SELECT * FROM duplicate")]
    assert [sorted(row) for row in rows] == [["bits", "first", "found", "second"]]
