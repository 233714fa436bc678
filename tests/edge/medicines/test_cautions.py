"""What speaks against a medicine, and what does not."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.medicines import formulary, substances
from edge_node.medicines.cautions import AGES, BREASTFEEDING, PREGNANCY, Allergy, Person, Taken, cautions
from edge_node.medicines.record import medicines, read, said
from tests.edge.forms.filling import TODAY

WOMAN = Person(age_days=30 * 365)
NAMES = [one.name for one in formulary.medicines()]


def kinds(typed: str, person: Person) -> list[str]:
    return [one.kind for one in cautions(formulary.find(typed).medicine, person)]


def allergic(*groups: str, severe: bool = False) -> Person:
    return Person(age_days=30 * 365, allergies=(Allergy("An allergy", frozenset(groups), severe=severe),))


@pytest.mark.parametrize(
    ("typed", "group"),
    [
        ("Amoxicillin, capsule 500 mg", "penicillins"),
        ("Augmentin", "penicillins"),
        ("Benzathine benzylpenicillin", "penicillins"),
        ("amoxicillin 1 g vial", "penicillins"),
        ("Septrin", "sulfonamides"),
        ("Fansidar", "sulfonamides"),
        ("Ibuprofen", "nsaids"),
        ("aspirin", "nsaids"),
        ("Aspirin, low dose", "nsaids"),
        ("Phenytoin", "antiepileptics"),
        ("Tetracycline eye ointment", "tetracyclines"),
    ],
)
def test_a_medicine_of_a_group_that_she_is_allergic_to_is_warned_of(typed: str, group: str) -> None:
    assert kinds(typed, allergic(group)) == ["allergy"]


def test_an_allergy_to_one_antibiotic_is_said_of_its_neighbours_and_of_no_others() -> None:
    assert kinds("Ceftriaxone", allergic("penicillins")) == ["cross-allergy"]
    assert cautions(formulary.find("Ceftriaxone").medicine, allergic("penicillins", severe=True))[0].degree == "avoid"
    assert kinds("Azithromycin", allergic("penicillins")) == []


@given(st.sampled_from(NAMES))
def test_nobody_without_allergies_pregnancy_or_medicines_is_warned_of_anything_but_age(name: str) -> None:
    assert set(kinds(name, WOMAN)) == set()


@given(st.sampled_from(NAMES))
def test_what_is_taken_already_is_told(name: str) -> None:
    person = Person(age_days=30 * 365, medicines=(Taken("MedicationRequest/1", name),))
    assert kinds(name, person) == ["twice"]
    medicine = formulary.find(name).medicine
    assert cautions(medicine, person, instead_of="MedicationRequest/1") == ()


def test_the_parts_of_a_combination_are_found_in_it() -> None:
    taken = Person(
        age_days=30 * 365, medicines=(Taken("MedicationRequest/1", "Tenofovir, lamivudine and dolutegravir, tablet"),)
    )
    assert kinds("Dolutegravir", taken) == ["twice"]
    assert kinds("Lamivudine", taken) == ["twice"]


@pytest.mark.parametrize(
    ("typed", "weeks", "warned"),
    [
        ("Enalapril", 20, True),
        ("Valproic acid", 8, True),
        ("Ibuprofen", 30, True),
        ("Albendazole", 8, True),
        ("Albendazole", 20, False),
        ("Sulfadoxine-pyrimethamine", 10, True),
        ("Sulfadoxine-pyrimethamine", 20, False),
        ("Nitrofurantoin", 20, False),
        ("Nitrofurantoin", 38, True),
        ("Artemether and lumefantrine", 8, False),
        ("Amoxicillin", 8, False),
        ("Ferrous salt and folic acid", 20, False),
        ("Tenofovir, lamivudine and dolutegravir", 8, False),
        ("Aspirin, low dose", 20, False),
        ("Tetracycline eye ointment", 38, False),
    ],
)
def test_cautions_of_pregnancy_count_in_their_weeks(typed: str, weeks: int, warned: bool) -> None:
    assert ("pregnancy" in kinds(typed, Person(age_days=9999, pregnant=True, weeks=weeks))) is warned


def test_a_pregnancy_of_unknown_age_may_be_of_any() -> None:
    for typed in ("Albendazole", "Nitrofurantoin"):
        assert kinds(typed, Person(age_days=9999, pregnant=True)) == ["pregnancy"]


def test_what_harms_an_unborn_child_is_asked_of_who_may_be_pregnant() -> None:
    assert kinds("Valproic acid", Person(age_days=9999, may_be_pregnant=True)) == ["may-be-pregnant"]
    assert kinds("Valproic acid", Person(age_days=9999)) == []


def test_cautions_of_breastfeeding_and_of_age() -> None:
    assert kinds("Codeine", Person(age_days=9999, breastfeeding=True)) == ["breastfeeding"]
    assert kinds("Aspirin", Person(age_days=5 * 365)) == ["age"]
    assert kinds("Doxycycline", Person(age_days=9 * 365)) == []


def test_every_rule_means_a_medicine_of_the_formulary() -> None:
    codes = [one.atc for one in formulary.medicines()]
    for rule in (*PREGNANCY, *BREASTFEEDING, *AGES):
        assert any(code.startswith(rule.atc) for code in codes), rule.text.message


def test_every_group_of_medicines_has_one_in_the_formulary() -> None:
    codes = [one.atc for one in formulary.medicines()]
    for group in substances.GROUPS:
        assert not group.atc or any(group.holds(code) for code in codes), group.name


@pytest.mark.parametrize(
    "typed",
    [
        "paracetamol and codeine",
        "Paracetamol + codeine 500/30 mg",
        "paracetamol/codeine",
        "syrup with codeine",
        "paracétamol et codéine",
        "paracetamol codeine 30 mg",
        "Paracetamol 500 mg tablets and codeine",
    ],
)
def test_a_combination_in_ones_own_words_is_each_of_its_parts(typed: str) -> None:
    own = formulary.find(typed)
    assert (own.medicine.atc, own.text) == ("", typed)
    assert kinds(typed, Person(age_days=5 * 365)) == ["age"]
    assert "allergy" in kinds(typed, allergic("opioids"))
    assert kinds(typed, Person(age_days=9999, medicines=(Taken("MedicationRequest/1", "Codeine"),))) == ["twice"]


def test_a_part_counts_by_its_other_names_and_by_the_group_of_its_code() -> None:
    aspirin = Person(age_days=9999, medicines=(Taken("MedicationRequest/1", "Acetylsalicylic acid"),))
    assert kinds("caffeine powder with aspirin", aspirin) == ["twice"]
    assert kinds("doxycycline et Flagyl", allergic("nitroimidazoles")) == ["allergy"]


# --- the formulary ----------------------------------------------------------------------------------------------------


def test_the_formulary_is_whole() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 200
    for one in formulary.medicines():
        assert re.fullmatch(r"[A-Z][0-9]{2}[A-Z]{1,2}[0-9]{0,2}", one.atc), one.name
        assert all(formulary.find(formulary.Product(one, form).text).form == form for form in one.products), one.name


@given(st.sampled_from(formulary.suggestions()))
def test_whatever_is_suggested_is_found_with_its_code(typed: str) -> None:
    assert formulary.find(typed).medicine.atc
    assert formulary.find(typed.upper()) == formulary.find(typed)


def test_words_of_ones_own_stay_as_they_are() -> None:
    own = formulary.find("Bitter leaf tea")
    assert (own.medicine.atc, own.text) == ("", "Bitter leaf tea")
    assert formulary.find("Paracetamol 650 mg tablets").text == "Paracetamol, 650 mg tablets"
    assert formulary.find("Paracetamol until 12 Dec").medicine.atc


# --- out of the record ------------------------------------------------------------------------------------------------

PATIENT = {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1996-02-01"}


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("Allergy to penicillin V", "Amoxicillin"),
        ("sulpha drugs", "Co-trimoxazole"),
        ("Metronidazole", "Metronidazole"),
        ("reacted to ciprofloxacin in 2019", "Levofloxacin"),
        ("omeprazole", "Omeprazole"),
    ],
)
def test_allergies_in_other_peoples_words_are_understood(text: str, typed: str) -> None:
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "a",
        "patient": {"reference": "Patient/p"},
        "code": {"text": text},
    }
    assert "allergy" in kinds(typed, read(PATIENT, [allergy], TODAY))
    refuted = {**allergy, "verificationStatus": {"coding": [{"code": "refuted"}]}}
    assert "allergy" not in kinds(typed, read(PATIENT, [refuted], TODAY))


def test_who_is_pregnant_and_who_gave_birth_is_read_from_the_record() -> None:
    subject = {"reference": "Patient/p"}
    episode = {
        "resourceType": "EpisodeOfCare",
        "id": "e",
        "status": "active",
        "patient": subject,
        "type": [{"coding": [{"system": "http://snomed.info/sct", "code": "424525001"}]}],
        "period": {"start": TODAY.isoformat()},
    }
    assert read(PATIENT, [episode], TODAY).pregnant
    assert not read({**PATIENT, "gender": "male"}, [episode], TODAY).pregnant
    assert not read(PATIENT, [], TODAY).pregnant
    assert read(PATIENT, [], TODAY).may_be_pregnant


def prescribed(*steps: Mapping[str, object], **members: object) -> dict[str, object]:
    return {
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": "active",
        "authoredOn": TODAY.isoformat(),
        "medicationCodeableConcept": {"text": "Amoxicillin"},
        "dosageInstruction": [{"timing": {"repeat": step}} for step in steps],
        **members,
    }


DAYS_5 = {"boundsDuration": {"value": 5, "code": "d"}}


@pytest.mark.parametrize(
    ("resource", "after", "taken"),
    [
        (prescribed(DAYS_5), 5, True),
        (prescribed(DAYS_5), 6, False),
        (prescribed(DAYS_5, {"frequency": 1}), 6, True),
        (prescribed(DAYS_5, {"frequency": 1}, effectivePeriod={"end": TODAY.isoformat()}), 6, False),
        (prescribed({"count": 1}), 0, True),
        (prescribed({"count": 1}), 1, False),
        (prescribed({"count": 3}), 1, True),
        (prescribed({"boundsDuration": {"value": 10**9, "code": "d"}}), 6, True),
        (prescribed({"boundsDuration": {"value": "five", "code": "d"}}), 6, True),
    ],
)
def test_a_medicine_is_taken_until_its_last_step_ends(resource: dict[str, object], after: int, taken: bool) -> None:
    assert bool(read(PATIENT, [resource], TODAY + timedelta(days=after)).medicines) is taken


def test_what_a_medicine_is_called_is_its_text_or_the_first_name_of_its_codes() -> None:
    codes = [{"code": "x"}, {"code": "y", "display": "Iron"}, {"code": "z", "display": "Ferrous salt"}]
    assert said({"text": "Iron tablets", "coding": codes}) == "Iron tablets"
    assert said({"text": "", "coding": codes}) == "Iron"
    assert [said(code) for code in (None, {}, {"coding": "no list"}, {"coding": ["no object"]})] == [""] * 4


@pytest.mark.parametrize(
    ("length", "in_force"),
    [
        ({"value": 7, "code": "d"}, True),
        ({"value": 6, "code": "d"}, False),
        ({"value": 1, "code": "wk"}, True),
        ({"value": 1, "unit": "day"}, False),
        ({"value": 99999999, "code": "d"}, True),
        ({"value": 1e300, "code": "d"}, True),
    ],
)
def test_a_prescription_is_in_force_to_the_last_of_its_days(length: dict[str, Any], in_force: bool) -> None:
    prescription = {
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": "active",
        "authoredOn": (TODAY - timedelta(7)).isoformat(),
        "dosageInstruction": [{"timing": {"repeat": {"boundsDuration": length}}}],
    }
    assert bool(medicines([prescription], TODAY)) is in_force
