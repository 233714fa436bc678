"""What FHIR elements are called by people: checked on HL7's own examples, on partial dates, and on things of any shape."""

import re
import tarfile
from collections.abc import Iterator
from datetime import UTC, date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_node.language.readers import reading
from edge_node.pages import codes, dates, dosage, elements, patient, records, words
from edge_node.pages.elements import nobody

EXAMPLES = Path(__file__).parents[2] / "data" / "hl7_r4_examples_clinical.tar.gz"
TODAY = date(2026, 3, 15)
DAY_MS = 86_400_000


@cache
def examples() -> dict[str, Any]:
    found = {}
    with tarfile.open(EXAMPLES) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is not None:
                found[Path(member.name).stem] = words.decode(file.read())
    return found


def line(name: str) -> Any:
    resource = examples()[name]
    return records.line(resource["resourceType"], resource, nobody)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2014-10-09T14:58:00+11:00", "9 October 2014"),
        ("2012-06", "June 2012"),
        ("2004", "2004"),
        ("approximately November 2012", "approximately November 2012"),
        ("2012-13-40", "2012"),
        (None, ""),
        (7, ""),
    ],
)
def test_days(written: Any, said: str) -> None:
    assert dates.day(written) == said


@pytest.mark.parametrize(
    ("born", "said"),
    [
        ("2026-03-12", "3 days"),
        ("2026-03-14", "1 day"),
        ("2026-02-01", "6 weeks"),
        ("2025-03-16", "11 months"),
        ("2024-03-16", "23 months"),
        ("2024-03-15", "2 years"),
        ("1990-03-16", "35 years"),
        ("1990-03-15", "36 years"),
        ("1990", "about 36 years"),
        ("1990-05", "about 35 years"),
        ("2026", "under 1 year"),
        ("2027-01-01", ""),
        ("2025-02-30", ""),
        (None, ""),
    ],
)
def test_ages_say_about_when_the_birth_date_is_estimated(born: Any, said: str) -> None:
    assert dates.age(born, TODAY) == said


def test_periods_and_moments() -> None:
    assert dates.period({"start": "2015-06-02", "end": "2015-06-09"}) == "2 June to 9 June 2015"
    assert dates.period({"start": "2014", "end": "2015"}) == "2014 to 2015"
    assert dates.period({"start": "2015-06-02"}) == "since 2 June 2015"
    assert dates.period({"end": "2015-06"}) == "until June 2015"
    now = 20_000 * DAY_MS + 14 * 3_600_000
    assert dates.moment(now - 60_000, now, UTC) == "today at 13:59"
    assert dates.moment(now - DAY_MS, now, UTC) == "yesterday at 14:00"
    assert dates.moment(0, now, UTC) == "1 January 1970 at 00:00"
    assert dates.clock_doubt(60_000) == ""
    assert dates.clock_doubt(7_200_000) == "2 hours behind"
    assert dates.clock_doubt(-3 * DAY_MS) == "3 days ahead"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Patient-example", "Jim"),
        ("Patient-f001", "Pieter van de Heuvel MSc"),
        ("Patient-ch-example", "张无忌"),
        ("Practitioner-f001", "Eric van den broek MD"),
        ("RelatedPerson-benedicte", "Bénédicte du Marché"),
    ],
)
def test_names(name: str, said: str) -> None:
    assert words.human_name(examples()[name]["name"]) == said


def test_one_patient_of_hl7() -> None:
    patient = examples()["Patient-example"]
    assert words.sex(patient) == "Male"
    assert words.telephone(patient) == "(03) 5555 6473"
    assert words.village(patient) == "PleasantVille"
    assert words.main_identifier(patient) == "12345"
    assert words.other_names(patient["name"]) == [
        "Peter James Chalmers (official)",
        "Peter James Windsor (name before marriage)",
    ]
    assert words.age(examples()["Patient-pat3"], TODAY) == "died, 33 years"
    assert words.age(examples()["Patient-pat4"], TODAY) == "died"


@pytest.mark.parametrize(
    ("quantity", "said"),
    [
        (b'{"value": 6.0, "unit": "mg"}', "6.0 mg"),
        (b'{"value": 6.00, "code": "mg"}', "6.00 mg"),
        (b'{"value": 0.1e1, "unit": "g"}', "0.1e1 g"),
        (b'{"value": 5, "comparator": "<", "unit": "mmol/L"}', "< 5 mmol/L"),
        (b'{"value": 95, "unit": "%"}', "95%"),
        (b'{"value": 37.5, "code": "Cel"}', "37.5 °C"),
        (b'{"value": 120, "unit": "mm[Hg]"}', "120 mmHg"),
        (b'{"value": 3, "unit": "{score}"}', "3"),
        (b'{"value": 12345678901234567890.10, "unit": "g"}', "12345678901234567890.10 g"),
    ],
)
def test_amounts_keep_the_digits_that_were_written(quantity: bytes, said: str) -> None:
    assert words.quantity(words.decode(quantity)) == said


@pytest.mark.parametrize(
    ("quantity", "english", "french", "arabic"),
    [
        (b'{"value": 1, "unit": "tablet"}', "1 tablet", "1 comprimé", "1"),
        (b'{"value": 2, "unit": "tablet", "code": "{tablet}"}', "2 tablets", "2 comprimés", "2"),
        (b'{"value": 0.5, "code": "{tablet}"}', "0.5 tablets", "0,5 comprimés", "0.5"),
        (b'{"value": 1, "unit": "day", "code": "d"}', "1 day", "1 jour", "يوم واحد"),
        (b'{"value": 5, "unit": "days"}', "5 days", "5 jours", "5"),
        (b'{"value": 1.0, "unit": "d"}', "1.0 days", "1,0 jours", "1.0"),
        (b'{"value": 1, "comparator": "<", "unit": "d"}', "< 1 days", "< 1 jours", "<"),
    ],
)
def test_what_is_counted_is_said_in_the_readers_language_and_never_without_its_number(
    quantity: bytes, english: str, french: str, arabic: str
) -> None:
    written = words.decode(quantity)
    with reading("fr"):
        assert words.quantity(written) == french
    with reading("ar"):
        assert arabic in words.quantity(written)
    assert words.quantity(written) == english


def test_what_forms_wrote_is_read_in_the_readers_language_and_what_people_wrote_as_they_did() -> None:
    ours = {"coding": [{"system": "http://loinc.org", "code": "85354-9"}], "text": "Blood pressure"}
    with reading("fr"):
        assert words.concept(ours).startswith("Tension artérielle")
        assert (
            words.concept({"coding": ours["coding"], "text": "Blood pressure, left arm"}) == "Blood pressure, left arm"
        )
        assert words.concept({"text": "Blood pressure"}) == "Blood pressure"
    assert words.concept(ours) == "Blood pressure"


def test_only_lists_round_and_say_so() -> None:
    assert words.nearly("166.82501702858627 cm") == "≈ 166.825 cm"
    assert words.nearly("66.899999999999991 in") == "≈ 66.9 in"
    assert words.nearly("6.50 mg") == "6.50 mg"
    assert words.nearly("0.0625 mg") == "0.0625 mg"
    result = line("Observation-body-height")
    assert (result.value, result.exact) == ("≈ 66.9 in", "66.899999999999991 in")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"text": "Take one tablet daily as directed"}, "Take one tablet daily as directed"),
        (
            {
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
                "route": {"text": "Oral"},
                "timing": {
                    "repeat": {
                        "frequency": 3,
                        "period": 1,
                        "periodUnit": "d",
                        "boundsDuration": {"value": 7, "unit": "d"},
                    }
                },
            },
            "1 tablet, Oral, 3 times a day for 7 days",
        ),
        (
            {
                "doseAndRate": [{"doseRange": {"low": {"value": 1, "unit": "g"}, "high": {"value": 2, "unit": "g"}}}],
                "timing": {"repeat": {"frequency": 1, "period": 4, "periodMax": 6, "periodUnit": "h"}},
                "asNeededCodeableConcept": {"text": "pain"},
                "maxDosePerPeriod": {
                    "numerator": {"value": 4, "unit": "g"},
                    "denominator": {"value": 1, "unit": "day"},
                },
            },
            "1 to 2 g, every 4 to 6 hours, as needed for pain, at most 4 g per 1 day",
        ),
        (
            {"timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d", "when": ["MORN"]}}},
            "twice a day in the morning",
        ),
        (
            {"timing": {"repeat": {"dayOfWeek": ["mon", "thu"], "timeOfDay": ["09:00:00"]}}},
            "on Monday and Thursday at 09:00",
        ),
    ],
)
def test_dosages(step: dict[str, Any], said: str) -> None:
    assert dosage.dosage(step) == said


def test_prescriptions_of_hl7() -> None:
    assert line("MedicationRequest-medrx0302").value == "Two tablets at once; then One tablet daily for 4 days"
    assert line("MedicationRequest-medrx0301").what == "Oral Form Oxycodone"
    assert line("MedicationRequest-medrx002").notes == ("for Essential hypertension",)


def test_what_is_dangerous_is_said() -> None:
    cashew = line("AllergyIntolerance-example")
    assert (cashew.what, cashew.value, cashew.danger) == ("Cashew nuts", "high risk", True)
    assert "Anaphylactic reaction, severe" in cashew.notes
    none = line("AllergyIntolerance-nka")
    assert (none.what, none.danger, none.denies) == ("No Known Allergy", False, True)
    assert line("ServiceRequest-do-not-turn").what == "Do not: Turning patient in bed"
    assert line("Immunization-notGiven").state == "not done"
    assert line("Observation-f001").tone == "high"
    assert line("Observation-f202").wrong
    assert not line("Flag-example").danger
    assert line("Flag-example-encounter").danger


def test_results_of_hl7() -> None:
    assert line("Observation-blood-pressure").parts == (
        ("Systolic blood pressure", "107 mmHg"),
        ("Diastolic blood pressure", "60 mmHg"),
    )
    assert line("Observation-unsat").value == "no value: Specimen unsatisfactory for evaluation"
    assert line("Observation-date-lastmp").value == "30 December 2016"
    assert line("QuestionnaireResponse-f201").notes[0] == "Do you have allergies?: I am allergic to house dust"


MACHINE_WORDS = re.compile(r"\{[\"']|\[\{|\bCodeableConcept\b|terminology\.hl7|<div|\bNone\b|\bTrue\b")


def test_every_example_is_told_in_words() -> None:
    """Whatever is stored has a line, without JSON, types of FHIR, or content of attached files."""
    for name, resource in examples().items():
        if resource["resourceType"] in ("Bundle", "OperationOutcome"):
            continue  # no records of a patient
        said = records.line(resource["resourceType"], resource, nobody)
        told = " ".join([said.what, said.value, said.when, said.state, *said.notes, *map(" ".join, said.parts)])
        assert said.what, name
        assert not MACHINE_WORDS.search(told), (name, MACHINE_WORDS.search(told))
        assert "R0lGODlh" not in told, name


def test_types_have_names() -> None:
    assert codes.counted("Observation", 12) == "12 results"
    assert codes.counted("Encounter", 1) == "1 visit"
    assert codes.kind("RiskAssessment") == "risk assessment"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["2012-06", "1.50", "active"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "code coding display text value unit low high start end reference family given name repeat timing status "
                "doseAndRate component valueQuantity valueString period birthDate telecom address item answer reaction "
                "dosageInstruction interpretation category resourceType contained content payload class deceasedDateTime".split()
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(ANYTHING, st.sampled_from([*codes.KINDS, "Odd"]))
@example({"category": True}, "AllergyIntolerance")
def test_odd_data_are_shown_and_never_an_error(value: Any, type_: str) -> None:
    assert isinstance(elements.anything(value), str)
    resource = value if isinstance(value, dict) else {"value": value}
    assert isinstance(records.line(type_, resource, nobody).what, str)
    assert isinstance(words.age(resource, TODAY), str)
    assert isinstance(words.human_name(value), str)


def every_object(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from every_object(member)
    elif isinstance(value, list):
        for entry in value:
            yield from every_object(entry)


def test_every_element_of_every_example_is_said_without_json() -> None:
    for resource in examples().values():
        for element in every_object(resource):
            assert not re.search(r"\{\"|\{'|\[\{", elements.anything(element))


@pytest.mark.parametrize(
    ("system", "code", "said"),
    [
        ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "AMB", "outpatient visit"),
        ("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "M", "married"),
        ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "XYZ", "not named (code XYZ)"),
        ("urn:another", "AMB", "not named (code AMB)"),
    ],
)
def test_a_code_that_comes_without_words_has_ours_where_its_system_is_known(system: str, code: str, said: str) -> None:
    coding = {"system": system, "code": code}
    assert words.concept({"coding": [coding]}) == elements.anything(coding) == said
    assert words.concept({"coding": [{**coding, "display": "Its own words"}]}) == "Its own words"


def test_an_appointment_tells_its_day_not_the_day_it_was_written() -> None:
    resource = {
        "resourceType": "Appointment",
        "status": "booked",
        "description": "Blood pressure check",
        "start": "2026-12-01T08:00:00+00:00",
        "end": "2026-12-01T08:30:00+00:00",
        "created": "2026-11-23T12:58:00+00:00",
    }
    said = records.line("Appointment", resource, nobody)
    assert said.when == "1 December 2026"
    assert said.sort == dates.order("2026-12-01T08:00:00+00:00")


def test_she_is_not_the_same_person_as_herself_in_her_babys_record() -> None:
    kept = {"type": "replaces", "other": {"reference": "Patient/other"}}
    mother = {"type": "seealso", "other": {"reference": "RelatedPerson/herself"}}
    for links, told in (([mother], ()), ([mother, kept], ("Akosua Dankwa",))):
        who = patient.identity("her", {"link": links}, lambda target: "Akosua Dankwa", TODAY, "")
        assert dict(who.facts).get("Same person as", ()) == told


STANDING: list[dict[str, Any]] = [
    {"resourceType": "Condition", "clinicalStatus": {"coding": [{"code": "active"}]}},
    {"resourceType": "AllergyIntolerance", "verificationStatus": {"coding": [{"code": "confirmed"}]}},
    {"resourceType": "MedicationRequest", "status": "active"},
    {"resourceType": "Immunization", "status": "completed"},
    {"resourceType": "Encounter", "status": "finished"},
    {"resourceType": "Observation", "status": "final"},
    {"resourceType": "Observation", "status": "corrected"},
    {"resourceType": "DiagnosticReport", "status": "final"},
    {"resourceType": "Procedure", "status": "completed"},
    {"resourceType": "ServiceRequest", "status": "active"},
    {"resourceType": "DocumentReference", "status": "current"},
    {"resourceType": "QuestionnaireResponse", "status": "completed"},
    {"resourceType": "Basic", "status": "active"},
]


@pytest.mark.parametrize("language", ["en", "fr", "sw", "ha", "ar"])
def test_a_state_that_goes_without_saying_does_so_in_every_language(language: str) -> None:
    with reading("en"):
        english = [records.line(one["resourceType"], one, nobody) for one in STANDING]
    with reading(language):
        said = [records.line(one["resourceType"], one, nobody) for one in STANDING]
    assert [(one.state, one.over) for one in said] == [("", one.over) for one in english]
