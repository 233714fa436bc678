"""The policy table agrees with the published definitions of FHIR R4."""

import gzip
import json
from functools import cache
from typing import Any

import pytest

import edge_node.fhir
from sync_protocol import policy

TYPES = (
    "Patient RelatedPerson Practitioner PractitionerRole Organization Location Encounter EpisodeOfCare Observation Condition "
    "AllergyIntolerance Immunization Medication MedicationRequest MedicationStatement MedicationAdministration Procedure "
    "DiagnosticReport CarePlan Goal ServiceRequest Appointment Task Flag DetectedIssue Communication CommunicationRequest "
    "DocumentReference Binary Consent Provenance AuditEvent Questionnaire QuestionnaireResponse Measure MeasureReport Group "
    "List Bundle"
).split()


@cache
def definitions() -> dict[str, Any]:
    """Type → its definition, from the copy that the edge validates with."""
    (folder,) = edge_node.fhir.__path__
    with gzip.open(f"{folder}/published/structure-elements.json.gz", "rt", encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
        return found


@cache
def members(type_: str) -> dict[str, Any]:
    """Top-level element name (`value[x]` for a choice) → its definition."""
    elements = definitions()[type_]["elements"]
    return {e["path"].split(".")[1]: e for e in elements if e["path"].count(".") == 1}


def unit_members(type_: str, unit: str) -> tuple[str, ...]:
    return policy.STATEMENTS.get(type_, {}).get(unit, (unit,))


@pytest.mark.parametrize("type_", TYPES)
def test_every_choice_of_every_type_is_one_unit(type_: str) -> None:
    published = {name.removesuffix("[x]") for name in members(type_) if name.endswith("[x]")}
    assert set(policy.CHOICES.get(type_, ())) == published
    for choice in published:
        kinds = [kind["code"] for kind in members(type_)[f"{choice}[x]"]["type"]]
        names = [choice + kind[0].upper() + kind[1:] for kind in kinds]
        units = {policy.unit_of(type_, name) for name in [*names, *(f"_{name}" for name in names)]}
        assert len(units) == 1
        (unit,) = units
        assert f"{choice}[x]" in unit_members(type_, unit)


@pytest.mark.parametrize("type_", TYPES)
def test_other_members_are_units_of_their_own_or_of_their_statement(type_: str) -> None:
    together = {name: unit for unit, names in policy.STATEMENTS.get(type_, {}).items() for name in names}
    for name in members(type_):
        if not name.endswith("[x]"):
            assert policy.unit_of(type_, name) == policy.unit_of(type_, f"_{name}") == together.get(name, name)


def test_the_table_names_only_what_exists() -> None:
    for table in (policy.CHOICES, policy.STATEMENTS, policy.LISTS, policy.REVIEW):
        assert set(table) <= set(TYPES)
    for type_, statements in policy.STATEMENTS.items():
        listed = [name for names in statements.values() for name in names]
        assert len(listed) == len(set(listed))
        assert set(listed) <= set(members(type_))
        assert not set(listed) & set(policy.plan(type_).lists), "an entry of a keyed list cannot be in a unit"
        # A unit's own name is that of a member in it, or of none.
        assert all(unit in names or unit not in members(type_) for unit, names in statements.items())


@pytest.mark.parametrize("type_", [t for t in TYPES if t not in ("Binary", "Bundle")])
def test_keyed_lists_are_lists_and_their_fields_exist(type_: str) -> None:
    for name, keyed in policy.plan(type_).lists.items():
        element = members(type_)[name]
        assert element["max"] == "*"
        for first, *_ in keyed.fields:
            kind = element["type"][0]["code"]
            inside = {e["path"].rsplit(".", 1)[1] for e in definitions()[kind]["elements"] if "." in e["path"]}
            inside |= {
                e["path"].rsplit(".", 1)[1]
                for e in definitions()[type_]["elements"]
                if e["path"].startswith(f"{type_}.{name}.")
            }
            assert first in inside


def test_what_is_reviewed_exists_as_an_element() -> None:
    for type_, names in policy.REVIEW.items():
        units = {policy.unit_of(type_, name) for name in members(type_) if not name.endswith("[x]")}
        units |= {policy.unit_of(type_, name.replace("[x]", "X")) for name in members(type_) if name.endswith("[x]")}
        assert set(names) <= units | set(policy.plan(type_).lists)
        assert all(policy.needs_review(type_, name) for name in names)


def test_what_hurts_is_reviewed() -> None:
    hurts = {
        "Patient": ["birthDate", "gender", "deceasedDateTime", "identifier"],
        "AllergyIntolerance": ["code", "clinicalStatus", "verificationStatus", "criticality"],
        "Condition": ["code", "clinicalStatus", "verificationStatus"],
        "MedicationRequest": ["dosageInstruction", "medicationCodeableConcept", "status"],
        "MedicationStatement": ["dosage", "medicationReference", "status"],
        "Immunization": ["vaccineCode", "status"],
        "Observation": ["valueQuantity", "dataAbsentReason", "status"],
    }
    for type_, names in hurts.items():
        for name in names:
            assert policy.needs_review(type_, policy.unit_of(type_, name)), (type_, name)
    assert policy.needs_review("Patient", "identifier|5f0c")
    assert policy.needs_review("Anything", "~")
    assert not policy.needs_review("Patient", "telecom|5f0c")
    assert not policy.needs_review("Anything", "status")
