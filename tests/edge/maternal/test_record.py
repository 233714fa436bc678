"""What resources say becomes facts, whoever wrote them; what cannot be understood is told, and never guessed."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.concepts import VITAL_SIGNS
from edge_node.maternal import concepts as said
from edge_node.maternal.facts import Mother, Pressure
from edge_node.maternal.lists import work
from edge_node.maternal.record import read_mother, read_newborn
from edge_node.programme import Programme
from tests.edge.fhir.samples import all_generated, hl7_examples
from tests.edge.maternal.making import LMP, Record, dated, synthea_records, week, who_examples


def a_whole_pregnancy() -> Record:
    record, episode = dated()
    first = record.contact(week(10), episode)
    record.pressure(142, 91, f"{week(10)}T09:00:00+03:00", first)
    record.pressure(128, 84, f"{week(10)}T09:15:00+03:00", first, repeat=True)
    record.measure("haemoglobin", Decimal("10.4"), week(10), first)
    record.sign("danger-signs", said.DANGER_SIGNS["fever"], week(10), first)
    record.sign("danger-signs", said.DANGER_SIGNS["bleeding"], week(10), first)
    record.test("hiv-test", "negative", week(10), first)
    record.vaccinate(week(10), first)
    record.prescribe("iron-folate", week(10), first, days=90)
    record.allergy("sulfa")
    record.condition("hypertension")
    second = record.contact(week(20), episode)
    record.give("sulfadoxine-pyrimethamine", week(20), second)
    record.outcome("live-birth", week(39), record.contact(week(39), episode, "birth"), "Patient/baby")
    return record


def test_all_that_a_form_writes_is_read_again() -> None:
    mother = a_whole_pregnancy().read()
    (pregnancy,) = mother.pregnancies
    assert [each.lmp for each in pregnancy.evidence] == [LMP]
    assert [(each.kind, each.on) for each in pregnancy.contacts] == [
        ("antenatal-contact", week(10)),
        ("antenatal-contact", week(20)),
        ("birth", week(39)),
    ]
    assert [(str(each.systolic), each.repeat) for each in pregnancy.pressures] == [("142", False), ("128", True)]
    assert [(each.kind, each.value) for each in pregnancy.measures] == [("haemoglobin", Decimal("10.4"))]
    assert {each.value for each in pregnancy.signs} == {"fever", "bleeding"}
    assert [(each.kind, each.result) for each in mother.tests] == [("hiv", "negative")]
    assert [each.on for each in mother.tetanus] == [week(10)]
    assert {(each.kind, each.days) for each in pregnancy.doses} == {
        ("tetanus", None),
        ("iron-folate", 90),
        ("sulfadoxine-pyrimethamine", None),
    }
    assert [(each.kind, each.baby) for each in pregnancy.outcomes] == [("live-birth", "Patient/baby")]
    assert [each.kind for each in mother.allergies] == ["sulfa"]
    assert [each.kind for each in mother.problems] == ["hypertension"]
    assert mother.unread == mother.ambiguous == ()


@given(st.randoms(use_true_random=False))
def test_no_order_of_resources_gives_other_facts(random: Random) -> None:
    resources = a_whole_pregnancy().resources
    shuffled = list(resources)
    random.shuffle(shuffled)
    assert read_mother("mother", shuffled) == read_mother("mother", resources)


def test_what_names_no_pregnancy_belongs_to_the_one_of_its_time() -> None:
    record, _ = dated()
    record.contact(week(20))
    record.measure("weight", 61, week(20))
    earlier = record.episode(date(2018, 3, 1), "finished", date(2018, 9, 1))
    record.measure("weight", 55, date(2018, 5, 1))
    record.measure("weight", 58, date(2020, 1, 1))
    mother = record.read()
    weights = {each.ref: [measure.value for measure in each.measures] for each in mother.pregnancies}
    assert weights == {"EpisodeOfCare/r001": [61], earlier: [55]}
    assert [each.on for each in mother.pregnancies[1].contacts] == [week(20)]
    assert mother.ambiguous == ()


def test_what_may_belong_to_two_pregnancies_is_left_out_and_told() -> None:
    record, _ = dated()
    record.episode(week(8))
    weight = record.measure("weight", 61, week(20))
    mother = record.read()
    assert all(not each.measures for each in mother.pregnancies)
    assert mother.ambiguous == (weight,)


def test_an_episode_is_a_pregnancy_by_its_diagnosis_too_and_is_not_told_twice() -> None:
    record = Record()
    condition = record.condition("pregnancy", onsetDateTime=week(8).isoformat())
    episode = record.episode(week(8))
    record.resources[-1] |= {"type": [{"text": "Home care"}], "diagnosis": [{"condition": {"reference": condition}}]}
    assert [each.ref for each in record.read().pregnancies] == [episode]


def test_a_condition_without_an_episode_tells_of_a_pregnancy_and_its_end() -> None:
    record = Record()
    told = record.condition(
        "pregnancy", "resolved", onsetDateTime=week(8).isoformat(), abatementDateTime=week(39).isoformat()
    )
    pregnancy = record.pregnancy()
    assert (pregnancy.ref, pregnancy.status, pregnancy.start, pregnancy.end) == (told, "finished", week(8), week(39))


def test_a_pregnancy_entered_by_mistake_is_none() -> None:
    record, episode = dated()
    record.outcome("mistake", week(12), episode)
    assert record.read().pregnancies == ()


def test_the_day_of_birth_may_be_stated_apart() -> None:
    record, episode = dated()
    record.outcome("live-birth", week(40), episode)
    record.observe("delivery-date", week(40), episode, valueDateTime=week(39).isoformat())
    assert [(each.kind, each.on) for each in record.pregnancy().outcomes] == [("live-birth", week(39))]


def test_a_last_period_without_an_episode_tells_of_a_pregnancy() -> None:
    record = Record()
    told = record.lmp(LMP, week(9))
    record.contact(week(16))
    pregnancy = record.pregnancy()
    assert (pregnancy.ref, len(pregnancy.contacts)) == (told, 1)


def test_what_was_entered_in_error_or_did_not_take_place_says_nothing() -> None:
    record, episode = dated()
    record.contact(week(12), episode, status="planned")
    record.contact(week(13), episode, status="cancelled")
    record.measure("weight", 99, week(13), episode)
    record.resources[-1]["status"] = "entered-in-error"
    pregnancy = record.pregnancy()
    assert (pregnancy.contacts, pregnancy.measures) == ((), ())


@pytest.mark.parametrize(
    "value",
    [
        {"value": 16},
        {"value": 140, "code": "g"},
        {"code": "mm[Hg]"},
        {"value": 140, "code": "mm[Hg]", "comparator": ">"},
        {"value": True, "code": "mm[Hg]"},
    ],
)
def test_a_measurement_without_a_sound_unit_is_not_guessed_but_told(value: dict[str, Any]) -> None:
    record, episode = dated()
    told = record.observe("systolic", week(20), episode, valueQuantity=value)
    mother = record.read()
    assert mother.pregnancies[0].pressures == ()
    assert mother.unread == (told,)


def test_a_month_dates_a_pregnancy_uncertainly_and_a_year_not_at_all() -> None:
    record = Record()
    episode = record.episode(week(10))
    record.lmp("2021-02", week(10), episode)
    year = record.lmp("2021", week(10), episode)
    mother = record.read()
    assert [(each.lmp, each.certain) for each in mother.pregnancies[0].evidence] == [(date(2021, 2, 15), False)]
    assert mother.unread == (year,)


def test_a_last_period_after_the_day_it_was_told_is_not_believed() -> None:
    record = Record()
    told = record.lmp(week(10), LMP, record.episode())
    assert record.read().unread == (told,)


def test_upper_and_lower_pressure_stated_apart_are_one_reading() -> None:
    record, episode = dated()
    visit = record.contact(week(20), episode)
    upper = record.observe("systolic", week(20), visit, valueQuantity={"value": 150, "code": "mm[Hg]"})
    record.observe("diastolic", week(20), visit, valueQuantity={"value": 95, "code": "mm[Hg]"})
    (reading,) = record.pregnancy().pressures
    assert reading == Pressure(ref=upper, on=week(20), systolic=Decimal(150), diastolic=Decimal(95))


def test_a_blood_pressure_without_a_unit_is_read_where_it_can_only_be_one_thing() -> None:
    record, episode = dated()
    record.observe("systolic", week(20), episode, valueQuantity={"value": 178})
    assert [str(each.systolic) for each in record.pregnancy().pressures] == ["178"]


def test_an_age_takes_the_source_that_who_states_beside_it() -> None:
    record, episode = dated()
    visit = record.contact(week(12), episode)
    record.observe("gestational-age", week(12), visit, valueQuantity={"value": 12, "code": "wk"})
    record.sign("dating-source", said.DATING_SOURCES["ultrasound"], week(12), visit)
    kinds = {each.kind: each.age_days for each in record.pregnancy().evidence}
    assert kinds == {"lmp": None, "ultrasound": 84}


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Sulfa drugs", {"sulfa"}),
        ("allergic to SEPTRIN", {"sulfa"}),
        ("sulphonamide rash", {"sulfa"}),
        ("ferrous sulfate", {"iron"}),
        ("penicillin and sulfa", {"sulfa", "penicillin"}),
        ("peanuts", set()),
    ],
)
def test_an_allergy_written_by_hand_is_understood(text: str, kinds: set[str]) -> None:
    record = Record()
    record.allergy(text=text)
    assert {each.kind for each in record.read().allergies} == kinds


def test_the_examples_of_who_are_read() -> None:
    by_patient: dict[str, list[dict[str, Any]]] = {}
    for resource in who_examples().values():
        whose = (resource.get("subject") or resource.get("patient") or {}).get("reference", "")
        by_patient.setdefault(whose, []).append(resource | {"meta": {"lastUpdated": "2021-03-26T10:00:00Z"}})
    read = {whose: read_mother(whose.partition("/")[2], resources) for whose, resources in by_patient.items()}
    charity = read["Patient/charity-otala-1"]
    (pregnancy,) = charity.pregnancies
    assert [each.lmp for each in pregnancy.evidence if each.kind == "lmp"] == [date(2018, 3, 29)]
    assert [each.value for each in pregnancy.signs if each.kind == "danger-signs"] == ["none"]
    assert [each.kind for each in charity.counts] == ["gravida"]
    example = read["Patient/anc-patient-example"]
    assert [each.result for each in example.tests if each.kind == "syphilis"] != []
    assert "unread" in Mother.__struct_fields__


def test_synthetic_records_of_another_program_are_read_with_their_pregnancies() -> None:
    mothers = [read_mother(patient, resources) for patient, resources in synthea_records()]
    pregnancies = [each for mother in mothers for each in mother.pregnancies]
    births = [outcome for each in pregnancies for outcome in each.outcomes if outcome.kind == "birth"]
    assert len(births) == 40
    assert sum(len(each.contacts) for each in pregnancies) > 500
    assert all(mother.unread == () for mother in mothers)


def test_the_examples_of_hl7_are_read() -> None:
    everything = list(hl7_examples().values())
    assert read_mother("mom", everything).born == date(1973, 5, 31)
    assert [each.value for each in read_mother("infant", everything).groups] == ["A", "A"]


VALUES: tuple[dict[str, Any], ...] = (
    {"valueQuantity": {"value": Decimal("7.5")}},
    {"valueQuantity": {"value": Decimal("1e30"), "code": "d"}},
    {"valueQuantity": {"value": -5, "code": "wk"}},
    {"valueQuantity": {"unit": "kg"}},
    {"valueCodeableConcept": {"text": "+"}},
    {"valueCodeableConcept": {"coding": [{"display": "positive"}, {"system": "http://loinc.org"}]}},
    {"valueString": "Positive"},
    {"valueBoolean": True},
    {"valueInteger": -1},
    {"valueDateTime": "2021"},
    {"valueDateTime": "9999-12-31"},
    {"valueDateTime": "0001-01-01T00:00:00Z"},
    {"valueTime": "10:00:00"},
    {"valueRange": {"low": {"value": 1}}},
    {"valuePeriod": {"start": "2021-01-01"}},
    {"component": [{"code": {"text": "x"}}]},
    {"dataAbsentReason": {"text": "unknown"}},
    {},
)


@pytest.mark.parametrize("name", [each.name for table in (said.STATEMENTS, VITAL_SIGNS) for each in table])
def test_no_value_that_fhir_allows_stops_the_reading(name: str) -> None:
    for value in VALUES:
        record, episode = dated()
        told = record.observe(name, week(20), episode, **value)
        mother = record.read()
        assert set(mother.unread) <= {told}
        assert work(mother, Programme()).items


def test_resources_made_from_the_definitions_are_read_without_error() -> None:
    made = list(all_generated())
    assert len(made) > 100
    assert read_mother("mother", made).born is None


def test_what_is_said_of_another_patient_is_not_hers_unless_the_records_were_joined() -> None:
    record, episode = dated()
    record.measure("weight", 3, week(39), episode)
    record.resources[-1]["subject"] = {"reference": "Patient/baby"}
    assert record.pregnancy().measures == ()
    other: dict[str, Any] = {"resourceType": "Patient", "id": "baby"}
    for kind, measured in (("seealso", []), ("replaced-by", [3]), ("replaces", [3])):
        link = [{"other": {"reference": "Patient/mother"}, "type": kind}]
        joined = read_mother("mother", [*record.resources, other | {"link": link}])
        assert [each.value for each in joined.pregnancies[0].measures] == measured
    third = {
        "resourceType": "Patient",
        "id": "third",
        "link": [{"other": {"reference": "Patient/baby"}, "type": "replaces"}],
    }
    apart = read_mother("mother", [*record.resources, other, third])
    assert apart.pregnancies[0].measures == (), "those two are one person, and not she"
    record.patient["link"] = [{"other": {"reference": "Patient/baby"}, "type": "replaces"}]  # type: ignore[assignment]
    joined = read_mother("mother", [*record.resources, other | {"deceasedDateTime": "2021-11-03"}])
    assert [each.value for each in joined.pregnancies[0].measures] == [3]
    assert (joined.dead, joined.died) == (True, date(2021, 11, 3)), "one person, one death"


def test_a_newborn_names_its_mother_as_in_the_example_of_hl7() -> None:
    examples = hl7_examples()
    baby = read_newborn("newborn", [examples["Patient-newborn.json"], examples["RelatedPerson-newborn-mom.json"]])
    assert (baby.born, baby.mothers, baby.dead) == (date(2017, 9, 5), ("RelatedPerson/newborn-mom",), False)


def test_a_death_is_read_from_the_patient_or_from_the_end_of_the_pregnancy() -> None:
    record, episode = dated()
    record.outcome("mother-died", week(30), episode)
    assert (record.read().dead, record.read().died) == (True, week(30))
    other = Record()
    other.patient["deceasedDateTime"] = "2021-05-01T10:00:00Z"
    assert (other.read().dead, other.read().died) == (True, date(2021, 5, 1))


def test_a_contact_after_the_birth_is_one_of_the_weeks_after_it() -> None:
    record, episode = dated()
    record.outcome("live-birth", week(39), episode)
    record.contact(week(39) + timedelta(2), episode)
    assert [each.kind for each in record.pregnancy().contacts] == ["postnatal-contact"]
