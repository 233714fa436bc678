"""Index rows: what they hold, what odd data does to them, and that slots are for life."""

import copy
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.fhir.definitions import CONTRACT_TYPES, resource_types, type_number
from edge_node.fhir.expression import Branch, ExpressionError, Step, parse
from edge_node.fhir.extraction import index_rows
from edge_node.fhir.parameters import READABLE, parameters_of, slot_names, slots_of
from edge_node.fhir.readers import IDENTIFIER, READERS, Row, local_target
from edge_node.fhir.slots import RANGED, RANGED_KINDS, appended, serialized, slot_numbers
from edge_node.fhir.values import END_MS
from tests.edge.fhir import samples

SEP = "\x1f"


def rows_of(resource: dict[str, Any], code: str) -> set[tuple[Any, Any]]:
    numbers = {use.slot.number for use in parameters_of(resource["resourceType"])[code].uses}
    return {(value, extra) for slot, value, extra in index_rows(resource) if slot in numbers}


@pytest.mark.parametrize(
    ("element", "code", "rows"),
    [
        ({"gender": "female"}, "gender", {("female" + SEP, 0)}),
        ({"active": True}, "active", {("true" + SEP, 0)}),
        ({"name": [{"given": ["Ọlá", None], "family": "LEE"}]}, "name", {("ola", "Ọlá"), ("lee", "LEE")}),
        ({"telecom": [{"system": "phone", "value": "07", "use": "home"}]}, "phone", {(f"07{SEP}phone", "home")}),
        ({"deceasedBoolean": False}, "deceased", {("false" + SEP, 0)}),
        ({"deceasedDateTime": "2020"}, "deceased", {("true" + SEP, 0)}),
        ({}, "deceased", {("false" + SEP, 0)}),
        ({"birthDate": "0001-01-01"}, "birthdate", {(-62135596800000, -62135510400001)}),
        ({"birthDate": "9999-12"}, "birthdate", {(253399622400000, 253402300799999)}),
        ({"identifier": [{"system": "s"}]}, "identifier", {(SEP + "s", 0)}),
        ({"communication": [{"language": {"text": "Twi"}}]}, "language", {(SEP, 0)}),
        ({"meta": {"tag": [{"code": "t"}]}}, "_tag", {("t" + SEP, 0)}),
        (
            {"generalPractitioner": [{"reference": "Practitioner/7/_history/2", "display": "Dr"}]},
            "general-practitioner",
            {("Practitioner/7", type_number("Practitioner"))},
        ),
        (
            {"generalPractitioner": [{"reference": "http://x.example/fhir/Practitioner/7/_history/2"}]},
            "general-practitioner",
            {("http://x.example/fhir/Practitioner/7", type_number("Practitioner"))},
        ),
        (
            {"generalPractitioner": [{"reference": "urn:uuid:1", "type": "Organization"}]},
            "general-practitioner",
            {("urn:uuid:1", type_number("Organization"))},
        ),
        ({"generalPractitioner": [{"identifier": {"value": "7"}}]}, "general-practitioner", {("7" + SEP, IDENTIFIER)}),
        ({"generalPractitioner": [{"display": "Dr"}]}, "general-practitioner", {("", 0)}),
        (
            {"contained": [{"resourceType": "Organization", "id": "o"}], "managingOrganization": {"reference": "#o"}},
            "organization",
            {("#o", type_number("Organization"))},
        ),
    ],
)
def test_what_rows_hold(element: dict[str, Any], code: str, rows: set[tuple[Any, Any]]) -> None:
    assert rows_of({"resourceType": "Patient", **element}, code) == rows


def test_a_value_is_indexed_once_for_all_parameters_that_share_it() -> None:
    observation = {
        "resourceType": "Observation",
        "code": {"coding": [{"code": "x"}]},
        "subject": {"reference": "Patient/1"},
    }
    known = parameters_of("Observation")
    assert len(index_rows(observation)) == 2
    assert known["subject"].uses[0].slot is known["patient"].uses[0].slot or (
        known["subject"].uses[0].slot == known["patient"].uses[0].slot
    )
    assert {use.slot.number for use in known["code"].uses} < {use.slot.number for use in known["combo-code"].uses}


@pytest.mark.parametrize(
    ("resource", "code", "rows"),
    [
        ({"resourceType": "Encounter", "period": {"start": "2020-01-01"}}, "date", {(1577836800000, END_MS)}),
        (
            {"resourceType": "Observation", "effectiveTiming": {"event": ["2020", "2018-01-01"]}},
            "date",
            {(1514764800000, 1609459199999)},
        ),
        (
            {"resourceType": "Observation", "valueQuantity": {"value": 5, "comparator": "<", "code": "mg"}},
            "value-quantity",
            {(float("-inf"), f"mg{SEP}{SEP}\x1e<5.0"), (5.0, f"mg{SEP}{SEP}\x1e>-9e999")},
        ),
        (
            {"resourceType": "Condition", "onsetRange": {"low": {"value": 3, "unit": "a"}}},
            "onset-age",
            {(3.0, f"{SEP}{SEP}a\x1e<9e999"), (float("inf"), f"{SEP}{SEP}a\x1e>3.0")},
        ),
        ({"resourceType": "Immunization", "occurrenceString": "in childhood"}, "date", set()),
    ],
)
def test_rows_of_intervals_and_ranges(resource: dict[str, Any], code: str, rows: set[tuple[Any, Any]]) -> None:
    assert rows_of(resource, code) == rows


def test_a_malformed_entry_hides_no_other() -> None:
    patient = {
        "resourceType": "Patient",
        "birthDate": "yesterday",
        "gender": 5,
        "name": [{"family": "Achieng"}, "Otieno", {"family": ["x", 5]}],
        "telecom": {"value": "07"},
        "active": True,
    }
    assert rows_of(patient, "name") == {("achieng", "Achieng"), ("x", 0)}
    assert rows_of(patient, "active") == {("true" + SEP, 0)}
    assert rows_of(patient, "birthdate") == rows_of(patient, "gender") == set()


def test_types_that_are_not_served_have_no_rows() -> None:
    for odd in ({"resourceType": "Device", "id": "d"}, {"resourceType": ["Patient"]}, {}):
        assert index_rows(odd) == []


RESOURCES = [*samples.synthea_sample(2), *(samples.generated(name)[3] for name in CONTRACT_TYPES)]
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
def test_no_json_whatever_makes_extraction_fail_or_give_what_cannot_be_stored(data: st.DataObject) -> None:
    resource = copy.deepcopy(data.draw(st.sampled_from(RESOURCES)))
    place: Any = resource
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.integers(0, 3)) == 0:
            break
        place = place[key]
    place[key] = data.draw(JSON)
    rows = index_rows(resource)
    assert len(rows) == len(set(rows))
    for slot, value, extra in rows:
        assert type(slot) is int
        assert type(value) in (str, int, float)
        assert value == value, "NaN is no value"
        assert type(extra) in (str, int)


def test_local_targets_are_those_that_a_store_can_hold() -> None:
    patient = type_number("Patient")
    told: list[tuple[Row, Any]] = [
        ((1, "Patient/a.b-1", patient), ("Patient", "a.b-1")),
        ((1, "http://x.example/Patient/1", patient), None),
        ((1, "urn:uuid:1", 0), None),
        ((1, "#p", patient), None),
        ((1, "", 0), None),
        ((1, "Patient/1", IDENTIFIER), None),
    ]
    for row, target in told:
        assert local_target(row) == target


def test_slot_numbers_are_for_life() -> None:
    """The committed file is what the definitions ask for, and a new one only ever appends to it."""
    committed = slot_numbers()
    assert appended(committed, slot_names()) == committed
    assert serialized(committed) == (files("edge_node.fhir") / "slots.json").read_bytes()
    assert set(slot_names()) == set(committed)
    assert len(set(committed.values())) == len(committed)
    more = appended(committed, ["Patient.shoeSize quantity", "Patient.shoeColour token", *slot_names()])
    assert {name: more[name] for name in committed} == committed
    assert more["Patient.shoeSize quantity"] == max(committed.values()) + 1
    assert more["Patient.shoeColour token"] == max(n for n in committed.values() if n < RANGED) + 1


def test_slots_that_were_given_out_keep_their_number() -> None:
    """A few, written down by hand: databases hold them."""
    numbers = slot_numbers()
    assert numbers["Patient.identifier token"] == 11
    assert numbers["Observation.subject reference"] == 112
    assert numbers["Observation.effective date"] == 4140


def test_ranged_kinds_are_numbered_apart() -> None:
    for type_name in CONTRACT_TYPES:
        for slot in slots_of(type_name):
            assert (slot.number >= RANGED) == (slot.kind in RANGED_KINDS)


def test_type_numbers_are_the_places_in_the_closed_list_of_r4() -> None:
    assert len(resource_types()) == 148
    assert (type_number("Account"), type_number("Patient"), type_number("VisionPrescription")) == (1, 104, 148)
    assert type_number("Spaceship") == 0


def test_every_kind_reads_exactly_the_types_it_says() -> None:
    assert {kind: frozenset(readers) for kind, readers in READERS.items()} == READABLE


def test_expressions_of_the_subset_are_read() -> None:
    assert parse("A.b[0].c.where(d='e') | (A.v as Quantity)") == (
        Branch("A", (Step("b", index=0), Step("c", where=("d", "e")))),
        Branch("A", (Step("v", type_name="Quantity"),)),
    )
    assert parse("(A.v.ofType(X)).text") == (Branch("A", (Step("v", type_name="X"), Step("text"))),)
    assert parse("A.s.where(resolve() is Patient)")[0].steps[0].resolves == "Patient"
    assert parse("A.d.exists() and A.d != false") == (Branch("A", (Step("d"),), presence=True),)
    assert parse("A.b.first()") == parse("A.b[0]")


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "A.b.exists()",
            "A.b.exists() and A.c != false",
            "A.b.count()",
            "A.b | ",
            "A.b = 'c'",
            "(A.b",
            "A.b)",
            "A.b §",
        ),
        *("A.where(b='c')", "A[0]", "A.b.where(c > 1)", "A.b.exists().c", ""),
    ],
)
def test_expressions_outside_the_subset_are_an_error(expression: str) -> None:
    with pytest.raises(ExpressionError):
        parse(expression)
