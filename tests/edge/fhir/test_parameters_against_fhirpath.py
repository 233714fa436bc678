"""Every search parameter indexes what an independent FHIRPath library finds, on every type."""

from typing import Any

import pytest

from edge_node.fhir.definitions import CONTRACT_TYPES, search_parameters, type_number
from edge_node.fhir.extraction import index_rows
from edge_node.fhir.parameters import KINDS, Parameter, parameters_of
from edge_node.fhir.readers import IDENTIFIER, Row
from edge_node.fhir.values import END_MARK, SEPARATOR
from tests.edge.fhir import oracle, samples

EXPRESSIONS = {definition.url: definition.expression for definition in search_parameters()}
NOT_INDEXED = {"_id", "_lastUpdated", "_text", "_content"}


def found(parameter: Parameter, rows: list[Row]) -> set[tuple[Any, ...]]:
    """The rows of a parameter, narrowed, in the oracle's terms."""
    values = set()
    for use in parameter.uses:
        for slot, value, extra in rows:
            if slot != use.slot.number:
                continue
            if use.target and extra != type_number(use.target):
                continue
            if use.system and not str(value).endswith(SEPARATOR + use.system):
                continue
            values.add(told(parameter.kind, value, extra))
    return values - {()}


def told(kind: str, value: Any, extra: Any) -> tuple[Any, ...]:
    if kind == "reference" and extra == IDENTIFIER:
        return ("identifier", *value.split(SEPARATOR))
    if kind == "reference":
        return ("to", value)
    if kind == "token":
        return tuple(value.split(SEPARATOR))
    if kind == "string":
        return (value, extra or value)
    if kind == "date":
        return (value, extra)
    if kind == "quantity":
        unit, _, end = extra.partition(END_MARK)
        other = float(end[1:].replace("9e999", "inf")) if end else value
        return (min(value, other), max(value, other), *unit.split(SEPARATOR))
    return (value,)


def disagreements(resource: dict[str, Any], seen: set[str]) -> list[str]:
    """Parameters whose rows differ from the oracle's; those that had a value are added to ``seen``."""
    type_name = resource["resourceType"]
    rows = index_rows(resource)
    wrong = []
    for code, parameter in parameters_of(type_name).items():
        if parameter.kept != "index":
            continue
        expected = oracle.expected(parameter.kind, EXPRESSIONS[parameter.url], resource)
        got = found(parameter, rows)
        if got != expected:
            wrong.append(f"{type_name}.{code}: index {sorted(got, key=str)} FHIRPath {sorted(expected, key=str)}")
        if expected:
            seen.add(code)
    return wrong


@pytest.mark.parametrize("type_name", CONTRACT_TYPES)
def test_every_parameter_of_a_type_agrees_on_resources_that_have_every_element(type_name: str) -> None:
    seen: set[str] = set()
    for resource in samples.generated(type_name):
        assert not disagreements(resource, seen)
    known = {code for code, parameter in parameters_of(type_name).items() if parameter.kept == "index"}
    assert known == seen


def test_every_parameter_agrees_on_the_examples_of_the_specification() -> None:
    seen: set[str] = set()
    for name, resource in samples.hl7_examples().items():
        if resource["resourceType"] in CONTRACT_TYPES:
            assert not disagreements(resource, seen), name
    assert len(seen) > 150


def test_every_parameter_agrees_on_synthetic_patients() -> None:
    seen: set[str] = set()
    for resource in samples.synthea_sample(12):
        assert not disagreements(resource, seen)
    assert len(seen) > 40


def test_no_parameter_of_the_definitions_is_left_out() -> None:
    """Composite and special parameters, and _query, which has no meaning of its own, are all that is missing."""
    for definition in search_parameters():
        for type_name in CONTRACT_TYPES:
            if type_name in definition.base or definition.base[0] in ("Resource", "DomainResource"):
                served = definition.code in parameters_of(type_name)
                assert served == (definition.type in KINDS and definition.code != "_query"), definition.url
    assert {definition.type for definition in search_parameters()} - set(KINDS) == {"composite", "special"}
    assert {p.code for p in parameters_of("Patient").values() if p.kept != "index"} == NOT_INDEXED
