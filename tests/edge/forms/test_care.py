"""What the forms of the record write is valid, says what was typed, and is found again by the rules that read it."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_node.concepts import SNOMED, codes_of
from edge_node.errors import NotFound
from edge_node.forms.answers import Answers
from edge_node.forms.care import saying, vital_signs
from edge_node.forms.care.allergy import ALLERGY, END_ALLERGY
from edge_node.forms.care.death import DEATH, UNDO_DEATH
from edge_node.forms.care.diagnosis import CHANGE_PROBLEM, CLOSE_PROBLEM, PROBLEM
from edge_node.forms.care.documents import DOCUMENT
from edge_node.forms.care.notes import NOTE_SHEET, text_of
from edge_node.forms.care.planning import APPOINTMENT, REMINDER
from edge_node.forms.care.prescription import PRESCRIPTION
from edge_node.forms.care.referral import REFERRAL
from edge_node.forms.care.results import RESULT
from edge_node.forms.care.sheets import CARE_SHEETS
from edge_node.forms.care.vaccination import VACCINATION
from edge_node.forms.care.visit import END_VISIT, MEASUREMENTS, VISIT
from edge_node.forms.context import Sheet
from edge_node.forms.fields import wrong
from edge_node.forms.parsing import Questions
from edge_node.growth.record import read as read_child
from edge_node.language import reading
from edge_node.maternal.record import read_mother
from edge_node.medicines import record as medicines_read
from tests.edge.forms.about_people import AMINA, BABY, Typed, asked, body
from tests.edge.forms.filling import NOW, TODAY, Clinic, confirmed, filled

LAWS = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
NEW: tuple[Sheet, ...] = (
    *(VISIT, MEASUREMENTS, PROBLEM, ALLERGY, PRESCRIPTION, RESULT, VACCINATION),
    *(REFERRAL, APPOINTMENT, REMINDER, NOTE_SHEET, DEATH),
)


# --- laws of all forms ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sheet", NEW, ids=lambda sheet: sheet.name)
@pytest.mark.parametrize("patient", [AMINA, BABY], ids=["woman", "baby"])
@given(data=st.data())
@LAWS
def test_whatever_is_answered_becomes_valid_resources_of_the_kinds_that_the_form_names(
    sheet: Sheet, patient: dict[str, Any], data: st.DataObject
) -> None:
    clinic = Clinic(patient)
    form = sheet.form(clinic.context())
    assert wrong(form) == []
    sent = data.draw(filled(form))
    if sheet is PRESCRIPTION:
        sent |= {"despite": ("I know.",), "unit": ("tablet",)}
    read = confirmed(form, sent, TODAY)
    if isinstance(read, Questions):
        assert read.problems, "what is only unlikely is never refused"
        return
    writes = sheet.write(read, clinic.context())
    clinic.keep(writes)
    assert {write.type for write in writes} <= set(sheet.types)
    assert sheet.news(read, clinic.context()) != ""
    assert sheet.after(writes, clinic.context()).startswith("/patients/mother")


def test_every_form_has_an_address_of_its_own_about_a_patient() -> None:
    assert len({sheet.path for sheet in CARE_SHEETS}) == len(CARE_SHEETS) == len({sheet.name for sheet in CARE_SHEETS})
    assert all(sheet.path.startswith("/patients/{id_}/") for sheet in CARE_SHEETS)


@pytest.mark.parametrize(
    "sheet",
    [one for one in CARE_SHEETS if one not in NEW and one not in (UNDO_DEATH, DOCUMENT)],
    ids=lambda one: one.name,
)
def test_a_form_about_a_record_is_not_there_without_one_of_hers(sheet: Sheet) -> None:
    other = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/other"}}
    for about in (None, "Condition/c"):
        with pytest.raises(NotFound):
            sheet.form(Clinic(AMINA, other).context(about))


# --- visits and measurements ------------------------------------------------------------------------------------------


def test_a_visit_holds_its_measurements_and_its_note() -> None:
    clinic = Clinic(AMINA)
    sent = {
        "reason": "Fever",
        "temperature": "38.6",
        "systolic": "118",
        "diastolic": "76",
        "found": "Red throat.",
        "outcome": "home",
    }
    writes = clinic.fill(VISIT, {**sent, "next_on": (TODAY + timedelta(7)).isoformat()})
    encounter = body(writes[0])
    assert encounter["reasonCode"] == [{"text": "Fever"}]
    assert [write.type for write in writes] == [
        "Encounter",
        "Observation",
        "Observation",
        "DocumentReference",
        "Appointment",
    ]
    assert all(saying.refers_to(body(write), f"Encounter/{writes[0].id}") for write in writes[1:-1])
    assert text_of(body(writes[3])) == "Red throat."
    pressure = body(writes[2])["component"]
    assert [part["valueQuantity"]["value"] for part in pressure] == [118, 76]


def test_what_is_written_on_the_day_of_a_visit_belongs_to_it() -> None:
    clinic = Clinic(AMINA)
    visit = clinic.fill(VISIT, {"reason": "Cough"})[0]
    problem = clinic.fill(PROBLEM, {"problem": "Pneumonia", "sure": "provisional"})[0]
    assert body(problem)["encounter"] == {"reference": f"Encounter/{visit.id}"}
    clinic.now = NOW + timedelta(days=1)
    later = clinic.fill(PROBLEM, {"problem": "Anaemia", "sure": "confirmed"})[0]
    assert "encounter" not in body(later)


def test_a_visit_at_which_she_stays_goes_on_until_it_is_ended() -> None:
    clinic = Clinic(AMINA)
    visit = clinic.fill(VISIT, {"reason": "Fits", "outcome": "stays"})[0]
    assert body(visit)["status"] == "in-progress"
    assert "end" not in body(visit)["period"]
    ended = clinic.fill(END_VISIT, {"outcome": "other-hcf"}, f"Encounter/{visit.id}")
    assert body(ended[0])["status"] == "finished"
    assert END_VISIT.after(ended, clinic.context()) == "/patients/mother/referral"


def test_the_same_number_is_asked_about_at_one_age_and_not_at_another() -> None:
    for patient, pulse in ((AMINA, "150"), (BABY, "70")):
        assert [doubt.field for doubt in asked(Clinic(patient), MEASUREMENTS, {"pulse": pulse}).doubts] == ["pulse"]
    assert Clinic(BABY).fill(MEASUREMENTS, {"pulse": "150"})


def test_the_lower_pressure_is_less_than_the_upper_one() -> None:
    found = asked(Clinic(AMINA), MEASUREMENTS, {"systolic": "80", "diastolic": "90"})
    assert [problem.field for problem in found.problems] == ["diastolic"]


def test_a_weight_that_leaped_is_asked_about() -> None:
    clinic = Clinic(AMINA)
    clinic.fill(MEASUREMENTS, {"weight": "61"})
    assert [doubt.field for doubt in asked(clinic, MEASUREMENTS, {"weight": "81"}).doubts] == ["weight"]
    assert clinic.fill(MEASUREMENTS, {"weight": "63"})


def test_a_childs_growth_reads_back_and_is_told() -> None:
    clinic = Clinic(BABY)
    sent = {"weight": "6.2", "height": "70.5", "position": "lying", "muac": "11.2", "oedema": "no"}
    clinic.fill(MEASUREMENTS, sent)
    child = read_child(BABY, clinic.compartment("Patient/mother"))
    assert child is not None
    (measured,) = child.measured
    assert (measured.weight_kg, measured.length_cm, measured.position, measured.muac_cm) == (6.2, 70.5, "lying", 11.2)
    context = clinic.context()
    answers = confirmed(MEASUREMENTS.form(context), {name: (value,) for name, value in sent.items()}, TODAY)
    assert isinstance(answers, Answers)
    told = MEASUREMENTS.news(answers, context)
    assert "severely thin" in told
    assert "Refer the child today." in told


def test_a_size_that_hardly_any_child_has_is_asked_about() -> None:
    found = asked(Clinic(BABY), MEASUREMENTS, {"weight": "14.5", "height": "62"})
    assert any("Hardly any child" in doubt.text.message for doubt in found.doubts)


@pytest.mark.parametrize(
    ("typed", "field"), [({"head": "31.5"}, "head"), ({"muac": "8.5"}, "muac"), ({"weight": "2.5"}, "weight")]
)
def test_an_unlikely_size_is_asked_about_beside_its_own_field(typed: dict[str, Typed], field: str) -> None:
    asked_about = [doubt for doubt in asked(Clinic(BABY), MEASUREMENTS, typed).doubts if "Hardly" in doubt.text.message]
    assert {doubt.field for doubt in asked_about} == {field}


def test_the_tick_of_an_unlikely_size_counts_for_it_alone() -> None:
    (first,) = asked(Clinic(BABY), MEASUREMENTS, {"head": "31.5"}).doubts
    sent: dict[str, Typed] = {"head": "51.9", f"confirm.{first.field}": (first.about,)}
    assert [doubt.field for doubt in asked(Clinic(BABY), MEASUREMENTS, sent).doubts] == ["head"]


def test_numbers_in_questions_are_in_the_readers_digits() -> None:
    clinic = Clinic(AMINA)
    clinic.fill(MEASUREMENTS, {"weight": "61.5"})
    with reading("fr"):
        (doubt,) = asked(clinic, MEASUREMENTS, {"weight": "81.5"}).doubts
        assert "61,5" in str(doubt.text)
        assert "81,5" in str(doubt.text)


def test_all_vital_signs_have_a_range_for_every_age_within_what_is_possible() -> None:
    for vital in vital_signs.VITALS:
        for low, high in vital.plausible.values():
            assert float(vital.possible[0]) <= float(low) < float(high) <= float(vital.possible[1]), vital.name


# --- problems and allergies -------------------------------------------------------------------------------------------


def test_a_problem_of_the_list_is_coded_and_one_in_own_words_is_not() -> None:
    clinic = Clinic(AMINA)
    listed = body(clinic.fill(PROBLEM, {"problem": "hypertension", "sure": "confirmed", "since.year": "2019"})[0])
    assert set(codes_of(listed["code"])) == {("http://hl7.org/fhir/sid/icd-10", "I10"), (SNOMED, "38341003")}
    assert (listed["code"]["text"], listed["onsetDateTime"]) == ("High blood pressure", "2019")
    assert listed["category"][0]["coding"][0]["code"] == "problem-list-item", "the list knows that it stays"
    own = body(clinic.fill(PROBLEM, {"problem": "Cannot sleep on her left side", "sure": "confirmed"})[0])
    assert own["code"] == {"text": "Cannot sleep on her left side"}
    mother = read_mother("mother", clinic.compartment("Patient/mother"))
    assert [problem.kind for problem in mother.problems] == ["hypertension"]


def test_the_same_problem_twice_is_asked_about() -> None:
    clinic = Clinic(AMINA)
    clinic.fill(PROBLEM, {"problem": "Asthma", "sure": "confirmed"})
    assert [doubt.field for doubt in asked(clinic, PROBLEM, {"problem": "ASTHMA", "sure": "confirmed"}).doubts] == [
        "problem"
    ]


def test_a_problem_is_changed_without_touching_the_rest_and_closed() -> None:
    clinic = Clinic(AMINA)
    first = clinic.fill(
        PROBLEM, {"problem": "Pneumonia", "sure": "provisional", "since.year": "2026", "since.month": "5"}
    )[0]
    name = f"Condition/{first.id}"
    changed = body(clinic.fill(CHANGE_PROBLEM, {"sure": "confirmed"}, name)[0])
    assert changed["verificationStatus"]["coding"][0]["code"] == "confirmed"
    assert {key: changed[key] for key in ("code", "onsetDateTime", "category")} == {
        key: body(first)[key] for key in ("code", "onsetDateTime", "category")
    }
    closed = body(clinic.fill(CLOSE_PROBLEM, {"end": "resolved", "note": "Well again."}, name)[0])
    assert (closed["clinicalStatus"]["coding"][0]["code"], closed["abatementDateTime"]) == (
        "resolved",
        TODAY.isoformat(),
    )
    assert list(saying.active(clinic.context().of_type("Condition"))) == []


def condition(**members: Any) -> Clinic:
    subject = {"reference": "Patient/mother"}
    return Clinic(
        AMINA, {"resourceType": "Condition", "id": "c", "subject": subject, "code": {"text": "Sore knee"}, **members}
    )


def test_how_sure_another_program_was_of_a_problem_stays_unless_it_is_answered() -> None:
    likely = {"coding": [{"code": "provisional"}], "text": "By its looks"}
    clinic = condition(verificationStatus=likely)
    changed = body(clinic.fill(CHANGE_PROBLEM, {"note": "Again."}, "Condition/c")[0])
    assert changed["verificationStatus"] == likely
    assert body(clinic.fill(CHANGE_PROBLEM, {"sure": "confirmed"}, "Condition/c")[0])["verificationStatus"] != likely
    other = condition(verificationStatus={"coding": [{"code": "differential"}]})
    assert [problem.field for problem in asked(other, CHANGE_PROBLEM, {}, "Condition/c").problems] == ["sure"]
    unsaid = body(condition().fill(CHANGE_PROBLEM, {"note": "Again."}, "Condition/c")[0])
    assert "verificationStatus" not in unsaid


def test_a_day_takes_the_place_of_an_onset_as_an_age() -> None:
    clinic = condition(onsetString="long ago", verificationStatus={"coding": [{"code": "confirmed"}]})
    assert body(clinic.fill(CHANGE_PROBLEM, {"note": "Still."}, "Condition/c")[0])["onsetString"] == "long ago"
    changed = body(clinic.fill(CHANGE_PROBLEM, {"since.year": "2019"}, "Condition/c")[0])
    assert (changed["onsetDateTime"], "onsetString" in changed) == ("2019", False)


def test_an_allergy_reads_back_and_ends_the_record_that_there_is_none() -> None:
    clinic = Clinic(AMINA)
    clinic.fill(ALLERGY, {"has": "no"})
    assert medicines_read.read(AMINA, clinic.compartment("Patient/mother"), TODAY).allergies == ()
    sent: dict[str, Typed] = {
        "has": "yes",
        "substance": "Penicillins",
        "reactions": ("rash", "swelling"),
        "severity": "moderate",
        "sure": "confirmed",
    }
    allergy = clinic.fill(ALLERGY, sent)[0]
    assert body(allergy)["criticality"] == "high", "a swollen face is grave however moderate it was called"
    (known,) = medicines_read.read(AMINA, clinic.compartment("Patient/mother"), TODAY).allergies
    assert (known.groups, known.severe) == (frozenset({"penicillins"}), True)
    states = [one["clinicalStatus"]["coding"][0]["code"] for one in clinic.of_type("AllergyIntolerance")]
    assert sorted(states) == ["active", "inactive"]
    found = asked(clinic, ALLERGY, {"has": "no"})
    assert [problem.field for problem in found.problems] == ["has"], "none is not said beside one"
    clinic.fill(
        END_ALLERGY, {"end": "refuted", "reason": "Took it again without trouble."}, f"AllergyIntolerance/{allergy.id}"
    )
    assert medicines_read.read(AMINA, clinic.compartment("Patient/mother"), TODAY).allergies == ()
