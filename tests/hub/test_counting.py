"""Counts are what is stored, whatever happened on the way: changed, moved, mistaken, counted anew while clinics go on, by two processes."""

import asyncio
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from edge_node.concepts import codeable
from edge_node.maternal import concepts as edge_said
from hub import counting
from hub.facts import UNDATED, Fact, facts
from hub.moving import move_patient
from hub.places import Place
from hub.runtime import Hub
from hub.store import exchanges
from hub.store.facts import FactKey, add_counts
from hub.store.shard import PostgresShard
from hub.upkeep import tidy
from tests.hub.clinic import Clinic, new_clinic
from tests.hub.test_maternal import dating, outcome, resource, said, visit

NOW_MS = time.time_ns() // 1_000_000
PATIENT = {"resourceType": "Patient", "id": "ama", "gender": "female", "birthDate": "1999-05-06"}
EPISODE = resource(
    "EpisodeOfCare",
    "e",
    status="active",
    type=[codeable(edge_said.EPISODES["antenatal-care"])],
    period={"start": "2026-01-05"},
    patient={"reference": "Patient/ama"},
)


@pytest.fixture
async def clinic(hub: Hub) -> Clinic:
    return await new_clinic(hub, "f0", NOW_MS)


async def rows(hub: Hub, query: str, *values: Any) -> list[Any]:
    async with hub.database.transaction() as connection:
        return [tuple(row) for row in await connection.fetch(query, *values)]


async def facts_of(hub: Hub, facility: str = "f0") -> Counter[Fact]:
    query = "SELECT day, kind, code, n FROM fact JOIN facility USING (scope) WHERE facility.id = $1 AND n <> 0"
    return Counter({Fact(day, kind, code): n for day, kind, code, n in await rows(hub, query, facility)})


async def followed(hub: Hub) -> None:
    while await counting.follow(hub.shards.first):
        continue


async def test_what_a_clinic_says_is_counted_and_a_mistake_is_taken_back(hub: Hub, clinic: Clinic) -> None:
    first = visit(1, 10, "antenatal-contact")
    born = outcome(0, "live-birth", 200)
    signs = codeable(edge_said.DANGER_SIGNS["fever"])
    danger = resource(
        "Observation",
        "x",
        status="final",
        code=said("danger-signs"),
        effectiveDateTime="2026-03-01T10:00:00Z",
        valueCodeableConcept=signs,
        encounter={"reference": "Encounter/v1"},
    )
    given = {
        "resourceType": "Immunization",
        "id": "i",
        "status": "completed",
        "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "19"}]},
        "patient": {"reference": "Patient/ama"},
        "occurrenceDateTime": "2026-03-02",
    }
    await clinic.push(PATIENT, EPISODE, first, born, danger, given)
    found = await facts_of(hub)
    assert found == Counter(
        {
            Fact(UNDATED, "patient", "female"): 1,
            Fact(date(1999, 1, 1), "born", ""): 1,
            Fact(date(2026, 1, 5), "episode", "424525001"): 1,
            Fact(date(2026, 1, 11), "encounter", ""): 1,
            Fact(date(2026, 1, 11), "contact", "antenatal-contact"): 1,
            Fact(date(2026, 7, 20), "outcome", "live-birth"): 1,
            Fact(date(2026, 3, 1), "danger", "danger-signs/fever"): 1,
            Fact(date(2026, 3, 2), "immunization", "19"): 1,
        }
    )
    await clinic.push(*({**one, "status": "entered-in-error"} for one in (first, born, danger, given)))
    assert {fact.kind for fact in await facts_of(hub)} == {"patient", "born", "episode"}


async def test_a_pregnancy_follows_its_statements_in_whatever_order_they_come(hub: Hub, clinic: Clinic) -> None:
    at_visit = {**dating(0, ("lmp", -30, 10)), "encounter": {"reference": "Encounter/v1"}}
    del at_visit["extension"]
    await clinic.push(PATIENT, at_visit)
    await followed(hub)
    assert await rows(hub, "SELECT 1 FROM pregnancy") == []
    await clinic.push(EPISODE)
    await followed(hub)
    assert await rows(hub, "SELECT expected, contacts FROM pregnancy") == [(None, 0)]
    await clinic.push(visit(1, 10, "antenatal-contact"))
    await followed(hub)
    expected = date(2026, 1, 1) + timedelta(250)
    assert await rows(hub, "SELECT expected, contacts, over FROM pregnancy") == [(expected, 1, False)]
    await clinic.push({**EPISODE, "status": "entered-in-error"})
    await followed(hub)
    assert await rows(hub, "SELECT 1 FROM pregnancy") == []
    assert await rows(hub, "SELECT 1 FROM maternal_stale") == []


async def test_a_patient_who_moves_takes_her_counts_along(hub: Hub, clinic: Clinic) -> None:
    await clinic.push(PATIENT, EPISODE, visit(1, 10, "antenatal-contact"), dating(0, ("accepted-dating", 250, 10)))
    before = await facts_of(hub)
    await move_patient(hub.shards.first, "ama", "facility/f1")
    await followed(hub)
    assert (await facts_of(hub), await facts_of(hub, "f1")) == (Counter(), before)
    query = "SELECT facility.id, contacts, expected IS NOT NULL FROM pregnancy JOIN facility USING (scope)"
    assert await rows(hub, query) == [("f1", 1, True)]


async def test_two_clinics_may_use_one_id_for_two_pregnancies(hub: Hub, clinic: Clinic) -> None:
    other = await new_clinic(hub, "f1", NOW_MS)
    await clinic.push(PATIENT, EPISODE, visit(1, 10, "antenatal-contact"), visit(2, 50, "antenatal-contact"))
    await other.push({**PATIENT, "gender": "male"}, EPISODE, visit(1, 20, "antenatal-contact"))
    await followed(hub)
    query = "SELECT facility.id, contacts FROM pregnancy JOIN facility USING (scope) ORDER BY 1"
    assert await rows(hub, query) == [("f0", 2), ("f1", 1)]


def patient(number: int, **members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": f"p{number}", "gender": "female", "birthDate": "1990", **members}


async def test_counting_anew_gives_the_same_while_the_clinic_goes_on(
    hub: Hub, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.clues.ROWS_A_SLICE", 7)
    await clinic.push(*(patient(number) for number in range(30)), EPISODE, visit(1, 10, "antenatal-contact"))
    assert await counting.begin(hub.shards.first)
    assert not await counting.begin(hub.shards.first), "for these rules it has begun"
    assert await facts_of(hub) == Counter()
    slices = 0
    while await counting.recount(hub.shards.first):
        # Some that were counted already, some that were not, and some that are new.
        await clinic.push(*(patient(number, gender="male") for number in (slices, 29 - slices)), patient(100 + slices))
        slices += 1
    assert slices > 3
    kept = Counter(fact for resource in clinic.held.values() for fact in facts(resource).elements())
    assert await facts_of(hub) == kept
    await followed(hub)
    assert await rows(hub, "SELECT contacts FROM pregnancy") == [(1,)]


async def test_an_exchange_pays_one_statement_for_its_counts_and_one_for_pregnancies(
    hub: Hub, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid: list[str] = []
    noting = counting.note

    async def logged(place: Place, shard: PostgresShard, *given: Any) -> None:
        with shard.connection.query_logger(lambda record: paid.append(record.query)):
            await noting(place, shard, *given)

    await clinic.push(patient(100), {**EPISODE, "id": "other"})  # a connection learns the types of what it sends once
    monkeypatch.setattr(counting, "note", logged)
    await clinic.push(*(patient(number) for number in range(20)))
    assert len(paid) == 1
    await clinic.push(EPISODE, visit(1, 10, "antenatal-contact"))
    assert len(paid) == 3
    await clinic.push(*(patient(number, name=[{"family": "Mensah"}]) for number in range(20)))
    assert len(paid) == 3, "of what changes no count nobody is told"


async def test_while_all_is_counted_anew_nothing_is_added_before_it_is_known_what_waits(
    hub: Hub, clinic: Clinic
) -> None:
    await clinic.push(patient(1))
    await counting.begin(hub.shards.first)
    ((scope, last),) = await rows(hub, "SELECT scope, key FROM resource")
    key, came = FactKey(scope, date(2026, 1, 1), "encounter", ""), {(scope, date(2026, 1, 1)): 1}
    async with hub.database.transaction() as connection:
        assert await add_counts(connection, {key: 1}, came) == (0, last)
        assert await connection.fetchval("SELECT count(*) FROM fact") == 0
        assert await connection.fetchval("SELECT count(*) FROM arrival") == 0
        assert await add_counts(connection, {key: 1}, came, regardless=True) is None
        assert await connection.fetchval("SELECT count(*) FROM fact") == 1
        assert await connection.fetchval("SELECT count(*) FROM arrival") == 1


async def test_who_counted_before_all_is_counted_anew_is_waited_for(hub: Hub, clinic: Clinic) -> None:
    await clinic.push(patient(1))
    ((scope,),) = await rows(hub, "SELECT scope FROM resource")
    async with asyncio.timeout(60):
        async with hub.database.transaction() as connection:
            assert await add_counts(connection, {FactKey(scope, date(2026, 1, 1), "encounter", ""): 1}, {}) is None
            beginning = asyncio.create_task(counting.begin(hub.shards.first))
            waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'fact'::regclass)"
            while not await connection.fetchval(waiting):
                assert not beginning.done()
                await asyncio.sleep(0.01)
        await beginning
    assert await rows(hub, "SELECT 1 FROM fact") == []


async def test_a_slice_and_a_clinic_that_meet_count_each_record_once(hub: Hub, clinic: Clinic) -> None:
    """Whoever holds a record's lock first, the other one waits, and looks again."""
    for turn in range(12):
        await clinic.push(*(patient(number, gender="female") for number in range(6)))
        await counting.begin(hub.shards.first, anew=True)
        late = asyncio.create_task(clinic.push(*(patient(number, gender="male") for number in range(6))))
        await asyncio.sleep(0)
        while not late.done() or await counting.recount(hub.shards.first):
            await asyncio.sleep(0)
        await late
        assert await facts_of(hub) == Counter(
            {Fact(UNDATED, "patient", "male"): 6, Fact(date(1990, 1, 1), "born", ""): 6}
        ), turn


async def test_two_processes_that_begin_to_count_anew_are_one(hub: Hub, clinic: Clinic) -> None:
    await clinic.push(*(patient(number) for number in range(9)))
    async with asyncio.timeout(30):
        begun = await asyncio.gather(*(counting.begin(hub.shards.first) for _ in range(4)))
        assert any(begun)
        await asyncio.gather(*(counting.recount(hub.shards.first) for _ in range(4)))
        while await counting.recount(hub.shards.first):
            continue
    assert (await facts_of(hub))[Fact(UNDATED, "patient", "female")] == 9


async def test_counting_waits_for_transactions_that_were_under_way_when_it_began(hub: Hub, clinic: Clinic) -> None:
    await clinic.push(patient(1))
    async with hub.database.transaction() as long:
        await long.execute("INSERT INTO audit (actor, action, object) VALUES ('a', 'b', 'c')")
        await counting.begin(hub.shards.first)
        assert not await counting.recount(hub.shards.first)
    assert await counting.recount(hub.shards.first)


async def test_upkeep_counts_what_was_stored_before(hub: Hub, clinic: Clinic) -> None:
    await clinic.push(PATIENT, EPISODE)
    before = await facts_of(hub)
    async with hub.database.transaction() as connection:
        await connection.execute("TRUNCATE fact, maternal, pregnancy, maternal_stale")
    await tidy(hub, NOW_MS)
    assert await facts_of(hub) == before
    assert len(await rows(hub, "SELECT 1 FROM pregnancy")) == 1


async def test_a_record_that_does_not_open_holds_nobody_up(hub: Hub, clinic: Clinic) -> None:
    await clinic.push(patient(1), patient(2))
    async with hub.database.transaction() as connection:
        await connection.execute("UPDATE resource SET state = 'damaged' WHERE key = (SELECT min(key) FROM resource)")
    await tidy(hub, NOW_MS)
    assert (await facts_of(hub))[Fact(UNDATED, "patient", "female")] == 1


async def test_how_late_something_came_is_counted_once(hub: Hub, clinic: Clinic) -> None:
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=age) for age in (-3, 0, 1, 5, 20, 60, 400)]
    visits = [{**visit(number, 0, "birth"), "period": {"start": day.isoformat()}} for number, day in enumerate(days)]
    await clinic.push(*visits)
    expected = [(0, 1), (1, 2), (2, 1), (3, 1), (4, 1), (5, 1)]
    assert await rows(hub, "SELECT late, n FROM arrival ORDER BY late") == expected
    await clinic.push(*({**one, "period": {"start": "2020-01-01"}} for one in visits))
    await clinic.push(*visits)
    assert await rows(hub, "SELECT late, n FROM arrival ORDER BY late") == expected
    async with hub.database.transaction() as connection:
        assert await add_counts(connection, {}, {}) is None


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "1066-10-14", "2026-02-31", "", "x"])
async def test_no_day_that_anybody_types_stops_an_exchange(hub: Hub, clinic: Clinic, day: str) -> None:
    told = {**visit(1, 0, "birth"), "period": {"start": day}}
    signs = {**outcome(0, "live-birth", 1), "effectiveDateTime": day}
    await clinic.push(told, signs, {**EPISODE, "period": {"start": day, "end": day}}, patient(1, birthDate=day))
    await followed(hub)
    assert {"encounter", "contact", "patient"} <= {fact.kind for fact in await facts_of(hub)}


async def test_nothing_kept_for_counting_names_anybody(hub: Hub, clinic: Clinic) -> None:
    await clinic.push(patient(1, name=[{"family": "Okafor"}], birthDate="1991-03-14"), EPISODE)
    await followed(hub)
    for table in ("fact", "arrival", "maternal", "pregnancy", "exchange"):
        told = str(await rows(hub, f"SELECT * FROM {table}"))
        assert "Okafor" not in told
        assert "1991, 3, 14" not in told
        assert "EpisodeOfCare" not in told


async def test_the_last_exchanges_of_a_node_are_kept_and_no_more(hub: Hub, clinic: Clinic) -> None:
    for turn in range(exchanges.PLACES + 5):
        await clinic.push(patient(turn), pending=turn, disk_free_percent=60, agreed=turn > 3)
    async with hub.database.transaction() as connection:
        kept = await exchanges.last_exchanges(connection, clinic.node.id)
    assert [row.pending for row in kept] == list(range(exchanges.PLACES + 4, 4, -1))
    assert {(row.verdict, row.pushed) for row in kept} == {("merged", 1)}
    told = await rows(hub, "SELECT exchanges, status->>'disk', status->>'agreed' FROM node")
    assert told == [(exchanges.PLACES + 5, "60", "true")]


async def test_an_older_node_that_says_nothing_of_itself_changes_nothing_of_it(hub: Hub, clinic: Clinic) -> None:
    await clinic.push(patient(1), disk_free_percent=7)
    await clinic.push(patient(2))
    assert await rows(hub, "SELECT status->>'disk', status ? 'agreed' FROM node") == [("7", False)]


async def test_a_fork_is_kept_as_what_it_was(hub: Hub, clinic: Clinic) -> None:
    await clinic.push(patient(1))
    clinic.token = b"another's tok"[:12]
    assert (await clinic.push(patient(2))).verdict == "fork"
    assert await rows(hub, "SELECT verdict FROM exchange ORDER BY place DESC LIMIT 1") == [("fork",)]
