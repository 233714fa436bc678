"""Valid resources pass, each kind of invalid one is told with its place, and nothing told holds a value."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.fhir.definitions import CONTRACT_TYPES
from edge_node.fhir.structure import shape
from edge_node.fhir.validation import ISSUES_MAX, Issue, accepts, explain, has_errors, validate
from tests.edge.fhir import samples

# HL7's own example leaves out Questionnaire.item.linkId, which R4 requires (1..1).
KNOWN_INVALID = {"Questionnaire-qs1.json": ("required", "linkId")}


def test_the_examples_of_the_specification_have_no_errors() -> None:
    assert len(samples.hl7_examples()) == 355
    for name, resource in samples.hl7_examples().items():
        errors = [issue for issue in validate(resource) if issue.severity == "error"]
        if name in KNOWN_INVALID:
            assert {(issue.code, issue.expression.rpartition(".")[2]) for issue in errors} == {KNOWN_INVALID[name]}
        else:
            assert not errors, name


def test_synthetic_patients_are_accepted_without_a_doubt() -> None:
    """As whole bundles, so that inline resources are walked too."""
    for bundle in samples.synthea_bundles():
        assert accepts(bundle)


@pytest.mark.parametrize("type_name", CONTRACT_TYPES)
def test_resources_with_every_element_have_no_issues(type_name: str) -> None:
    for resource in samples.generated(type_name):
        assert list(explain(resource)) == []
        assert accepts(resource)


PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": "http://moh.example/nid", "value": "S3CRET"}],
    "active": True,
    "name": [{"family": "S3CRET", "given": ["Amina", "W."]}],
    "telecom": [{"system": "phone", "value": "0700", "rank": 1}],
    "gender": "female",
    "birthDate": "1990-02-28",
    "contained": [{"resourceType": "Organization", "id": "o1", "name": "Clinic"}],
    "managingOrganization": {"reference": "#o1"},
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2024-01-02T03:04:05Z",
    "issued": "2024-01-02T03:04:05.678+03:00",
    "valueQuantity": {"value": 120, "unit": "mmHg"},
}
CONDITION: dict[str, Any] = {
    "resourceType": "Condition",
    "clinicalStatus": {"coding": [{"code": "active"}]},
    "subject": {"reference": "Patient/p1"},
}
REQUEST: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "status": "active",
    "intent": "order",
    "medicationCodeableConcept": {"text": "iron and folic acid"},
    "subject": {"reference": "Patient/p1"},
}
DELETE = object()
# (a valid resource, what is put where, expected code, expected place)
INVALID: list[tuple[dict[str, Any], str, Any, str, str]] = [
    (PATIENT, "resourceType", DELETE, "required", "Resource.resourceType"),
    (PATIENT, "resourceType", 5, "structure", "Resource.resourceType"),
    (PATIENT, "resourceType", "Pat ient", "value", "Resource.resourceType"),
    (PATIENT, "id", "a b", "value", "Patient.id"),
    (PATIENT, "id", "x" * 65, "value", "Patient.id"),
    (PATIENT, "id", "", "value", "Patient.id"),
    (PATIENT, "id", 7, "structure", "Patient.id"),
    (PATIENT, "active", "true", "structure", "Patient.active"),
    (PATIENT, "active", 1, "structure", "Patient.active"),
    (PATIENT, "active", None, "structure", "Patient.active"),
    (PATIENT, "gender", "F", "code-invalid", "Patient.gender"),
    (PATIENT, "gender", "Female", "code-invalid", "Patient.gender"),
    (PATIENT, "gender", {"coding": []}, "structure", "Patient.gender"),
    (PATIENT, "birthDate", "1990-02-30", "value", "Patient.birthDate"),
    (PATIENT, "birthDate", "1990-2-3", "value", "Patient.birthDate"),
    (PATIENT, "birthDate", "1990-13", "value", "Patient.birthDate"),
    (PATIENT, "birthDate", "0000", "value", "Patient.birthDate"),
    (PATIENT, "birthDate", "28/02/1990", "value", "Patient.birthDate"),
    (PATIENT, "birthDate", "1990-02-28T00:00:00Z", "value", "Patient.birthDate"),
    (PATIENT, "birthDate", 1990, "structure", "Patient.birthDate"),
    (PATIENT, "birthDate", "2023-02-29", "value", "Patient.birthDate"),
    (PATIENT, "name", {"family": "S3CRET"}, "structure", "Patient.name"),
    (PATIENT, "name", [], "structure", "Patient.name"),
    (PATIENT, "name", ["S3CRET"], "structure", "Patient.name[0]"),
    (PATIENT, "name", [{}], "structure", "Patient.name[0]"),
    (PATIENT, "name", [None], "structure", "Patient.name[0]"),
    (PATIENT, "name.0.given", "Amina", "structure", "Patient.name[0].given"),
    (PATIENT, "name.0.given", ["Amina", ""], "value", "Patient.name[0].given[1]"),
    (PATIENT, "name.0.given", ["Amina", None], "structure", "Patient.name[0].given[1]"),
    (PATIENT, "name.0._given", [{"id": "g1"}], "structure", "Patient.name[0].given"),
    (PATIENT, "name.0._given", [None, None], "structure", "Patient.name[0].given"),
    (PATIENT, "name.0._given", {"id": "x"}, "structure", "Patient.name[0].given"),
    (PATIENT, "name.0.family", ["S3CRET"], "structure", "Patient.name[0].family"),
    (PATIENT, "name.0.family", "", "value", "Patient.name[0].family"),
    (PATIENT, "name.0.use", "everyday", "code-invalid", "Patient.name[0].use"),
    (PATIENT, "_birthDate", {}, "structure", "Patient.birthDate"),
    (PATIENT, "_birthDate", [], "structure", "Patient.birthDate"),
    (PATIENT, "_birthDate", {"extension": [{"valueCode": "x"}]}, "required", "Patient.birthDate.extension[0].url"),
    (PATIENT, "telecom.0.rank", 0, "value", "Patient.telecom[0].rank"),
    (PATIENT, "telecom.0.rank", 1.5, "value", "Patient.telecom[0].rank"),
    (PATIENT, "telecom.0.rank", "1", "structure", "Patient.telecom[0].rank"),
    (PATIENT, "telecom.0.system", "carrier-pigeon", "code-invalid", "Patient.telecom[0].system"),
    (PATIENT, "identifier.0.system", "two words", "value", "Patient.identifier[0].system"),
    (PATIENT, "identifier.0.period", {"start": "soon"}, "value", "Patient.identifier[0].period.start"),
    (PATIENT, "deceasedBoolean", "no", "structure", "Patient.deceased"),
    (PATIENT, "communication", [{"preferred": True}], "required", "Patient.communication[0].language"),
    (PATIENT, "link", [{"type": "refer"}], "required", "Patient.link[0].other"),
    (PATIENT, "photo", [{"data": "***"}], "value", "Patient.photo[0].data"),
    (PATIENT, "photo", [{"data": "QUJ"}], "value", "Patient.photo[0].data"),
    (PATIENT, "contained", [{"id": "o1"}], "required", "Patient.contained[0].resourceType"),
    (PATIENT, "contained.0.active", "yes", "structure", "Patient.contained[0].active"),
    (PATIENT, "managingOrganization.reference", "the clinic", "value", "Patient.managingOrganization.reference"),
    (PATIENT, "managingOrganization.reference", "organization/1", "value", "Patient.managingOrganization.reference"),
    (PATIENT, "managingOrganization", "Organization/1", "structure", "Patient.managingOrganization"),
    (PATIENT, "managingOrganization", [{"display": "x"}], "structure", "Patient.managingOrganization"),
    (PATIENT, "text", {"status": "generated"}, "required", "Patient.text.div"),
    (PATIENT, "meta", {"lastUpdated": "2024-01-01"}, "value", "Patient.meta.lastUpdated"),
    (
        PATIENT,
        "extension",
        [{"url": "u", "valueCode": "a", "valueString": "b"}],
        "structure",
        "Patient.extension[0].value",
    ),
    (OBSERVATION, "status", DELETE, "required", "Observation.status"),
    (OBSERVATION, "code", DELETE, "required", "Observation.code"),
    (OBSERVATION, "code", {"coding": []}, "structure", "Observation.code.coding"),
    (OBSERVATION, "code", "8480-6", "structure", "Observation.code"),
    (OBSERVATION, "code.coding.0.code", " 8480-6", "value", "Observation.code.coding[0].code"),
    (OBSERVATION, "code.coding.0.code", "8480  6", "value", "Observation.code.coding[0].code"),
    (OBSERVATION, "status", "done", "code-invalid", "Observation.status"),
    (OBSERVATION, "valueString", "high", "structure", "Observation.value"),
    (OBSERVATION, "effectivePeriod", {"start": "2024"}, "structure", "Observation.effective"),
    (OBSERVATION, "effectiveDateTime", "2024-01-02T03:04:05", "value", "Observation.effective"),
    (OBSERVATION, "effectiveDateTime", "2024-01-02T25:04:05Z", "value", "Observation.effective"),
    (OBSERVATION, "effectiveDateTime", "2024-01-02 03:04:05Z", "value", "Observation.effective"),
    (OBSERVATION, "effectiveDateTime", "", "value", "Observation.effective"),
    (OBSERVATION, "issued", "2024-01-02", "value", "Observation.issued"),
    (OBSERVATION, "valueQuantity.value", "120", "structure", "Observation.value.value"),
    (OBSERVATION, "valueQuantity.value", True, "structure", "Observation.value.value"),
    (OBSERVATION, "valueQuantity.comparator", "~", "code-invalid", "Observation.value.comparator"),
    (OBSERVATION, "component", [{"valueInteger": 1}], "required", "Observation.component[0].code"),
    (
        OBSERVATION,
        "component",
        [{"code": {"text": "x"}, "valueInteger": 2**31}],
        "value",
        "Observation.component[0].value",
    ),
    (
        OBSERVATION,
        "component",
        [{"code": {"text": "x"}, "valueTime": "24:00:00"}],
        "value",
        "Observation.component[0].value",
    ),
    (REQUEST, "medicationCodeableConcept", DELETE, "required", "MedicationRequest.medication"),
    (REQUEST, "medicationReference", {"reference": "#m"}, "structure", "MedicationRequest.medication"),
    (CONDITION, "subject", DELETE, "required", "Condition.subject"),
    (CONDITION, "clinicalStatus.coding.0.code", "over", "code-invalid", "Condition.clinicalStatus"),
]


def changed(resource: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(resource)
    place: Any = result
    *way, last = path.split(".")
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    if value is DELETE:
        del place[last]
    else:
        place[last] = value
    return result


@pytest.mark.parametrize(("resource", "path", "value", "code", "where"), INVALID)
def test_each_invalid_resource_is_told_with_its_place(
    resource: dict[str, Any], path: str, value: Any, code: str, where: str
) -> None:
    assert validate(resource) == []
    errors = [issue for issue in validate(changed(resource, path, value)) if issue.severity == "error"]
    assert (code, where) in {(issue.code, issue.expression) for issue in errors}
    assert len(errors) == 1


@pytest.mark.parametrize("resource", [None, True, 5, "Patient", [], [PATIENT], {}])
def test_what_is_no_resource_is_an_error(resource: Any) -> None:
    assert has_errors(validate(resource))


@pytest.mark.parametrize(
    ("resource", "path", "value", "issue"),
    [
        (PATIENT, "nickname", "Mina", ("warning", "structure", "Patient.nickname")),
        (PATIENT, "name.0.nick", [], ("warning", "structure", "Patient.name[0].nick")),
        (PATIENT, "_name", [{"id": "x"}], ("warning", "structure", "Patient")),
        (PATIENT, "S3CRET name", 1, ("warning", "structure", "Patient")),
        (PATIENT, "resourceType", "Patience", ("information", "not-supported", "Patience")),
        (PATIENT, "contained.0.resourceType", "Device", ("information", "not-supported", "Patient.contained[0]")),
        (PATIENT, "name.0.family", "bell \x07", ("warning", "value", "Patient.name[0].family")),
    ],
)
def test_what_is_only_unknown_is_kept_and_reported_below_error(
    resource: dict[str, Any], path: str, value: Any, issue: tuple[str, str, str]
) -> None:
    found = validate(changed(resource, path, value))
    assert [(one.severity, one.code, one.expression) for one in found] == [issue]


@pytest.mark.parametrize(
    ("resource", "path", "value"),
    [
        (PATIENT, "name.0._given", [None, {"id": "x"}]),
        (PATIENT, "name", [{"given": [None, "W."], "_given": [{"id": "g1"}, None]}]),
        (
            PATIENT,
            "_birthDate",
            {"extension": [{"url": "http://x.example/t", "valueDateTime": "1990-02-28T01:02:03Z"}]},
        ),
        (PATIENT, "_gender", {"extension": [{"url": "http://x.example/unknown"}]}),
        (PATIENT, "birthDate", "1990"),
        (PATIENT, "birthDate", "2024-02-29"),
        (PATIENT, "managingOrganization.reference", "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"),
        (PATIENT, "managingOrganization.reference", "https://other.example/fhir/Organization/1/_history/2"),
        (PATIENT, "managingOrganization.reference", "Organization?identifier=x|1"),
        (PATIENT, "managingOrganization.reference", "Organization/1/_history/2"),
        (PATIENT, "photo", [{"data": "QUJD\r\nREVG"}]),
        (OBSERVATION, "effectiveDateTime", "2016-12-31T23:59:60Z"),
        (OBSERVATION, "valueQuantity.value", samples.decode(b"6.00e-2")),
        (CONDITION, "clinicalStatus", {"text": "being treated"}),
    ],
)
def test_what_the_specification_permits_has_no_issues(resource: dict[str, Any], path: str, value: Any) -> None:
    assert validate(changed(resource, path, value)) == []


def test_a_required_primitive_may_be_an_extension_alone() -> None:
    absent = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    }
    resource = changed(changed(OBSERVATION, "status", DELETE), "_status", absent)
    assert validate(resource) == []


def test_nothing_that_is_told_holds_a_value_of_the_resource() -> None:
    for resource, path, value, _, _ in INVALID:
        for issue in validate(changed(resource, path, value)):
            assert "S3CRET" not in issue.expression + issue.diagnostics


def test_hostile_resources_are_told_briefly() -> None:
    many = changed(PATIENT, "name", [{"family": 1}] * 10_000)
    assert len(validate(many)) == ISSUES_MAX
    deep: dict[str, Any] = {"url": "http://x.example"}
    for _ in range(5_000):
        deep = {"url": "http://x.example", "extension": [deep]}
    assert validate(changed(PATIENT, "extension", [deep])) == [
        Issue("error", "structure", "Patient", "Elements are nested too deeply")
    ]


def test_bindings_that_are_required_and_not_codes_are_few_and_known() -> None:
    """The check of a binding on a concept is loose (one code of it is enough); it must stay the exception."""
    found = {
        f"{type_name}.{member.key}"
        for type_name in CONTRACT_TYPES
        for member in shape(type_name).members.values()
        if member.codes is not None and not member.primitive
    }
    assert found == {
        "AllergyIntolerance.clinicalStatus",
        "AllergyIntolerance.verificationStatus",
        "Condition.clinicalStatus",
        "Condition.verificationStatus",
        "Measure.improvementNotation",
        "MeasureReport.improvementNotation",
    }


SMALL = [resource for resource in samples.synthea_sample(2) if len(str(resource)) < 3000]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_what_the_fast_walk_accepts_the_full_walk_has_nothing_to_say_about(data: st.DataObject) -> None:
    resource = copy.deepcopy(data.draw(st.sampled_from(SMALL)))
    place: Any = resource
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    if isinstance(place, dict) and data.draw(st.booleans()):
        key = data.draw(st.sampled_from([key, f"_{key}", "valueString", "effectivePeriod", "extension", "language"]))
    place[key] = data.draw(JSON | st.sampled_from(["final", "2020-01-01", "active", True, 1, [], {}]))
    if accepts(resource):
        assert list(explain(resource)) == []
    else:
        assert isinstance(validate(resource), list)
