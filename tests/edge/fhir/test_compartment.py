"""Which patients a resource belongs to."""

from typing import Any

import pytest

from edge_node.fhir.compartment import parameters_for, patients_of, types
from edge_node.fhir.definitions import CONTRACT_TYPES, patient_compartment, search_parameters
from edge_node.fhir.extraction import index_rows
from tests.edge.fhir import oracle, samples

EXPRESSIONS = {definition.url: definition.expression for definition in search_parameters()}


@pytest.mark.parametrize(
    ("resource", "patients"),
    [
        ({"resourceType": "Patient", "id": "p"}, {"p"}),
        ({"resourceType": "Patient", "id": "p", "link": [{"other": {"reference": "Patient/q"}}]}, {"p", "q"}),
        ({"resourceType": "Observation", "subject": {"reference": "Patient/p/_history/3"}}, {"p"}),
        ({"resourceType": "Observation", "performer": [{"reference": "Patient/m"}]}, {"m"}),
        ({"resourceType": "Observation", "subject": {"reference": "Group/p"}}, set()),
        ({"resourceType": "Observation", "focus": [{"reference": "Patient/p"}]}, set()),
        ({"resourceType": "Observation", "subject": {"reference": "#p"}}, set()),
        ({"resourceType": "Observation", "subject": {"reference": "http://elsewhere.example/Patient/p"}}, set()),
        ({"resourceType": "Observation", "subject": {"identifier": {"value": "Patient/p"}}}, set()),
        ({"resourceType": "RelatedPerson", "patient": {"reference": "Patient/child"}}, {"child"}),
        (
            {"resourceType": "Group", "member": [{"entity": {"reference": f"Patient/{n}"}} for n in "ab"]},
            {"a", "b"},
        ),
        ({"resourceType": "Organization", "id": "o"}, set()),
        ({"resourceType": "Device", "patient": {"reference": "Patient/p"}}, set()),
        ({"resourceType": None}, set()),
    ],
)
def test_patients_of_a_resource(resource: dict[str, Any], patients: set[str]) -> None:
    assert patients_of(resource) == patients
    if isinstance(resource["resourceType"], str):
        assert patients_of(resource, index_rows(resource)) == patients


@pytest.mark.parametrize("type_name", CONTRACT_TYPES)
def test_membership_agrees_with_fhirpath_on_resources_that_have_every_element(type_name: str) -> None:
    codes = patient_compartment()[type_name]
    assert tuple(parameter.code for parameter in parameters_for(type_name)) == codes
    for resource in samples.generated(type_name):
        values = {
            value
            for parameter in parameters_for(type_name)
            for value in oracle.expected("reference", EXPRESSIONS[parameter.url], resource)
        }
        expected = {text[8:] for kind, text, *_ in values if kind == "to" and text.startswith("Patient/")}
        assert patients_of(resource) == expected | ({resource["id"]} if type_name == "Patient" else set())


def test_the_types_of_everything_are_those_with_a_link_and_patient_itself() -> None:
    assert types()[0] == "Patient"
    assert set(types()) == {name for name, codes in patient_compartment().items() if codes}
    assert set(patient_compartment()) == set(CONTRACT_TYPES)
