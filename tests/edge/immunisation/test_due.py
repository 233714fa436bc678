"""What is due for a child and from when: on time, late, too early, with alternatives and conditions."""

from datetime import date, timedelta

import msgspec
import pytest

from edge_node.immunisation.due import Due, stand
from edge_node.immunisation.facts import Facts, Given
from edge_node.immunisation.schedule import Schedule
from tests.edge.immunisation.children import BORN, KENYA, WHO, child, counted, due_of, uncounted

ALL = [WHO, KENYA]
by_name = pytest.mark.parametrize("schedule", ALL, ids=lambda schedule: schedule.name)


def at(days: int) -> date:
    return BORN + timedelta(days=days)


@by_name
def test_a_newborn_is_due_what_is_given_at_birth_and_later_the_rest_at_its_age(schedule: Schedule) -> None:
    first = {item.dose: item.due_from for item in stand(schedule, child()).due}
    assert first["bcg"] == first["opv-0"] == BORN
    assert first["opv-1"] == first["dtp-1"] == first["pcv-1"] == first["rota-1"] == at(42)
    assert first["ipv-1"] == at(98)
    assert first["measles-1"] == date(2024, 12, 4)
    assert "opv-2" not in first


@by_name
def test_the_next_dose_is_due_at_its_age_and_never_sooner_than_its_interval(schedule: Schedule) -> None:
    [on_time] = due_of(schedule, child(("opv", 42)), "opv")
    assert (on_time.dose, on_time.due_from) == ("opv-2", at(70))
    [late] = due_of(schedule, child(("opv", 300)), "opv")
    assert (late.dose, late.due_from) == ("opv-2", at(328))


@by_name
def test_a_series_is_gone_on_with_however_long_ago_the_last_dose_was(schedule: Schedule) -> None:
    [item] = due_of(schedule, child(("opv", 42), ("opv", 70)), "opv")
    assert (item.dose, item.due_from) == ("opv-3", at(98))
    assert counted(schedule, child(("opv", 42), ("opv", 900), ("opv", 1500))) == ["opv-1", "opv-2", "opv-3"]


@by_name
@pytest.mark.parametrize(("age", "counts"), [(37, False), (38, True), (41, True), (42, True)])
def test_a_dose_up_to_four_days_before_its_age_counts_and_one_before_that_does_not(
    schedule: Schedule, age: int, counts: bool
) -> None:
    assert ("opv-1" in counted(schedule, child(("opv", age)))) is counts
    assert uncounted(schedule, child(("opv", age))) == ([] if counts else [(age, "too-young")])


@by_name
@pytest.mark.parametrize(("days", "counts"), [(23, False), (24, True), (27, True), (28, True)])
def test_a_dose_up_to_four_days_before_its_interval_counts_and_one_before_that_does_not(
    schedule: Schedule, days: int, counts: bool
) -> None:
    facts = child(("opv", 60), ("opv", 60 + days))
    assert ("opv-2" in counted(schedule, facts)) is counts
    assert uncounted(schedule, facts) == ([] if counts else [(60 + days, "too-soon")])


@by_name
def test_the_grace_of_four_days_is_never_used_for_planning(schedule: Schedule) -> None:
    [item] = due_of(schedule, child(("opv", 39)), "opv")
    assert item.due_from == at(70)
    assert all(item.due_from >= at(42) for item in stand(schedule, child()).due if item.dose == "opv-1")


@by_name
def test_a_dose_that_does_not_count_still_puts_off_the_next(schedule: Schedule) -> None:
    [item] = due_of(schedule, child(("opv", 20)), "opv")
    assert (item.dose, item.due_from) == ("opv-1", at(48))
    [item] = due_of(schedule, child(("opv", 60), ("opv", 80)), "opv")
    assert (item.dose, item.due_from) == ("opv-2", at(108))


@by_name
def test_the_birth_dose_of_polio_drops_is_for_two_weeks_and_is_none_of_the_three(schedule: Schedule) -> None:
    [birth] = due_of(schedule, child(), "opv-birth")
    assert (birth.due_from, birth.overdue_from, birth.not_after) == (at(0), at(7), at(13))
    assert [birth.state(at(day)) for day in (0, 6, 7, 13, 14)] == ["due", "due", "overdue", "overdue", "too-late"]
    assert counted(schedule, child(("opv", 13))) == ["opv-0"]
    assert counted(schedule, child(("opv", 14))) == []
    assert counted(schedule, child(("opv", 0), ("opv", 42))) == ["opv-0", "opv-1"]


def test_hepatitis_b_at_birth_never_puts_off_the_five_in_one_at_six_weeks() -> None:
    [birth] = due_of(WHO, child(), "hepb-birth")
    assert (birth.overdue_from, birth.not_after) == (at(1), at(13))
    penta = due_of(WHO, child(("hepb", 13)), "dtp")[0]
    assert penta.due_from == at(42)


@by_name
def test_vaccines_given_apart_count_each_for_itself_and_only_the_rest_is_due(schedule: Schedule) -> None:
    assert {"dtp-1", "hib-1", "hepb-1"} <= set(counted(schedule, child(("penta", 60))))
    assert {"dtp-1", "hib-1", "hepb-1"} <= set(counted(schedule, child(("dtp", 60), ("hib", 60), ("hepb", 60))))
    assert {"dtp-1", "ipv-1"} <= set(counted(schedule, child(("dtp-ipv", 100))))
    only_dtp = child(("dtp", 60))
    assert due_of(schedule, only_dtp, "dtp")[0].due_from == at(88)
    assert [item.due_from for item in due_of(schedule, only_dtp, "hib")] == [at(42)]


@by_name
def test_tetanus_vaccine_alone_is_no_dtp_and_dtp_waits_for_it(schedule: Schedule) -> None:
    facts = child(("tt", 60))
    assert uncounted(schedule, facts) == [(60, "incomplete")]
    assert due_of(schedule, facts, "dtp")[0].due_from == at(88)


@by_name
@pytest.mark.parametrize("vaccine", ["measles", "mr", "mmr"])
def test_measles_alone_and_mr_and_mmr_are_alternatives(schedule: Schedule, vaccine: str) -> None:
    facts = child((vaccine, 280), ("mr", 500))
    assert {"measles-1", "measles-2"} <= set(counted(schedule, facts))
    assert due_of(schedule, facts, "measles") == []


@by_name
def test_who_got_measles_alone_is_still_due_rubella_four_weeks_later(schedule: Schedule) -> None:
    [item] = due_of(schedule, child(("measles", 280)), "rubella")
    assert item.due_from == at(308)
    assert due_of(schedule, child(("mr", 280)), "rubella") == []


def test_a_late_second_measles_dose_in_kenya_waits_four_weeks_and_not_nine_months() -> None:
    [item] = due_of(KENYA, child(("mr", 600)), "measles")
    assert (item.dose, item.due_from) == ("measles-2", at(628))


@by_name
def test_only_a_child_exposed_to_hiv_is_due_the_early_measles_dose_and_it_counts_for_no_other(
    schedule: Schedule,
) -> None:
    assert due_of(schedule, child(), "measles-early") == []
    [early] = due_of(schedule, child(traits="hiv-exposed"), "measles-early")
    assert (early.due_from, early.not_after) == (date(2024, 9, 4), date(2024, 11, 3))
    given = child(("mr", date(2024, 11, 3)), traits="hiv-exposed")
    assert counted(schedule, given) == ["measles-0"]
    [first] = due_of(schedule, given, "measles")
    assert (first.dose, first.due_from) == ("measles-1", date(2024, 12, 4))


@by_name
def test_measles_vaccine_at_six_months_is_too_early_for_other_children(schedule: Schedule) -> None:
    assert counted(schedule, child(("mr", 190))) == []
    assert uncounted(schedule, child(("mr", 190))) == [(190, "too-young")]


@by_name
def test_live_vaccines_are_given_on_one_day_or_28_days_apart(schedule: Schedule) -> None:
    traits = "yellow-fever-area"
    together = child(("mr", 280), ("yellow-fever", 280), traits=traits)
    assert {"measles-1", "yellow-fever"} <= set(counted(schedule, together))
    apart = child(("mr", 280), ("yellow-fever", 307), traits=traits)
    assert uncounted(schedule, apart) == [(307, "after-live")]
    [again] = due_of(schedule, apart, "yellow-fever")
    assert again.due_from == at(335)
    assert "yellow-fever" in counted(schedule, child(("mr", 280), ("yellow-fever", 308), traits=traits))


@by_name
def test_no_live_vaccine_is_planned_within_28_days_after_bcg_but_one_given_then_counts(schedule: Schedule) -> None:
    [item] = due_of(schedule, child(("bcg", 270)), "measles")
    assert item.due_from == at(298)
    assert "measles-1" in counted(schedule, child(("bcg", 270), ("mr", 280)))


@by_name
def test_vaccines_by_mouth_wait_for_no_live_vaccine(schedule: Schedule) -> None:
    [item] = due_of(schedule, child(("bcg", 40)), "opv")
    assert item.due_from == at(42)


@by_name
def test_a_child_known_to_have_hiv_is_not_due_bcg_and_it_is_said_why(schedule: Schedule) -> None:
    facts = child(traits="hiv-infected hiv-exposed")
    assert due_of(schedule, facts, "bcg") == []
    assert stand(schedule, facts).held == (("bcg", "hiv-infected"),)


@by_name
def test_yellow_fever_is_due_only_where_it_is(schedule: Schedule) -> None:
    assert due_of(schedule, child(), "yellow-fever") == []
    assert [item.dose for item in due_of(schedule, child(traits="yellow-fever-area"), "yellow-fever")] == [
        "yellow-fever"
    ]


@by_name
def test_rotavirus_is_not_given_from_two_years_on(schedule: Schedule) -> None:
    [item] = due_of(schedule, child(), "rota")
    assert item.not_after == date(2026, 3, 3)
    assert due_of(schedule, child(("rota", date(2026, 3, 3))), "rota") == []


@by_name
@pytest.mark.parametrize(
    ("first", "later"),
    [
        (at(70), ["pcv-2", "pcv-3"]),
        (date(2025, 3, 3), ["pcv-2", "pcv-3"]),
        (date(2025, 3, 4), ["pcv-2"]),
        (date(2026, 3, 3), ["pcv-2"]),
        (date(2026, 3, 4), []),
    ],
)
def test_who_starts_pneumococcal_vaccine_later_needs_fewer_doses(
    schedule: Schedule, first: date, later: list[str]
) -> None:
    facts, found = child(("pcv", first)), []
    while items := due_of(schedule, facts, "pcv"):
        [item] = items
        found.append(item.dose)
        facts = msgspec.structs.replace(facts, given=(*facts.given, Given("pcv", item.due_from)))
    assert found == later


@by_name
def test_who_starts_the_five_in_one_after_a_year_waits_six_months_for_the_third(schedule: Schedule) -> None:
    facts = child(("penta", date(2025, 3, 31)), ("penta", date(2025, 8, 31)))
    [item] = [item for item in stand(schedule, facts).due if item.dose == "dtp-3"]
    assert item.due_from == date(2026, 2, 28)


def test_who_became_too_old_for_a_booster_goes_on_with_the_next() -> None:
    first = [("penta", 42), ("penta", 70), ("penta", 98)]
    fourth, fifth = due_of(WHO, child(*first), "dtp")
    assert (fourth.dose, fourth.not_after) == ("dtp-4", date(2031, 3, 3))
    assert (fifth.dose, fifth.due_from) == ("td-5", date(2031, 3, 4))
    assert counted(WHO, child(*first, ("td", date(2032, 1, 1))))[-1] == "td-5"


def test_a_child_never_vaccinated_is_due_td_from_seven_years_on() -> None:
    items = {item.dose: item for item in due_of(WHO, child(), "dtp")}
    assert items["dtp-1"].not_after == date(2031, 3, 3)
    assert items["td-late-1"].due_from == date(2031, 3, 4)
    [second] = due_of(WHO, child(("td", date(2031, 5, 1))), "dtp")
    assert (second.dose, second.due_from) == ("td-late-2", date(2031, 5, 29))


@by_name
def test_a_dose_recorded_as_less_than_a_full_one_does_not_count(schedule: Schedule) -> None:
    facts = Facts(born=BORN, given=(Given("opv", at(42), weak=True),))
    assert counted(schedule, facts) == []
    assert uncounted(schedule, facts) == [(42, "weak")]


@by_name
def test_polio_vaccine_of_unknown_kind_counts_for_neither_and_both_wait_for_it(schedule: Schedule) -> None:
    facts = child(("polio", 98))
    assert counted(schedule, facts) == []
    assert due_of(schedule, facts, "opv")[0].due_from == at(126)
    assert due_of(schedule, facts, "ipv")[0].due_from == at(98 + 56)


@by_name
def test_one_vaccine_entered_twice_is_one_dose(schedule: Schedule) -> None:
    twice = Facts(born=BORN, given=(Given("opv", at(42), source="a"), Given("opv", at(42), source="b")))
    assert counted(schedule, twice) == ["opv-1"]
    assert uncounted(schedule, twice) == []


@by_name
def test_doses_beyond_the_series_are_not_needed_and_change_nothing(schedule: Schedule) -> None:
    full = [("opv", 42), ("opv", 70), ("opv", 98)]
    assert uncounted(schedule, child(*full, ("opv", 400))) == [(400, "not-needed")]
    assert due_of(schedule, child(*full, ("opv", 400)), "opv") == []


@by_name
def test_nothing_is_due_for_whom_no_date_of_birth_is_known(schedule: Schedule) -> None:
    assert stand(schedule, Facts(given=(Given("opv", at(42)),))).due == ()


@by_name
def test_a_grown_woman_is_no_child_any_more(schedule: Schedule) -> None:
    items = stand(schedule, child(traits="female yellow-fever-area")).due
    assert all(item.not_after is not None and item.not_after < date(2042, 3, 4) for item in items)


def test_the_state_of_an_item_changes_on_its_days() -> None:
    item = Due("opv", "opv-1", "Polio drops 1", ("opv",), at(42), at(70), at(100))
    assert [item.state(at(day)) for day in (41, 42, 69, 70, 100, 101)] == [
        "later",
        "due",
        "due",
        "overdue",
        "overdue",
        "too-late",
    ]
    assert msgspec.structs.replace(item, not_after=None).state(at(9000)) == "overdue"
