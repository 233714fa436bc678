"""Views say what the tables say, are refreshed by one process at a time, say how old they are, and rest in proportion to their cost."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.refreshing import SHARE, follow_and_refresh, is_due, refreshing
from hub.runtime import Hub
from hub.store import views
from hub.store.nodes import add_facility
from hub.store.views import VIEWS, WHOLE_REGION, Refreshed

TODAY = datetime.now(UTC).date()
MONTH = TODAY.replace(day=1)


async def fill(hub: Hub) -> dict[str, int]:
    """A few facts of three facilities in two regions. Returns facility → scope."""
    async with hub.database.transaction() as connection:
        await add_facility(connection, hub.keys, "e0", "Clinic e0", "east")
        scopes = {row["id"]: row["scope"] for row in await connection.fetch("SELECT id, scope FROM facility")}
        facts = [
            (scopes["f0"], MONTH, "contact", "antenatal-contact", 3),
            (scopes["f1"], MONTH, "contact", "antenatal-contact", 4),
            (scopes["e0"], MONTH, "contact", "antenatal-contact", 50),
            (scopes["f0"], TODAY, "danger", "danger-signs/fever", 2),
            (scopes["f0"], TODAY + timedelta(40), "contact", "antenatal-contact", 1),
            (scopes["f0"], date(1822, 2, 2), "immunization", "19", 1),
            (scopes["f0"], date(1, 1, 1), "encounter", "AMB", 5),
            (scopes["f0"], date(1, 1, 1), "patient", "female", 9),
            (scopes["f0"], date(2199, 1, 1), "born", "", 1),
            (scopes["f0"], MONTH, "contact", "birth", 0),
        ]
        await connection.executemany("INSERT INTO fact VALUES ($1, $2, $3, $4, $5)", facts)
        pregnancies = [
            # (scope, began, expected, born, over, contacts, soon, from, until): in her 10th week; overdue in her 30th; undated
            (scopes["f0"], TODAY - timedelta(9), TODAY + timedelta(210), None, False, 0, False, None, None),
            (
                scopes["f0"],
                TODAY - timedelta(99),
                TODAY + timedelta(70),
                None,
                False,
                2,
                False,
                TODAY,
                TODAY + timedelta(9),
            ),
            (
                scopes["f1"],
                TODAY - timedelta(5),
                None,
                None,
                False,
                1,
                False,
                TODAY + timedelta(1),
                TODAY + timedelta(90),
            ),
            # over; forgotten by everybody; born, and not seen since
            (scopes["f1"], TODAY - timedelta(90), TODAY + timedelta(70), None, True, 1, False, None, None),
            (
                scopes["f1"],
                date(2019, 1, 1),
                date(2019, 9, 1),
                None,
                False,
                1,
                False,
                date(2019, 4, 1),
                date(2019, 9, 29),
            ),
            (scopes["e0"], date(2020, 1, 1), MONTH, MONTH, True, 8, True, MONTH, TODAY + timedelta(50)),
        ]
        await connection.executemany(
            "INSERT INTO pregnancy VALUES (gen_random_uuid()::text::bytea, $1, $2, $3, $4, $5, $6, $7, $8, $9)",
            pregnancies,
        )
    return scopes


async def test_views_add_up_facilities_and_their_regions(hub: Hub) -> None:
    scopes = await fill(hub)
    assert await follow_and_refresh(hub.shards.first) == list(VIEWS)
    async with hub.database.transaction() as connection:
        months = await views.month_counts(connection, "", [WHOLE_REGION], ["contact"], MONTH, MONTH)
        assert sorted((row.region, row.code, row.n) for row in months if row.n) == [
            ("east", "antenatal-contact", 50),
            ("west", "antenatal-contact", 7),
        ]
        one = await views.month_counts(connection, "west", [scopes["f0"]], ["contact"], MONTH, MONTH)
        assert [(row.code, row.n) for row in one if row.n] == [("antenatal-contact", 3)]
        dangers = await views.danger_days(connection, "", WHOLE_REGION, TODAY)
        assert [(row.region, row.code, row.n) for row in dangers] == [("west", "danger-signs/fever", 2)]
        weeks = {(row.region, row.week): row for row in await views.pregnancy_weeks(connection, "", [WHOLE_REGION])}
        assert {place: row.n for place, row in weeks.items()} == {
            ("west", 10): 1,
            ("west", 30): 1,
            ("west", -1): 1,
            ("east", -1): 0,
        }
        assert (weeks["west", 30].overdue, weeks["west", -1].overdue, weeks["east", -1].overdue_after) == (1, 0, 1)
        births = await views.birth_months(connection, "east", [WHOLE_REGION], MONTH, MONTH)
        assert [(row.n, row.four, row.eight, row.soon) for row in births] == [(1, 1, 1, 1)]
        odd = {row.issue: row.n for row in await views.issues(connection, "west", [WHOLE_REGION])}
        assert odd == {"future": 2, "past": 1, "undated": 5}
        assert await views.issues(connection, "east", [WHOLE_REGION]) == []
        assert await views.worst(connection, "", "undated", 9) == [("west", "f0", "Clinic f0", 5)]


@pytest.mark.parametrize("region", ["west", "east"])
async def test_no_view_tells_one_region_of_another(hub: Hub, region: str) -> None:
    scopes = await fill(hub)
    await follow_and_refresh(hub.shards.first)
    everything = [WHOLE_REGION, *scopes.values()]
    async with hub.database.transaction() as connection:
        found = [
            *await views.month_counts(
                connection, region, everything, ["contact", "danger"], date(1900, 1, 1), date(2999, 1, 1)
            ),
            *await views.pregnancy_weeks(connection, region, everything),
            *await views.birth_months(connection, region, everything, date(1900, 1, 1), date(2999, 1, 1)),
            *await views.issues(connection, region, everything),
            *[
                row
                for scope in everything
                for row in await views.danger_days(connection, region, scope, date(1900, 1, 1))
            ],
            *[row for scope in everything for row in await views.arrivals(connection, region, scope, date(1900, 1, 1))],
        ]
        assert {getattr(row, "region", "") for row in found} == {region}
        assert {
            place for issue in ("undated", "future") for place, *_ in await views.worst(connection, region, issue, 9)
        } <= {region}


async def test_a_view_says_when_it_was_refreshed_and_is_not_refreshed_at_once_again(hub: Hub) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    await follow_and_refresh(hub.shards.first)
    async with hub.database.transaction() as connection:
        told = await views.read_refreshed(connection)
    assert {row.view for row in told} == set(VIEWS)
    assert all(before < row.at <= datetime.now(UTC) + timedelta(seconds=2) for row in told)
    assert await follow_and_refresh(hub.shards.first) == []


async def test_while_one_process_refreshes_the_others_leave_it_alone(hub: Hub) -> None:
    async with hub.database.transaction() as other:
        assert await views.lock_refreshing(other)
        assert await follow_and_refresh(hub.shards.first) == []
    found = await asyncio.gather(*(follow_and_refresh(hub.shards.first) for _ in range(3)))
    assert sorted(view for views_ in found for view in views_) == sorted(VIEWS)


async def test_a_serving_process_refreshes_by_itself_and_ends_cleanly(hub: Hub) -> None:
    await fill(hub)
    async with refreshing(hub), asyncio.timeout(30):
        told: list[Refreshed] = []
        while len(told) < len(VIEWS):
            await asyncio.sleep(0.01)
            async with hub.database.transaction() as connection:
                told = await views.read_refreshed(connection)


@given(took=st.integers(0, 10**7), age=st.integers(0, 10**6), seconds=st.integers(1, 10**5))
def test_no_view_takes_more_than_its_share_of_the_time(took: int, age: int, seconds: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    due = is_due({"v": Refreshed("v", now - timedelta(seconds=age), took)}, "v", now, seconds)
    assert is_due({}, "v", now, seconds)
    assert due == (age >= seconds / 2 and age * 1000 >= took * SHARE)


def test_the_kinds_that_views_count_are_those_of_the_rules() -> None:
    from hub.facts import HAPPENED
    from hub.migrations.versions import __path__ as folder

    text = next(iter(folder)) + "/0011_views.py"
    with open(text, encoding="utf-8") as file:
        found = file.read()
    assert found.count("kind IN (" + ", ".join(f"'{kind}'" for kind in HAPPENED)) == 3


async def test_an_end_in_the_middle_of_a_round_is_no_failure(two: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """The round is waited for, so that nothing uses the connections that are closed next."""
    async with two.database.transaction() as connection:
        await connection.execute("LOCK TABLE refreshed IN ACCESS EXCLUSIVE MODE")
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'refreshed'::regclass"
        async with refreshing(two), asyncio.timeout(30):
            while not await connection.fetchval(waiting):
                await asyncio.sleep(0.01)
        async with asyncio.timeout(30):
            while await connection.fetchval(waiting):
                await asyncio.sleep(0.01)
    assert not [task for task in asyncio.all_tasks() if "_round" in repr(task)]
    assert not caplog.records
