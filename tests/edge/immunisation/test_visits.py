"""Visits: what is given on one day, and the way to the end; laws over any history."""

from datetime import date, timedelta
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_node.immunisation.due import due, stand
from edge_node.immunisation.facts import Facts, Given
from edge_node.immunisation.schedule import NAMES, load
from edge_node.immunisation.vaccines import VACCINES
from edge_node.immunisation.visits import VISITS_MAX, next_visit, plan
from tests.edge.immunisation.children import BORN, KENYA, WHO, child

BIRTHS = st.dates(date(1999, 1, 1), date(2025, 12, 31)) | st.sampled_from(
    [date(2024, 2, 29), date(2000, 2, 29), date(2023, 8, 31), date(2024, 1, 31), date(1999, 12, 31)]
)
TRAITS = st.frozensets(st.sampled_from(["hiv-exposed", "hiv-infected", "female", "yellow-fever-area"]))
SCHEDULES = st.sampled_from(NAMES)


@st.composite
def people(draw: st.DrawFn) -> Facts:
    """Anybody with any history: right, early, doubled, of any vaccine we know."""
    born = draw(BIRTHS)
    histories = st.lists(
        st.tuples(st.sampled_from(sorted(VACCINES)), st.integers(0, 400) | st.integers(0, 6000)), max_size=12
    )
    given = tuple(
        Given(name, born + timedelta(days=age), weak=draw(st.booleans()) and age % 5 == 0)
        for name, age in draw(histories)
    )
    pregnant = born + timedelta(days=draw(st.integers(5500, 9000)))
    return Facts(born=born, pregnant_since=pregnant, given=given, traits=draw(TRAITS))


def last_day(facts: Facts) -> date:
    assert facts.born is not None
    return max([facts.born, *(one.day for one in facts.given)])


def test_a_visit_gives_all_that_is_due_and_one_vaccine_for_what_it_serves() -> None:
    visit = next_visit(due(WHO, child()), date(2024, 12, 10))
    assert visit is not None
    assert visit.day == date(2024, 12, 10)
    assert "mr" in visit.vaccines
    assert {"measles-1", "rubella-1"} <= {item.dose for item in visit.items}
    assert len(visit.vaccines) == len(set(visit.vaccines))


def test_when_nothing_is_due_the_next_visit_is_on_the_first_day_when_something_is() -> None:
    facts = child(("bcg", 0), ("opv", 0))
    visit = next_visit(due(KENYA, facts), BORN + timedelta(days=1))
    assert visit is not None
    assert visit.day == BORN + timedelta(days=42)
    assert [item.dose for item in visit.items] == ["dtp-1", "hepb-1", "hib-1", "opv-1", "pcv-1", "rota-1"]
    assert visit.vaccines == ("penta", "opv", "pcv", "rota")


def test_after_the_last_dose_there_is_no_visit() -> None:
    assert next_visit((), BORN) is None


def test_a_child_who_comes_on_every_day_has_kenyas_visits() -> None:
    visits = plan(KENYA, child(), BORN)
    assert [visit.day for visit in visits] == [
        BORN,
        BORN + timedelta(weeks=6),
        BORN + timedelta(weeks=10),
        BORN + timedelta(weeks=14),
        date(2024, 12, 4),
        date(2025, 9, 4),
    ]


def test_a_child_of_two_who_was_never_vaccinated_catches_up_in_valid_steps() -> None:
    today = BORN + timedelta(days=800)
    visits = plan(KENYA, child(), today)
    assert [(visit.day - today).days for visit in visits[:3]] == [0, 28, 56]
    assert set(visits[0].vaccines) == {"bcg", "opv", "penta", "pcv", "ipv", "mr"}
    given = [name for visit in visits for name in visit.vaccines]
    assert {name: given.count(name) for name in set(given)} == {
        "bcg": 1,
        "opv": 3,
        "penta": 3,
        "pcv": 1,
        "ipv": 1,
        "mr": 2,
    }


@settings(max_examples=150, deadline=None)
@given(name=SCHEDULES, facts=people(), wait=st.integers(0, 3000))
def test_every_dose_of_a_plan_counts_and_nothing_is_left_at_its_end(name: str, facts: Facts, wait: int) -> None:
    schedule = load(name)
    today = last_day(facts) + timedelta(days=1 + wait)
    visits = plan(schedule, facts, today)
    assert len(visits) < VISITS_MAX
    for visit in visits:
        facts = msgspec.structs.replace(
            facts, given=(*facts.given, *(Given(name, visit.day) for name in visit.vaccines))
        )
    standing = stand(schedule, facts)
    assert not {one.day for one in standing.uncounted} & {visit.day for visit in visits}
    assert {visit.day for visit in visits} <= {one.day for one in standing.counted}
    end = visits[-1].day if visits else today
    assert all(item.state(end) == "too-late" for item in standing.due)


@settings(max_examples=150, deadline=None)
@given(name=SCHEDULES, facts=people(), random=st.randoms(use_true_random=False))
def test_no_order_of_entries_changes_what_is_due(name: str, facts: Facts, random: Random) -> None:
    schedule = load(name)
    shuffled = list(facts.given)
    random.shuffle(shuffled)
    assert stand(schedule, msgspec.structs.replace(facts, given=tuple(shuffled))) == stand(schedule, facts)


@settings(max_examples=150, deadline=None)
@given(name=SCHEDULES, facts=people())
def test_no_dose_is_due_before_its_age_or_within_28_days_of_the_same_or_a_live_vaccine(name: str, facts: Facts) -> None:
    schedule = load(name)
    # Of doses with one name (usual and late start) the usual one, which may be given at the younger age.
    doses = {dose.name: dose for series in schedule.series for plan in reversed(series.plans()) for dose in plan}
    assert facts.born is not None
    for item in due(schedule, facts):
        assert item.due_from >= doses[item.dose].earliest.after(facts.born)
        assert item.due_from <= item.overdue_from
        assert item.not_after is None or item.due_from <= item.not_after
        for one in facts.given:
            given = VACCINES[one.vaccine]
            if given.spaces & doses[item.dose].antigens or (given.live and all(VACCINES[n].live for n in item.give)):
                assert (item.due_from - one.day).days >= 28


@settings(max_examples=100, deadline=None)
@given(name=SCHEDULES, facts=people())
def test_each_day_that_counts_is_a_day_on_which_something_was_given(name: str, facts: Facts) -> None:
    standing = stand(load(name), facts)
    days = {one.day for one in facts.given}
    assert {one.day for one in standing.counted} | {one.day for one in standing.uncounted} <= days
    names = [one.dose for one in standing.counted]
    assert len(names) == len(set(names))
