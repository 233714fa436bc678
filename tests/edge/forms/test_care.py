"""What the forms of the record write is valid, says what was typed, and is found again by the rules that read it."""

import base64
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_node.concepts import SNOMED, codes_of
from edge_node.errors import NotFound
from edge_node.forms.answers import Answers
from edge_node.forms.care import laboratory, mistake, saying, vital_signs
from edge_node.forms.care.allergy import ALLERGY, END_ALLERGY
from edge_node.forms.care.death import DEATH, UNDO_DEATH
from edge_node.forms.care.diagnosis import CHANGE_PROBLEM, CLOSE_PROBLEM, PROBLEM
from edge_node.forms.care.documents import DOCUMENT
from edge_node.forms.care.mistake import CORRECT, MISTAKE
from edge_node.forms.care.notes import NOTE_AGAIN, NOTE_SHEET, text_of
from edge_node.forms.care.planning import APPOINTMENT, CHANGE_APPOINTMENT, END_REMINDER, REMINDER
from edge_node.forms.care.prescription import PRESCRIPTION, STOP_MEDICINE, stopped
from edge_node.forms.care.referral import END_REFERRAL, REFERRAL
from edge_node.forms.care.results import RESULT
from edge_node.forms.care.sheets import CARE_SHEETS
from edge_node.forms.care.vaccination import VACCINATION, proposed
from edge_node.forms.care.visit import END_VISIT, MEASUREMENTS, VISIT
from edge_node.forms.context import Sheet, decode
from edge_node.forms.fields import wrong
from edge_node.forms.parsing import Questions, parse
from edge_node.growth.record import read as read_child
from edge_node.immunisation.record import read as read_vaccinations
from edge_node.maternal.record import read_mother
from edge_node.medicines import record as medicines_read
from edge_node.store.model import Write
from tests.edge.forms.filling import NOW, TODAY, Clinic, confirmed, filled

AMINA: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "mother",
    "name": [{"family": "Bello", "given": ["Amina"]}],
    "gender": "female",
    "birthDate": "1998-03-02",
}
BABY = {**AMINA, "gender": "male", "birthDate": (TODAY - timedelta(days=300)).isoformat()}
LAWS = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
NEW: tuple[Sheet, ...] = (
    *(VISIT, MEASUREMENTS, PROBLEM, ALLERGY, PRESCRIPTION, RESULT, VACCINATION),
    *(REFERRAL, APPOINTMENT, REMINDER, NOTE_SHEET, DEATH),
)
Typed = str | tuple[str, ...]


def body(write: Write) -> Mapping[str, Any]:
    assert write.body is not None
    return decode(write.body)


def asked(clinic: Clinic, sheet: Sheet, sent: Mapping[str, Typed], about: str | None = None) -> Questions:
    """What a form asks back the first time."""
    context = clinic.context(about)
    whole = {
        name: value if isinstance(value, tuple) else (value,)
        for name, value in {**sheet.start(context), **sent}.items()
    }
    read = parse(sheet.form(context), whole, clinic.now.date())
    assert isinstance(read, Questions)
    return read


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


def test_an_allergy_reads_back_and_ends_the_record_that_there_is_none() -> None:
    clinic = Clinic(AMINA)
    clinic.fill(ALLERGY, {"has": "no"})
    assert medicines_read.read(AMINA, clinic.compartment("Patient/mother"), TODAY).allergies == ()
    sent = {
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


# --- medicines --------------------------------------------------------------------------------------------------------

SENT = {"dose": "1", "often": "3d", "days": "5"}


def test_a_prescription_says_what_was_typed_and_is_over_after_its_days() -> None:
    clinic = Clinic(AMINA)
    write = clinic.fill(PRESCRIPTION, {**SENT, "medicine": "Amoxicillin, capsule 500 mg", "how": "With food."})[0]
    request = body(write)
    assert list(codes_of(request["medicationCodeableConcept"])) == [("http://www.whocc.no/atc", "J01CA04")]
    (dosage,) = request["dosageInstruction"]
    assert dosage["doseAndRate"][0]["doseQuantity"]["unit"] == "capsule", "the form says in what it is counted"
    repeat = dosage["timing"]["repeat"]
    assert (repeat["frequency"], repeat["period"], repeat["boundsDuration"]["value"]) == (3, 1, 5)
    taken = lambda day: medicines_read.read(AMINA, clinic.compartment("Patient/mother"), day).medicines  # noqa: E731
    assert [one.text for one in taken(TODAY)] == ["Amoxicillin, capsule 500 mg"]
    assert taken(TODAY + timedelta(days=10)) == ()


def test_an_allergy_is_asked_about_and_the_reason_stays_with_the_prescription() -> None:
    clinic = Clinic(AMINA)
    clinic.fill(ALLERGY, {"has": "yes", "substance": "Penicillins", "severity": "severe"})
    found = asked(clinic, PRESCRIPTION, {**SENT, "medicine": "Amoxicillin, capsule 500 mg"})
    assert [problem.field for problem in found.problems] == ["despite"]
    assert any("An allergy is on record" in doubt.text.message for doubt in found.doubts)
    write = clinic.fill(
        PRESCRIPTION, {**SENT, "medicine": "Amoxicillin, capsule 500 mg", "despite": "Tested by the hospital."}
    )[0]
    (note,) = body(write)["note"]
    assert "An allergy is on record: Penicillins." in note["text"]
    assert "Tested by the hospital." in note["text"]


def test_a_medicine_that_was_stopped_for_an_allergy_says_to_record_it() -> None:
    clinic = Clinic(AMINA)
    write = clinic.fill(PRESCRIPTION, {**SENT, "medicine": "Ibuprofen"} | {"unit": "tablet"})[0]
    name = f"MedicationRequest/{write.id}"
    over = body(clinic.fill(STOP_MEDICINE, {"why": "allergy"}, name)[0])
    assert (over["status"], over["statusReason"]) == ("stopped", {"text": "An allergic reaction"})
    assert "Record the allergy" in stopped(Answers({"why": "allergy"}), clinic.context())
    statement = {"resourceType": "MedicationStatement", "id": "s", "status": "active", "subject": {"reference": "Patient/mother"},
                 "medicationCodeableConcept": {"text": "Iron"}}  # fmt: skip
    assert (
        body(Clinic(AMINA, statement).fill(STOP_MEDICINE, {"why": "completed"}, "MedicationStatement/s")[0])["status"]
        == "completed"
    )


# --- results and vaccines ---------------------------------------------------------------------------------------------


def test_results_read_back_by_the_rules_of_maternal_care() -> None:
    clinic = Clinic(AMINA)
    sent = {"tests": ("hiv-test", "haemoglobin", "urine-protein", "malaria-rdt")}
    results = {"hiv_test": "positive", "haemoglobin": "9.40", "urine_protein": "2", "malaria_rdt": "negative"}
    writes = clinic.fill(RESULT, {**sent, **results})
    mother = read_mother("mother", clinic.compartment("Patient/mother"))
    assert [(test.kind, test.result) for test in mother.tests] == [("hiv", "positive")]
    assert mother.unread == ()
    report = body(writes[-1])
    assert writes[-1].type == "DiagnosticReport"
    assert [one["reference"] for one in report["result"]] == [f"Observation/{write.id}" for write in writes[:-1]]
    codes = [body(write).get("interpretation", [{}])[0].get("coding", [{}])[0].get("code") for write in writes[:-1]]
    assert codes == ["NEG", None, "POS", "POS"], "in the order in which tests are listed"


def test_sugar_is_asked_in_its_unit_and_kept_in_one() -> None:
    clinic = Clinic(AMINA)
    sent = {"tests": ("random-glucose",), "random_glucose": "126", "random_glucose_unit": "mg/dL"}
    (write,) = clinic.fill(RESULT, sent)
    assert str(body(write)["valueQuantity"]["value"]) == "7.0"
    assert body(write)["note"][0]["text"] == "Read as 126 mg/dl"
    found = asked(clinic, RESULT, {**sent, "random_glucose_unit": "mmol/L"})
    assert [doubt.field for doubt in found.doubts] == ["random_glucose"]


def test_tests_are_offered_to_whom_they_may_concern() -> None:
    offered = lambda clinic: {choice.value for choice in RESULT.form(clinic.context()).sections[0].fields[0].choices}  # noqa: E731
    man = Clinic({**AMINA, "gender": "male"})
    assert "pregnancy-test" not in offered(man)
    assert not laboratory.OF_HIV & offered(man)
    man.fill(PROBLEM, {"problem": "HIV", "sure": "confirmed"})
    assert offered(man) >= laboratory.OF_HIV


def test_what_is_due_is_proposed_and_what_was_given_counts() -> None:
    newborn = {**BABY, "birthDate": TODAY.isoformat()}
    clinic = Clinic(newborn)
    due = proposed(clinic.context())
    assert "bcg" in due
    clinic.fill(VACCINATION, {"due": ("bcg",), "lot_bcg": "A17", "site": "LA", "not_given": ("hepb",), "why": "stock"})
    read = read_vaccinations(newborn, clinic.compartment("Patient/mother"))
    assert [(one.vaccine, one.day) for one in read.facts.given] == [("bcg", TODAY)]
    assert [(one.vaccine, one.reason) for one in read.refusals] == [("hepb", "None in stock")]
    assert "bcg" not in proposed(clinic.context())


def test_a_vaccine_that_comes_too_early_is_asked_about_with_the_reason() -> None:
    clinic = Clinic({**BABY, "birthDate": (TODAY - timedelta(days=20)).isoformat()})
    found = asked(clinic, VACCINATION, {"more": ("penta",)})
    assert [doubt.field for doubt in found.doubts] == ["more"]
    assert "it comes too early for this age" in str(found.doubts[0].text)


# --- referrals, what is to come, notes --------------------------------------------------------------------------------


def test_a_referral_to_a_known_facility_names_it_and_to_another_place_is_asked_about() -> None:
    clinic = Clinic(AMINA)
    sent = {"urgency": "urgent", "reason": "Severe pneumonia", "done": "First dose of ampicillin."}
    request = body(clinic.fill(REFERRAL, {**sent, "to": "kétou hospital"})[0])
    assert request["performer"] == [{"reference": "Organization/ketou", "display": "Kétou hospital"}]
    assert (request["status"], request["intent"], request["priority"]) == ("active", "order", "urgent")
    assert list(codes_of(request["category"][0])) == [(SNOMED, "3457005")]
    found = asked(clinic, REFERRAL, {**sent, "to": "My cousin's clinic"})
    assert len(found.doubts) == 2, "the place is not known, and a referral is open"
    over = clinic.fill(END_REFERRAL, {"end": "completed"}, f"ServiceRequest/{request['id']}")[0]
    assert body(over)["status"] == "completed"


def test_an_appointment_moves_and_a_reminder_ends() -> None:
    clinic = Clinic(AMINA)
    on = TODAY + timedelta(days=10)
    first = clinic.fill(APPOINTMENT, {"on": on.isoformat(), "at": "14:05", "what": "Dressing"})[0]
    assert body(first)["start"].startswith(f"{on.isoformat()}T14:05")
    name = f"Appointment/{first.id}"
    moved = body(clinic.fill(CHANGE_APPOINTMENT, {"state": "booked", "on": (on + timedelta(1)).isoformat()}, name)[0])
    assert moved["start"][:10] == (on + timedelta(1)).isoformat()
    gone = body(clinic.fill(CHANGE_APPOINTMENT, {"state": "cancelled", "why": "Travels"}, name)[0])
    assert (gone["status"], gone["cancelationReason"]) == ("cancelled", {"text": "Travels"})
    task = clinic.fill(REMINDER, {"what": "Ask for the result", "on": on.isoformat()})[0]
    assert body(clinic.fill(END_REMINDER, {"end": "completed"}, f"Task/{task.id}")[0])["status"] == "completed"


def test_a_note_is_replaced_and_the_one_before_stays_to_be_read() -> None:
    clinic = Clinic(AMINA)
    first = clinic.fill(NOTE_SHEET, {"title": "Family", "text": "Lives with her aunt – «Adé»."})[0]
    old, new = clinic.fill(NOTE_AGAIN, {"text": "Lives with her sister."}, f"DocumentReference/{first.id}")
    assert (body(old)["status"], text_of(body(old))) == ("superseded", "Lives with her aunt – «Adé».")
    assert body(new)["relatesTo"][0]["target"] == {"reference": f"DocumentReference/{first.id}"}
    assert (text_of(body(new)), body(new)["content"][0]["attachment"]["title"]) == ("Lives with her sister.", "Family")


def test_what_is_no_note_has_no_text() -> None:
    pdf = {"content": [{"attachment": {"contentType": "application/pdf", "data": base64.b64encode(b"%PDF").decode()}}]}
    assert text_of(pdf) is None
    assert text_of({}) is None


# --- death, mistakes, corrections -------------------------------------------------------------------------------------


def test_a_death_is_recorded_once_and_can_be_taken_back() -> None:
    clinic = Clinic(AMINA)
    assert asked(clinic, DEATH, {"on.year": "2026", "on.month": "6"}).doubts
    clinic.fill(DEATH, {"on.year": "2026", "on.month": "6", "how": "Sudden, at home."})
    assert clinic.resource("Patient/mother")["deceasedDateTime"] == "2026-06"
    assert asked(clinic, DEATH, {"on.year": "2026", "on.month": "6"}).problems
    clinic.fill(UNDO_DEATH, {"reason": "Her neighbour of the same name."})
    assert "deceasedDateTime" not in clinic.resource("Patient/mother")


def test_a_mistaken_visit_takes_along_what_was_recorded_at_it() -> None:
    clinic = Clinic(AMINA)
    visit = clinic.fill(VISIT, {"reason": "Cough", "weight": "60", "found": "Clear lungs."})[0]
    clinic.fill(PROBLEM, {"problem": "Cough", "sure": "confirmed"})
    marked = clinic.fill(MISTAKE, {"reason": "Another Amina.", "all": "yes"}, f"Encounter/{visit.id}")
    assert {write.type for write in marked} == {"Encounter", "Observation", "DocumentReference", "Condition"}
    condition = next(body(write) for write in marked if write.type == "Condition")
    assert condition["verificationStatus"]["coding"][0]["code"] == mistake.WRONG
    assert "clinicalStatus" not in condition, "FHIR con-5"
    assert condition["note"][-1]["text"] == "Another Amina."
    encounter = body(marked[0])
    assert (encounter["status"], encounter["extension"][-1]["valueString"]) == (mistake.WRONG, "Another Amina.")
    child = read_child(AMINA, clinic.compartment("Patient/mother"))
    assert child is not None
    assert child.measured == (), "rules do not see it any more"


def test_a_mistyped_number_is_corrected_with_the_reason() -> None:
    clinic = Clinic(AMINA)
    write = clinic.fill(MEASUREMENTS, {"systolic": "180", "diastolic": "70"})[0]
    name = f"Observation/{write.id}"
    right = body(clinic.fill(CORRECT, {"value1": "108", "reason": "Mistyped."}, name)[0])
    assert [part["valueQuantity"]["value"] for part in right["component"]] == [108, 70]
    assert (right["status"], right["note"][0]["text"]) == ("corrected", "Mistyped.")


def test_days_are_those_of_the_clinic() -> None:
    assert Clinic(AMINA).context().today == date(2026, 6, 10)
