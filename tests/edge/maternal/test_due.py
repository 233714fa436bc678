"""What is due does not depend on the order of entries or on today, and ends with the pregnancy, its loss, or her death."""

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.maternal import concepts as said
from edge_node.maternal import texts
from edge_node.maternal.contacts import SCHEDULES
from edge_node.maternal.due import due
from edge_node.maternal.facts import Contact, Newborn, Sign
from edge_node.maternal.lists import newborn_work, standing, work
from edge_node.maternal.postnatal import newborn_due
from edge_node.maternal.record import read_mother
from edge_node.programme import Programme
from tests.edge.maternal.making import LMP, Record, dated, synthea_records, week
from tests.edge.maternal.test_findings import placeholders


def kinds(record: Record) -> set[str]:
    return {each.kind for each in due(record.read(), Programme())}


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Resources of a woman with one or two pregnancies and anything in them."""
    record = Record()
    for lmp in (LMP - timedelta(700), LMP)[draw(st.integers(0, 1)) :]:
        episode = record.episode(lmp + timedelta(draw(st.integers(0, 200))))
        days = st.integers(0, 330).map(lambda day, lmp=lmp: lmp + timedelta(day))  # type: ignore[misc]
        acts = draw(st.lists(st.tuples(st.integers(0, 9), days, st.booleans()), max_size=10))
        for act, day, linked in acts:
            _act(record, act, day, episode if linked else "", lmp)
    return record.resources


def _act(record: Record, act: int, day: date, episode: str, lmp: date) -> None:
    acts = (
        lambda: record.contact(day, episode),
        lambda: record.lmp(lmp + timedelta(day.day - 15), day, episode),
        lambda: record.scan(max((day - lmp).days, 0), day, episode),
        lambda: record.accept(lmp + timedelta(270 + day.day), day, episode or "Encounter/none"),
        lambda: record.give("sulfadoxine-pyrimethamine", day),
        lambda: record.vaccinate(day),
        lambda: record.test("hiv-test", "negative", day, episode),
        lambda: record.sign("danger-signs", said.DANGER_SIGNS["fever" if day.day % 2 else "none"], day, episode),
        lambda: record.prescribe("iron-folate", day, days=day.day),
        lambda: record.outcome("live-birth" if day.day % 3 else "miscarriage", day, episode),
    )
    acts[act]()


@given(histories(), st.randoms(use_true_random=False), st.sampled_from(sorted(SCHEDULES)))
def test_no_order_of_entries_gives_another_due_list(
    resources: list[dict[str, Any]], random: Random, schedule: str
) -> None:
    shuffled = list(resources)
    random.shuffle(shuffled)
    programme = Programme(contacts=schedule)
    one, other = read_mother("mother", resources), read_mother("mother", shuffled)
    assert due(one, programme) == due(other, programme)
    assert work(one, programme) == work(other, programme)


@given(histories())
def test_every_item_has_its_days_in_order_and_words_with_its_parameters(resources: list[dict[str, Any]]) -> None:
    for item in due(read_mother("mother", resources), Programme()):
        assert item.due_from <= item.overdue_from <= item.ends
        assert placeholders(texts.DUE[item.kind]) <= {"number", *dict(item.params)}


def test_the_due_list_of_a_new_pregnancy_has_all_that_a_first_contact_needs() -> None:
    record, _ = dated()
    assert kinds(record) == {
        *("contact", "accept-dating", "tetanus", "iron-folate", "iptp", "calcium", "worms"),
        *("hiv-test", "syphilis-test", "hepatitis-b-test", "blood-group", "haemoglobin", "scan"),
        *("birth-plan", "late-birth", "outcome"),
    }


@pytest.mark.parametrize("end", ["miscarriage", "abortion", "ectopic", "not-pregnant", "moved"])
def test_after_a_loss_nothing_is_due(end: str) -> None:
    record, episode = dated()
    record.outcome(end, week(14), episode)
    assert due(record.read(), Programme()) == ()


@pytest.mark.parametrize("end", ["live-birth", "stillbirth"])
def test_after_a_birth_alive_or_not_only_the_mothers_contacts_are_due(end: str) -> None:
    record, episode = dated()
    record.outcome(end, week(39), episode)
    assert [(each.kind, each.number, (each.due_from - week(39)).days) for each in due(record.read(), Programme())] == [
        ("postnatal", 1, 0),
        ("postnatal", 2, 2),
        ("postnatal", 3, 7),
        ("postnatal", 4, 42),
    ]


def test_after_her_death_nothing_is_due() -> None:
    record, episode = dated()
    record.outcome("live-birth", week(39), episode)
    record.patient["deceasedDateTime"] = week(39, 1).isoformat()
    assert due(record.read(), Programme()) == ()


def test_after_her_death_in_pregnancy_nothing_is_due_and_she_is_on_no_list() -> None:
    record, _ = dated()
    record.condition("heart-disease")
    record.patient["deceasedBoolean"] = True  # type: ignore[assignment]
    assert due(record.read(), Programme()) == ()
    now = standing(work(record.read(), Programme()), week(20))
    assert (now.this_week, now.overdue, now.high_risk, now.lost, now.birth_expected) == ((), (), False, False, None)


def test_a_pregnancy_that_is_only_lost_from_sight_goes_on() -> None:
    record, episode = dated()
    record.outcome("lost", week(20), episode)
    assert "contact" in kinds(record)


def test_while_nothing_dates_the_pregnancy_dating_and_a_contact_are_due() -> None:
    record = Record()
    episode = record.episode(week(10))
    assert {"dating", "next-contact", "hiv-test", "tetanus"} <= kinds(record)
    record.contact(week(12), episode)
    (contact,) = [each for each in due(record.read(), Programme()) if each.kind == "next-contact"]
    assert contact.due_from == week(16)


def test_an_accepted_dating_and_a_plan_for_birth_are_asked_for_no_more() -> None:
    record, episode = dated()
    record.accept(week(40), week(11), episode)
    record.sign("planned-birth-place", said.BIRTH_PLACES["facility"], week(30), episode)
    assert not {"accept-dating", "dating", "birth-plan"} & kinds(record)


@pytest.mark.parametrize(
    ("days", "left"),
    [
        ([], [1, 2, 3, 4]),
        ([0], [2, 3, 4]),
        ([1], [2, 3, 4]),
        ([3], [3, 4]),
        ([0, 2, 8], [4]),
        ([5], [4]),
        ([42], []),
        ([90], [1, 2, 3, 4]),
    ],
)
def test_contacts_after_a_birth_count_for_their_days(days: list[int], left: list[int]) -> None:
    record, episode = dated()
    record.outcome("stillbirth", week(38), episode)
    for day in days:
        record.contact(week(38) + timedelta(day), episode, "postnatal-contact")
    assert [each.number for each in due(record.read(), Programme())] == left


def test_a_newborn_has_contacts_of_its_own_until_it_dies() -> None:
    visit = Contact(ref="Encounter/1", on=week(39, 1), kind="postnatal-contact")
    baby = Newborn(id="b", born=week(39), contacts=(visit,))
    assert [(each.number, each.of) for each in newborn_due(baby)] == [
        (2, "Patient/b"),
        (3, "Patient/b"),
        (4, "Patient/b"),
    ]
    assert newborn_due(Newborn(id="b", born=week(39), dead=True)) == ()


# Lists


def test_a_woman_stands_on_the_lists_of_the_day() -> None:
    record, episode = dated()
    record.contact(week(10), episode)
    kept = work(record.read(), Programme())
    assert "contact" not in {each.kind for each in standing(kept, week(18, 6)).this_week}
    assert "contact" in {each.kind for each in standing(kept, week(19, 1)).this_week}
    assert "contact" in {each.kind for each in standing(kept, week(20, 6)).this_week}
    assert "contact" in {each.kind for each in standing(kept, week(21)).overdue}
    assert not standing(kept, week(24, 6)).lost
    assert standing(kept, week(25)).lost
    assert standing(kept, week(36, 6)).birth_expected is None
    assert standing(kept, week(37)).birth_expected == week(40)
    assert standing(kept, week(43, 6)).birth_expected == week(40)
    assert standing(kept, week(44)).birth_expected is None


@given(st.integers(70, 400))
def test_who_missed_contacts_stays_on_the_list_of_the_overdue_until_term(day: int) -> None:
    record, episode = dated()
    record.contact(week(10), episode)
    today = LMP + timedelta(day)
    overdue = {each.kind for each in standing(work(record.read(), Programme()), today).overdue}
    assert ("contact" in overdue) is (week(21) <= today < week(44))


def test_an_item_is_on_one_list_at_a_time() -> None:
    record, _ = dated()
    kept = work(record.read(), Programme())
    for day in range(60, 400):
        now = standing(kept, LMP + timedelta(day))
        assert not set(now.this_week) & set(now.overdue)


@pytest.mark.parametrize(
    ("code", "make"),
    [
        ("young", lambda record, episode: record.patient.update(birthDate="2004-01-01")),
        ("older", lambda record, episode: record.patient.update(birthDate="1986-10-08")),
        ("many-births", lambda record, episode: record.observe("parity", week(10), episode, valueInteger=5)),
        ("caesarean", lambda record, episode: record.observe("caesareans", week(10), episode, valueInteger=1)),
        ("stillbirth", lambda record, episode: record.observe("stillbirths", week(10), episode, valueInteger=1)),
        ("past", lambda record, episode: record.condition("heavy-bleeding", "resolved")),
        ("illness", lambda record, episode: record.condition("heart-disease")),
        ("several-babies", lambda record, episode: record.observe("fetuses", week(20), episode, valueInteger=2)),
        (
            "presentation",
            lambda record, episode: record.sign("presentation", said.PRESENTATIONS["breech"], week(36), episode),
        ),
        ("finding", lambda record, episode: record.test("hiv-test", "positive", week(10), episode)),
    ],
)
def test_a_reason_puts_her_on_the_list_of_high_risk(code: str, make: Any) -> None:
    record, episode = dated()
    assert work(record.read(), Programme()).risks == ()
    make(record, episode)
    found = work(record.read(), Programme()).risks
    assert [each.code for each in found] == [code]
    names = {"finding": "finding"} if code == "finding" else {}
    assert placeholders(texts.RISKS[code]) <= {*dict(found[0].params), *names}


@pytest.mark.parametrize(
    ("born", "risk"), [("2003-10-09", True), ("2003-10-08", False), ("1986-10-09", False), ("1986-10-08", True)]
)
def test_her_age_is_that_at_the_expected_birth(born: str, risk: bool) -> None:
    record, _ = dated()
    record.patient["birthDate"] = born
    assert bool(work(record.read(), Programme()).risks) is risk


def test_a_pregnancy_without_an_end_leaves_the_lists_by_itself() -> None:
    record, _ = dated()
    record.condition("heart-disease")
    kept = work(record.read(), Programme())
    assert standing(kept, week(43, 6)).high_risk
    assert not standing(kept, week(44)).high_risk


def test_a_newborn_with_a_danger_sign_is_at_high_risk() -> None:
    sign = Sign(ref="Observation/1", on=week(39), kind="newborn-danger-signs", value="fever")
    kept = newborn_work(Newborn(id="b", born=week(39), signs=(sign,)))
    assert (standing(kept, week(39)).high_risk, len(kept.items)) == (True, 4)


def test_no_list_has_a_woman_whose_pregnancy_is_over() -> None:
    record, episode = dated()
    record.condition("heart-disease")
    record.outcome("miscarriage", week(12), episode)
    now = standing(work(record.read(), Programme()), week(12))
    assert (now.this_week, now.overdue, now.high_risk, now.lost, now.birth_expected) == ((), (), False, False, None)


def test_records_of_another_program_give_lists_without_error() -> None:
    for patient, resources in synthea_records():
        kept = work(read_mother(patient, resources), Programme())
        assert all(item.due_from < item.ends for item in kept.items)
