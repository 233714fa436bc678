"""Medicines, results, vaccines, referrals, notes, death and mistakes: what their forms wrote reads back as what was typed."""

import base64
from datetime import date, timedelta
from decimal import Decimal

import pytest

from edge_node.concepts import SNOMED, codes_of
from edge_node.forms.answers import Answers
from edge_node.forms.care import laboratory, mistake, vaccination
from edge_node.forms.care.allergy import ALLERGY
from edge_node.forms.care.death import DEATH, UNDO_DEATH
from edge_node.forms.care.diagnosis import PROBLEM
from edge_node.forms.care.mistake import CORRECT, MISTAKE
from edge_node.forms.care.notes import NOTE_AGAIN, NOTE_SHEET, text_of
from edge_node.forms.care.planning import APPOINTMENT, CHANGE_APPOINTMENT, END_REMINDER, REMINDER
from edge_node.forms.care.prescription import PRESCRIPTION, STOP_MEDICINE, stopped
from edge_node.forms.care.referral import END_REFERRAL, REFERRAL
from edge_node.forms.care.results import RESULT
from edge_node.forms.care.vaccination import VACCINATION, proposed
from edge_node.forms.care.visit import MEASUREMENTS, VISIT
from edge_node.forms.parsing import Questions
from edge_node.forms.registration import ACCURACY
from edge_node.growth.record import read as read_child
from edge_node.immunisation.record import read as read_vaccinations
from edge_node.language import reading
from edge_node.maternal.record import read_mother
from edge_node.medicines import record as medicines_read
from edge_node.medicines.cautions import Taken
from edge_node.programme import Programme
from tests.edge.forms.about_people import AMINA, BABY, Typed, asked, body
from tests.edge.forms.filling import TODAY, Clinic, confirmed

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

    def taken(day: date) -> tuple[Taken, ...]:
        return medicines_read.read(AMINA, clinic.compartment("Patient/mother"), day).medicines

    assert [one.text for one in taken(TODAY)] == ["Amoxicillin, capsule 500 mg"]
    assert taken(TODAY + timedelta(days=10)) == ()


def test_an_allergy_is_asked_about_and_the_reason_stays_with_the_prescription() -> None:
    clinic = Clinic(AMINA)
    clinic.fill(ALLERGY, {"has": "yes", "substance": "Penicillins", "severity": "severe"})
    found = asked(clinic, PRESCRIPTION, {**SENT, "medicine": "Amoxicillin, capsule 500 mg"})
    assert [problem.field for problem in found.problems] == ["despite"]
    assert any("An allergy is on record: Penicillins." in str(doubt.text) for doubt in found.doubts)
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
    sent: dict[str, Typed] = {"tests": ("hiv-test", "haemoglobin", "urine-protein", "malaria-rdt")}
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
    sent: dict[str, Typed] = {"tests": ("random-glucose",), "random_glucose": "126", "random_glucose_unit": "mg/dL"}
    (write,) = clinic.fill(RESULT, sent)
    assert str(body(write)["valueQuantity"]["value"]) == "7.0"
    assert body(write)["note"][0]["text"] == "Read as 126 mg/dl"
    found = asked(clinic, RESULT, {**sent, "random_glucose_unit": "mmol/L"})
    assert [doubt.field for doubt in found.doubts] == ["random_glucose"]


def test_tests_are_offered_to_whom_they_may_concern() -> None:

    def offered(clinic: Clinic) -> set[str]:
        return {choice.value for choice in RESULT.form(clinic.context()).sections[0].fields[0].choices}

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


def test_each_clinic_is_proposed_the_vaccines_of_its_own_schedule() -> None:
    newborn = {**BABY, "birthDate": TODAY.isoformat()}
    assert proposed(Clinic(newborn).context()) == ("bcg", "hepb", "opv")
    kenyan = Clinic(newborn, programme=Programme(vaccines="kenya-child"))
    assert proposed(kenyan.context()) == ("bcg", "opv")
    (doubt,) = asked(kenyan, VACCINATION, {"more": ("hepb",)}).doubts
    assert "will not count" in str(doubt.text), "there it is none of the birth doses"


def test_a_vaccine_that_comes_too_early_is_asked_about_with_the_reason() -> None:
    clinic = Clinic({**BABY, "birthDate": (TODAY - timedelta(days=20)).isoformat()})
    found = asked(clinic, VACCINATION, {"more": ("penta",)})
    assert [doubt.field for doubt in found.doubts] == ["more"]
    assert "it comes too early for this age" in str(found.doubts[0].text)


@pytest.mark.parametrize(
    ("born", "on", "refused"),
    [
        ("2025", "2025-01-01", False),
        ("2025", "2024-12-31", True),
        ("2025-08", "2025-08-01", False),
        ("2025-08", "2025-07-31", True),
        ("2025-08-14", "2025-08-14", False),
        ("2025-08-14", "2025-08-13", True),
    ],
)
def test_nothing_is_given_and_nobody_dies_before_the_first_day_of_a_birth(born: str, on: str, refused: bool) -> None:
    clinic = Clinic({**BABY, "birthDate": born})
    for sheet in (VACCINATION, DEATH):
        context = clinic.context()
        sent = {"more": ("measles",), "here": ("no",), **{name: (typed,) for name, typed in day("on", on).items()}}
        read = confirmed(sheet.form(context), sent, TODAY)
        problems = read.problems if isinstance(read, Questions) else ()
        assert [problem.field for problem in problems] == (["on"] if refused else []), sheet.name
    guess = {"extension": [{"url": ACCURACY, "valueCoding": {"code": "UUE"}}]}
    guessed = Clinic({**BABY, "birthDate": born, "_birthDate": guess})
    assert not asked(guessed, DEATH, day("on", on)).problems, "a guessed age may be wrong"


def day(name: str, on: str) -> dict[str, str]:
    return {f"{name}.{part}": value for part, value in zip(("year", "month", "day"), on.split("-"), strict=True)}


def test_only_children_are_told_that_a_vaccine_does_not_count() -> None:
    for days, told in ((18 * 365, True), (18 * 365 + 10, False)):
        clinic = Clinic({**BABY, "birthDate": (TODAY - timedelta(days=days)).isoformat()})
        context = clinic.context()
        assert vaccination.is_child(context) is told
        assert bool(proposed(context)) is told


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


def test_a_number_in_another_unit_is_corrected_in_it() -> None:
    weight = {"resourceType": "Observation", "id": "w", "status": "final", "subject": {"reference": "Patient/mother"},
              "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
              "effectiveDateTime": TODAY.isoformat(), "valueQuantity": {"value": 61000, "unit": "g", "code": "g"}}  # fmt: skip
    right = body(Clinic(AMINA, weight).fill(CORRECT, {"value0": "62000"}, "Observation/w")[0])
    assert (right["valueQuantity"]["value"], right["valueQuantity"]["unit"]) == (62000, "g")
    ours = {**weight, "valueQuantity": {"value": 61, "unit": "kg", "code": "kg"}}
    assert asked(Clinic(AMINA, ours), CORRECT, {"value0": "620"}, "Observation/w").problems


def test_results_are_told_in_the_readers_digits() -> None:
    answers = Answers({"tests": ("haemoglobin",), "haemoglobin": Decimal("9.40")})
    with reading("fr"):
        assert "9,40" in RESULT.news(answers, Clinic(AMINA).context())
