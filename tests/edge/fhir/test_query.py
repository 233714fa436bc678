"""A query string becomes a typed query, or an error that names the parameter and no value."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.fhir.criteria import (
    Criterion,
    DateValue,
    QuantityValue,
    QueryError,
    ReferenceValue,
    Reverse,
    StringValue,
    TokenValue,
    UriValue,
)
from edge_node.fhir.definitions import CONTRACT_TYPES
from edge_node.fhir.matching import matches
from edge_node.fhir.parameters import parameters_of
from edge_node.fhir.query import PARAMETERS_MAX, VALUES_MAX, Query, parse_query

NOW_MS = 1_700_000_000_000


def parsed(type_name: str, *pairs: tuple[str, str], strict: bool = True, base: str = "") -> Query:
    return parse_query(type_name, pairs, now_ms=NOW_MS, strict=strict, base=base)


def values(type_name: str, name: str, text: str) -> tuple[Any, ...]:
    (criterion,) = parsed(type_name, (name, text)).criteria
    assert isinstance(criterion, Criterion)
    return criterion.values


@pytest.mark.parametrize(
    ("type_name", "name", "text", "expected"),
    [
        ("Patient", "gender", "male,female", (TokenValue("male", None), TokenValue("female", None))),
        ("Patient", "identifier", "http://s|1", (TokenValue("1", "http://s"),)),
        ("Patient", "identifier", "|1", (TokenValue("1", ""),)),
        ("Patient", "identifier", "s|", (TokenValue(None, "s"),)),
        ("Patient", "identifier", r"a\|b\,c\\", (TokenValue("a|b,c\\", None),)),
        ("Patient", "name", r"Óla\,b,", (StringValue("Óla,b", "ola,b"),)),
        ("Observation", "date", "2020-01", (DateValue("eq", 1577836800000, 1580515199999),)),
        ("Observation", "date", "gt1970-01-01T01:00:00 01:00", (DateValue("gt", 0, 999),)),
        ("Observation", "date", "ap1970-01-01", (DateValue("ap", -169_995_680_000, 170_082_079_999),)),
        (
            "Observation",
            "value-quantity",
            "le5.4|http://u|mg",
            (QuantityValue("le", 5.4, 5.35, 5.45, "http://u", "mg"),),
        ),
        ("Observation", "value-quantity", "5||mg", (QuantityValue("eq", 5.0, 4.5, 5.5, None, "mg"),)),
        ("Observation", "value-quantity", "ap-50", (QuantityValue("ap", -50.0, -55.0, -45.0),)),
        ("Observation", "subject", "Patient/1", (ReferenceValue("Patient/1", "Patient", "1"),)),
        ("Observation", "subject", "Patient/1/_history/2", (ReferenceValue("Patient/1", "Patient", "1"),)),
        ("Observation", "patient", "1", (ReferenceValue("Patient/1", "Patient", "1"),)),
        ("Observation", "subject:Patient", "1", (ReferenceValue("Patient/1", "Patient", "1"),)),
        ("Observation", "subject", "urn:uuid:1", (ReferenceValue("urn:uuid:1"),)),
        ("Observation", "subject", "http://x.example/Patient/1", (ReferenceValue("http://x.example/Patient/1"),)),
        ("Observation", "subject:identifier", r"s|a\,b,c", (TokenValue("a,b", "s"), TokenValue("c", None))),
        ("Patient", "_profile", "http://p", (UriValue("http://p"),)),
        ("Patient", "_id", "a,b", (TokenValue("a", None), TokenValue("b", None))),
    ],
)
def test_values_are_read_by_kind(type_name: str, name: str, text: str, expected: tuple[Any, ...]) -> None:
    assert values(type_name, name, text) == expected


def test_an_id_alone_may_be_of_any_type_that_the_parameter_points_to() -> None:
    found = {value.type for value in values("Observation", "subject", "1")}
    assert found == {"Patient", "Group", "Device", "Location"}


def test_references_under_our_own_address_are_local() -> None:
    base = "https://clinic.example/fhir"
    (criterion,) = parsed("Observation", ("subject", f"{base}/Patient/1"), base=base).criteria
    assert isinstance(criterion, Criterion)
    assert criterion.values == (ReferenceValue("Patient/1", "Patient", "1"),)


@pytest.mark.parametrize(
    ("type_name", "name", "text", "code"),
    [
        ("Patient", "birthdate", "12/03/1990", "value"),
        ("Patient", "birthdate", "xx1990", "value"),
        ("Patient", "birthdate", "gt", "value"),
        ("Patient", "gender", "a|b|c", "value"),
        ("Patient", "gender", "|", "value"),
        ("Patient", "gender", ",", "value"),
        ("Observation", "value-quantity", "tall", "value"),
        ("Observation", "value-quantity", "5|mg", "value"),
        ("Observation", "value-quantity", "1e99999", "value"),
        ("Observation", "subject", "not an id", "value"),
        ("Patient", "name:missing", "perhaps", "value"),
        ("Patient", "name:soundex", "a", "not-supported"),
        ("Patient", "gender:text", "a", "not-supported"),
        ("Patient", "gender:above", "a", "not-supported"),
        ("Patient", "gender:in", "http://vs", "not-supported"),
        ("Patient", "birthdate:exact", "1990", "not-supported"),
        ("Patient", "_id:not", "a", "not-supported"),
        ("Patient", "_lastUpdated:missing", "true", "not-supported"),
        ("Observation", "subject:Spaceship", "1", "not-supported"),
        ("Observation", "subject:Patient.shoe", "1", "not-supported"),
        ("Observation", "subject:Patient.general-practitioner.name", "1", "not-supported"),
        ("Observation", "code.name", "1", "not-supported"),
        ("Patient", "_has:Observation:patient", "1", "not-supported"),
        ("Patient", "_has:Observation:nobody:code", "1", "not-supported"),
        ("Patient", "_has:Observation:patient:_has:Provenance:target:agent", "1", "not-supported"),
        ("Patient", "_count", "-1", "value"),
        ("Patient", "_count", "many", "value"),
        ("Patient", "_summary", "brief", "value"),
        ("Patient", "_total", "yes", "value"),
        ("Patient", "_include", "Patient", "value"),
        ("Patient", "_include", "Patient:gender", "value"),
        ("Patient", "_include:often", "Patient:link", "not-supported"),
        ("Patient", "_sort", "shoe", "not-supported"),
        ("Patient", "shoe", "44", "not-supported"),
        ("Patient", "_query", "x", "not-supported"),
    ],
)
def test_what_cannot_be_answered_is_an_error_without_the_value(type_name: str, name: str, text: str, code: str) -> None:
    with pytest.raises(QueryError) as caught:
        parsed(type_name, (name, text))
    assert (caught.value.code, caught.value.expression) == (code, name)
    assert len(text) < 3 or text not in caught.value.diagnostics


def test_unknown_parameters_are_ignored_and_reported_under_lenient_handling() -> None:
    query = parsed("Patient", ("shoe", "44"), ("name", "a"), ("_sort", "-shoe"), ("empty", ""), strict=False)
    assert query.ignored == ("shoe", "_sort")
    assert query.applied == (("name", "a"),)
    assert query.sort == ()


def test_unsupported_modifiers_are_an_error_under_lenient_handling_too() -> None:
    with pytest.raises(QueryError):
        parsed("Patient", ("gender:text", "f"), strict=False)


def test_the_parameters_of_the_result() -> None:
    query = parsed(
        "Observation",
        ("_count", "0"),
        ("_sort", "-date,code"),
        ("_summary", "count"),
        ("_total", "accurate"),
        ("_elements", "status, code"),
        ("_format", "json"),
        ("_pretty", "true"),
        ("_include", "Observation:subject:Patient"),
        ("_include:iterate", "Patient:*"),
        ("_revinclude", "Provenance:target"),
    )
    assert (query.count, query.summary, query.total) == (0, "count", "accurate")
    assert (query.elements, query.format, query.pretty) == (("status", "code"), "json", True)
    assert [(sort.parameter.code, sort.descending) for sort in query.sort] == [("date", True), ("code", False)]
    first, second = query.includes
    assert (first.type, first.target, first.iterate) == ("Observation", "Patient", False)
    assert [parameter.code for parameter in first.parameters] == ["subject"]
    assert second.iterate
    assert {parameter.code for parameter in second.parameters} == {"general-practitioner", "link", "organization"}
    assert query.revincludes[0].parameters[0].code == "target"
    assert not query.criteria
    assert len(query.applied) == 10


def test_repeated_parameters_are_criteria_of_their_own() -> None:
    query = parsed("Patient", ("given", "a"), ("given", "b,c"))
    assert [len(one.values) for one in query.criteria if isinstance(one, Criterion)] == [1, 2]


def test_chains_ask_each_type_that_has_the_parameter() -> None:
    (one,) = parsed("Observation", ("patient.name:exact", "Ola")).criteria
    assert isinstance(one, Criterion)
    assert [chain.type for chain in one.chain] == ["Patient"]
    assert one.chain[0].criterion.modifier == "exact"
    (several,) = parsed("Observation", ("performer.identifier", "7")).criteria
    assert isinstance(several, Criterion)
    assert {chain.type for chain in several.chain} >= {"Patient", "Practitioner", "Organization"}
    (named,) = parsed("Observation", ("performer:Organization.name", "a")).criteria
    assert isinstance(named, Criterion)
    assert [chain.type for chain in named.chain] == ["Organization"]


def test_a_reverse_chain_names_type_reference_and_parameter() -> None:
    (one,) = parsed("Patient", ("_has:Observation:patient:code:not", "x")).criteria
    assert isinstance(one, Reverse)
    assert (one.type, one.reference.code, one.criterion.parameter.code) == ("Observation", "patient", "code")
    assert one.criterion.modifier == "not"


def test_searches_have_bounds() -> None:
    with pytest.raises(QueryError) as caught:
        parsed("Patient", *[("name", "a")] * (PARAMETERS_MAX + 1))
    assert caught.value.code == "too-costly"
    with pytest.raises(QueryError):
        parsed("Patient", ("name", ",".join(["a"] * (VALUES_MAX + 1))))


def test_types_that_are_not_served_cannot_be_searched() -> None:
    with pytest.raises(QueryError):
        parsed("Device")


@given(
    st.sampled_from(CONTRACT_TYPES),
    st.text(alphabet="abcé:._|,\\$-<>'\"% 0123456789", max_size=12),
    st.text(alphabet="abé:/._|,\\$-+<>'\"% 0123456789", max_size=14),
    st.data(),
)
def test_any_query_string_is_read_or_refused(type_name: str, name: str, text: str, data: st.DataObject) -> None:
    known = sorted(parameters_of(type_name))
    name = data.draw(st.sampled_from([name, *known])) + data.draw(st.sampled_from(["", ":not", ":missing", ":exact"]))
    try:
        criteria = parsed(type_name, (name, text), strict=False).criteria
    except QueryError:
        criteria = ()
    for criterion in criteria:
        if isinstance(criterion, Criterion) and not criterion.chain:
            assert matches(criterion, {"resourceType": type_name, "id": "x"}) in (True, False)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("_text", "Peter chalmers", True),
        ("_text", "div", False),
        ("_text", "nowhere", False),
        ("_content", "chalmers 1974-12-25", True),
        ("_content", "1974-12-26,official", True),
        ("_content", "absent", False),
        ("_id", "p,q", True),
        ("_id", "q", False),
        ("_lastUpdated", "ge2024", True),
        ("_lastUpdated", "lt2024", False),
    ],
)
def test_what_is_not_indexed_is_matched_on_the_resource(name: str, text: str, found: bool) -> None:
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "meta": {"lastUpdated": "2024-01-01T00:00:00.000Z"},
        "text": {"status": "generated", "div": "<div>Péter <b>CHALMERS</b></div>"},
        "name": [{"use": "official", "family": "Chalmers"}],
        "birthDate": "1974-12-25",
    }
    query = parsed("Patient", (name, text))
    (criterion,) = query.criteria
    assert isinstance(criterion, Criterion)
    assert matches(criterion, patient) is found
    assert (query.scans == (criterion,)) == (name in ("_text", "_content"))


def test_a_chain_is_not_decided_on_one_resource() -> None:
    (criterion,) = parsed("Observation", ("patient.name", "a")).criteria
    assert isinstance(criterion, Criterion)
    with pytest.raises(ValueError, match="chain"):
        matches(criterion, {"resourceType": "Observation"})
