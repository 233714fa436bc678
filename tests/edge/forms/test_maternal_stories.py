"""What maternal forms ask, when, and what they ask once more: stories of single women."""

import json
from datetime import timedelta

import pytest

from edge_node.errors import NotFound
from edge_node.forms.context import Sheet
from edge_node.forms.fields import wrong
from edge_node.forms.maternal.birth import BIRTH
from edge_node.forms.maternal.case import mother_of
from edge_node.forms.maternal.closing import CLOSE
from edge_node.forms.maternal.contact import CONTACT
from edge_node.forms.maternal.enrolment import ENROL
from edge_node.forms.maternal.loss import LOSS
from edge_node.forms.maternal.postnatal import POSTNATAL
from edge_node.forms.maternal.redating import REDATE
from edge_node.forms.maternal.sheets import MATERNAL_SHEETS
from edge_node.forms.parsing import Questions, parse
from edge_node.programme import Programme
from tests.edge.forms.filling import TODAY, Clinic
from tests.edge.forms.test_maternal import AMINA, LMP, delivered, enrolled, pregnancy
from tests.edge.maternal.making import dated


def asked_back(clinic: Clinic, sheet: Sheet, sent: dict[str, str | tuple[str, ...]]) -> list[str]:
    """What a form asks once more, in words."""
    context = clinic.context()
    whole = {name: value if isinstance(value, tuple) else (value,) for name, value in sent.items()}
    read = parse(sheet.form(context), whole, TODAY)
    assert isinstance(read, Questions)
    assert not read.problems
    return [str(doubt.text) for doubt in read.doubts]


@pytest.mark.parametrize("sheet", MATERNAL_SHEETS, ids=lambda sheet: sheet.name)
def test_every_form_is_well_made(sheet: Sheet) -> None:
    clinic = delivered() if sheet is POSTNATAL else enrolled()
    assert wrong(sheet.form(clinic.context())) == []


def test_a_dating_is_shown_before_it_is_accepted_and_the_early_scan_goes_before_the_period() -> None:
    clinic = Clinic(AMINA)
    sent: dict[str, str | tuple[str, ...]] = {"lmp": LMP.isoformat(), "lmp_sure": "certain", "accept": "yes"}
    (period,) = asked_back(clinic, ENROL, sent)
    assert period.startswith(
        "By the last period the baby is expected on 14 October 2026. Today she is 22 weeks and 0 days"
    )
    scan = {"scan_on": "2026-03-18", "scan_weeks": "11", "scan_days": "3"}
    (early,) = asked_back(clinic, ENROL, {**sent, **scan})
    assert early.startswith("By the scan the baby is expected on 4 October 2026. Today she is 23 weeks and 3 days")


def test_a_high_blood_pressure_is_to_be_taken_again() -> None:
    clinic = enrolled()
    high: dict[str, str | tuple[str, ...]] = {"danger_signs": ("none",), "systolic": "150", "diastolic": "95"}
    (asked,) = asked_back(clinic, CONTACT, high)
    assert "not taken again after rest" in asked
    clinic.fill(CONTACT, {**high, "systolic_again": "130", "diastolic_again": "80"})
    assert [each.repeat for each in pregnancy(clinic).pressures] == [False, True]


@pytest.mark.parametrize(
    ("enrolment", "sent", "why"),
    [
        ({"allergies": ("sulfa",)}, {}, "allergic to sulfa"),
        ({"medicines": ("co-trimoxazole",)}, {}, "takes co-trimoxazole"),
        ({}, {"allergies": ("sulfa",)}, "allergic to sulfa"),
        ({}, {"medicines": ("co-trimoxazole",)}, "takes co-trimoxazole"),
    ],
)
def test_sp_is_asked_once_more_when_it_must_not_be_given(
    enrolment: dict[str, tuple[str, ...]], sent: dict[str, tuple[str, ...]], why: str
) -> None:
    clinic = enrolled(LMP, **enrolment)
    (asked,) = asked_back(clinic, CONTACT, {"danger_signs": ("none",), "sp": "yes", **sent})
    assert why in asked


def test_sp_within_four_weeks_is_asked_once_more() -> None:
    clinic = enrolled()
    clinic.fill(CONTACT, {"danger_signs": ("none",), "sp": "yes", "on": (TODAY - timedelta(days=20)).isoformat()})
    (asked,) = asked_back(clinic, CONTACT, {"danger_signs": ("none",), "sp": "yes"})
    assert "the last dose was 20 days ago" in asked


def doubted(clinic: Clinic, sheet: Sheet, sent: dict[str, str | tuple[str, ...]], part: str) -> bool:
    """Whether a form asks once more, in such words."""
    context = clinic.context()
    whole = {name: value if isinstance(value, tuple) else (value,) for name, value in sent.items()}
    read = parse(sheet.form(context), whole, TODAY)
    return isinstance(read, Questions) and any(part in str(doubt.text) for doubt in read.doubts)


@pytest.mark.parametrize(
    ("sheet", "sent", "part", "first_days", "before"),
    [
        (CONTACT, {"sp": "yes"}, "Not before 13 weeks", 13 * 7, True),
        (CONTACT, {"worms": "albendazole"}, "after 13 weeks", 13 * 7, True),
        (CONTACT, {"heartbeat": "no"}, "Before 20 weeks", 20 * 7, True),
        (BIRTH, {"on": TODAY.isoformat(), "baby1_outcome": "stillbirth"}, "weeks of pregnancy", 28 * 7, True),
        (LOSS, {"on": TODAY.isoformat(), "kind": "miscarriage"}, "Is it a loss", 28 * 7, False),
    ],
)
def test_the_day_from_which_a_question_comes_or_goes(
    sheet: Sheet, sent: dict[str, str | tuple[str, ...]], part: str, first_days: int, before: bool
) -> None:
    more = {"danger_signs": ("none",), "place": "facility", "babies": "1", "mother_died": "no", **sent}
    for days, asked in ((first_days - 1, before), (first_days, not before)):
        assert doubted(enrolled(TODAY - timedelta(days=days)), sheet, more, part) is asked, days


def test_a_weight_that_does_not_fit_the_weeks_is_asked_about_of_each_baby() -> None:
    of_two = {"on": TODAY.isoformat(), "place": "facility", "babies": "2", "mother_died": "no"}
    of_two |= {
        f"baby{number}_{part}": value
        for number in (1, 2)
        for part, value in (("outcome", "live-birth"), ("sex", "male"))
    }
    clinic, words = enrolled(TODAY - timedelta(days=30 * 7)), "unusual after 30 weeks"
    assert doubted(clinic, BIRTH, {**of_two, "baby1_weight": "1500", "baby2_weight": "3100"}, words)
    assert not doubted(clinic, BIRTH, {**of_two, "baby1_weight": "1500", "baby2_weight": "1400"}, words)


def test_sp_is_not_asked_about_from_the_28th_day_after_the_last_one() -> None:
    for days, asked in ((27, True), (28, False)):
        clinic = enrolled()
        on = (TODAY - timedelta(days=days)).isoformat()
        clinic.fill(CONTACT, {"danger_signs": ("none",), "sp": "yes", "on": on})
        assert doubted(clinic, CONTACT, {"danger_signs": ("none",), "sp": "yes"}, "the last dose") is asked


def test_a_new_supply_ends_the_one_before() -> None:
    clinic = enrolled()
    clinic.fill(CONTACT, {"danger_signs": ("none",), "iron_folate": "30"})
    clinic.fill(CONTACT, {"danger_signs": ("none",), "iron_folate": "60"})
    states = sorted(str(each["status"]) for each in clinic.of_type("MedicationRequest"))
    assert states == ["active", "completed"]
    assert [dose.days for dose in pregnancy(clinic).doses] == [30, 60]


def test_questions_come_when_they_matter() -> None:
    def asked(weeks: int) -> set[str]:
        clinic = enrolled(TODAY - timedelta(days=7 * weeks))
        return {field.name for field in CONTACT.form(clinic.context()).fields()}

    assert {"fundal_height", "movement", "presentation", "birth_place", "sp", "worms"}.isdisjoint(asked(8))
    assert {"fundal_height", "movement", "symptoms", "sp", "worms"} <= asked(21)
    assert {"presentation", "birth_place"} <= asked(35)


def test_a_redating_says_which_date_moves() -> None:
    clinic = enrolled()
    sent: dict[str, str | tuple[str, ...]] = {"which": "new", "scan_on": "2026-06-10", "scan_weeks": "19"}
    (asked,) = asked_back(clinic, REDATE, sent)
    assert asked.startswith(
        "The expected date moves from 14 October 2026 to 4 November 2026, and all due dates with it."
    )


def test_twins_are_patients_of_their_own_one_alive() -> None:
    clinic = enrolled(TODAY - timedelta(days=266))
    sent = {
        "babies": "2",
        "place": "facility",
        "baby1_outcome": "live-birth",
        "baby1_sex": "male",
        "baby2_outcome": "stillbirth",
    }
    clinic.fill(BIRTH, sent)
    (boy,) = [each for each in clinic.of_type("Patient") if each["id"] != "mother"]
    assert boy["name"] == [{"use": "temp", "family": "Bello", "given": ["Baby", "of", "Amina"]}]
    assert (boy["gender"], boy["multipleBirthInteger"]) == ("male", 1)
    assert {each.kind for each in pregnancy(clinic).outcomes} == {"live-birth", "stillbirth"}


def test_there_is_no_form_for_a_pregnancy_that_there_is_not() -> None:
    clinic = Clinic(AMINA)
    for sheet in (CONTACT, BIRTH, LOSS, POSTNATAL):
        with pytest.raises(NotFound):
            sheet.form(clinic.context())


def test_a_complete_care_resolves_the_problems_of_the_birth() -> None:
    clinic = delivered(complications=("heavy-bleeding",))
    clinic.fill(CLOSE, {"why": "complete"})
    assert [(each.kind, each.past) for each in mother_of(clinic.context()).problems] == [("heavy-bleeding", True)]


def test_a_pregnancy_without_an_episode_is_not_marked_as_a_mistake_by_its_end() -> None:
    period = {"resourceType": "Observation", "id": "o", "status": "final", "subject": {"reference": "Patient/mother"},
              "code": {"coding": [{"system": "http://loinc.org", "code": "8665-2"}]},
              "effectiveDateTime": TODAY.isoformat(), "valueDateTime": LMP.isoformat()}  # fmt: skip

    def offered(clinic: Clinic) -> set[str]:
        return {choice.value for choice in next(CLOSE.form(clinic.context()).fields()).choices}

    assert pregnancy(Clinic(AMINA, period)).ref == "Observation/o"
    assert {"mistake", "complete"}.isdisjoint(offered(Clinic(AMINA, period)))
    assert "mistake" in offered(enrolled())
    assert {"mistake", "complete"} <= offered(delivered())


def test_a_supply_lasts_as_many_days_as_were_handed_out() -> None:
    clinic = enrolled()
    clinic.fill(CONTACT, {"danger_signs": ("none",), "iron_folate": "30"})
    (request,) = clinic.of_type("MedicationRequest")
    bounds = request["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]
    assert bounds == {"start": TODAY.isoformat(), "end": (TODAY + timedelta(days=29)).isoformat()}


def test_she_does_not_die_before_the_birth_nor_after_today() -> None:
    clinic = enrolled(TODAY - timedelta(days=280))
    born = TODAY - timedelta(days=3)
    sent = {"on": born.isoformat(), "place": "facility", "babies": "1", "baby1_outcome": "stillbirth"}
    for days, refused in ((-1, True), (0, False), (3, False), (4, True)):
        died = {"mother_died": "yes", "died_on": (born + timedelta(days=days)).isoformat()}
        read = parse(BIRTH.form(clinic.context()), {name: (one,) for name, one in {**sent, **died}.items()}, TODAY)
        assert isinstance(read, Questions)
        assert [problem.field for problem in read.problems] == (["died_on"] if refused else []), days


def test_the_next_appointment_is_not_on_the_heels_of_the_contact() -> None:
    for days, weeks in ((26 * 7 - 6, 26), (26 * 7 - 5, 30)):
        clinic = enrolled(TODAY - timedelta(days=days))
        proposed = TODAY + timedelta(days=7 * weeks - days)
        assert CONTACT.start(clinic.context()) == {"next_on": proposed.isoformat()}


def test_the_next_appointment_is_that_of_the_clinics_own_plan() -> None:
    record, episode = dated(TODAY - timedelta(weeks=40))
    record.contact(TODAY - timedelta(weeks=30), episode)
    resources = json.loads(json.dumps(record.resources, default=str))
    assert CONTACT.start(Clinic(*resources).context()) == {}, "WHO's plan ends with week 40"
    rebased = Clinic(*resources, programme=Programme(contacts="rebased"))
    assert CONTACT.start(rebased.context()) == {"next_on": (TODAY + timedelta(weeks=1)).isoformat()}


@pytest.mark.parametrize(
    ("programme", "left_out"),
    [
        (Programme(), ""),
        (Programme(malaria=False), "sp"),
        (Programme(worms=False), "worms"),
        (Programme(calcium_low=False), "calcium"),
    ],
)
def test_what_the_clinic_does_not_give_is_not_asked(programme: Programme, left_out: str) -> None:
    clinic = enrolled()
    clinic.programme = programme
    form = CONTACT.form(clinic.context())
    named = {field.name for section in form.sections for field in section.fields}
    assert {"sp", "worms", "calcium"} - named == ({left_out} if left_out else set())


def test_after_a_birth_the_next_contact_is_proposed_from_the_day_after_tomorrow_on() -> None:
    for days, later in ((2, 7), (5, 7), (6, 42)):
        born = TODAY - timedelta(days=days)
        context = delivered(on=born.isoformat()).context()
        assert POSTNATAL.start(context) == {"next_on": (born + timedelta(days=later)).isoformat()}, days
