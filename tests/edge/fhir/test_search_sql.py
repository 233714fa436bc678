"""The SQL of a search finds what its meaning says, page by page, and looks at no more than it must."""

from collections.abc import Iterator
from typing import Any

import pytest

from edge_node.fhir.criteria import Criterion, escape
from edge_node.fhir.definitions import CONTRACT_TYPES
from edge_node.fhir.matching import matches, rows_match
from edge_node.fhir.parameters import Parameter, parameters_of
from edge_node.fhir.query import Query, parse_query
from edge_node.fhir.readers import IDENTIFIER, Row
from edge_node.fhir.search_sql import Position, include_targets, page, revinclude, total
from edge_node.fhir.values import BEGINNING_MS, END_MARK, END_MS, SEPARATOR
from tests.edge.fhir.indexed import BIRTH_MS, Indexed, indexed

ALL = 1_000_000
NOW_MS = BIRTH_MS
DATE_PREFIXES = ("", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")


def searches(parameter: Parameter, rows: list[Row]) -> Iterator[tuple[str, str]]:
    """Searches that a parameter's rows suggest: by what is there, and close to it."""
    code = parameter.code
    yield f"{code}:missing", "true"
    yield f"{code}:missing", "false"
    for _, value, extra in rows:
        if parameter.kind == "token":
            yield from token_searches(code, str(value), extra)
        elif parameter.kind == "reference" and extra == IDENTIFIER:
            label, system = str(value).split(SEPARATOR)
            yield f"{code}:identifier", f"{escape(system)}|{escape(label)}" if label or system else "x"
        elif parameter.kind == "reference" and value:
            yield code, escape(str(value))
            if "/" in str(value) and ":" not in str(value):
                type_name, id_ = str(value).split("/")
                yield f"{code}:{type_name}", id_
                yield code, id_
        elif parameter.kind == "string":
            yield from string_searches(code, str(value), str(extra or value))
        elif parameter.kind == "date":
            yield from date_searches(code, int(value), int(extra))
        elif parameter.kind == "quantity":
            yield from quantity_searches(code, float(value), str(extra))
        elif parameter.kind == "uri":
            yield code, escape(str(value))


def token_searches(code: str, value: str, extra: Any) -> Iterator[tuple[str, str]]:
    label, system = (escape(part) for part in value.split(SEPARATOR))
    if label:
        yield code, label
        yield code, f"{system}|{label}"
        yield f"{code}:not", f"{system}|{label}"
        yield code, f"other|{label}"
        if extra:
            yield code, f"{extra}|{label}"
    if system:
        yield code, f"{system}|"


def string_searches(code: str, folded: str, text: str) -> Iterator[tuple[str, str]]:
    yield code, escape(text[:4].upper())
    yield f"{code}:exact", escape(text)
    yield f"{code}:exact", escape(folded)
    yield f"{code}:contains", escape(folded[1:5] or folded)


def date_searches(code: str, low: int, high: int) -> Iterator[tuple[str, str]]:
    from datetime import UTC, datetime, timedelta

    for at in {low, high} - {BEGINNING_MS, END_MS}:
        moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).isoformat(timespec="milliseconds")
        for prefix in DATE_PREFIXES:
            for length in (4, 10, 29):
                yield code, prefix + moment[:length]


def quantity_searches(code: str, number: float, extra: str) -> Iterator[tuple[str, str]]:
    if abs(number) < 1e30:
        label, system, text = extra.partition(END_MARK)[0].split(SEPARATOR)
        for prefix in DATE_PREFIXES:
            yield code, f"{prefix}{number:.1f}"
            yield code, f"{prefix}{number:.3f}|{escape(system)}|{escape(label)}"
        yield code, f"{number:.1f}||{escape(text)}"


def some(found: list[Row], limit: int) -> list[Row]:
    """Rows from across the list."""
    return found[:: max(1, len(found) // limit)][:limit]


def keys(store: Indexed, query: Query) -> set[int]:
    rows = store.run(page(query, store.key_of, ALL))
    assert len(rows) == len({row[0] for row in rows}), "a result must come once"
    assert store.run(total(query, store.key_of)) == [(len(rows),)]
    return {row[0] for row in rows}


def meant(store: Indexed, query: Query) -> set[int]:
    criteria = [criterion for criterion in query.criteria if isinstance(criterion, Criterion)]
    return {
        key
        for key, rows in store.of_type(query.type).items()
        if all(
            rows_match(criterion, rows)
            if criterion.parameter.kept == "index"
            else matches(criterion, store.resources[key])
            for criterion in criteria
        )
    }


@pytest.mark.parametrize("type_name", CONTRACT_TYPES)
def test_every_parameter_finds_what_it_means(type_name: str) -> None:
    store = indexed()
    fruitful = set()
    for code, parameter in parameters_of(type_name).items():
        numbers = {use.slot.number for use in parameter.uses}
        rows = list(
            dict.fromkeys(row for rows in store.of_type(type_name).values() for row in rows if row[0] in numbers)
        )
        for name, value in dict.fromkeys(searches(parameter, some(rows, 8)) if parameter.kept == "index" else ()):
            if value:
                query = parse_query(type_name, [(name, value)], now_ms=NOW_MS, strict=True)
                found = keys(store, query)
                assert found == meant(store, query), (name, value)
                if found and ":missing" not in name:
                    fruitful.add(code)
    known = {code for code, parameter in parameters_of(type_name).items() if parameter.kept == "index"}
    assert fruitful == known


PATIENT = "Patient/dbf9798e-4b52-4cd9-a9eb-ec36149c859a"
COMBINED = [
    ("Observation", f"patient={PATIENT}&code=http://loinc.org|8302-2"),
    ("Observation", f"patient={PATIENT}&code=8302-2&date=ge2015&date=lt2018"),
    ("Observation", f"patient={PATIENT}&category=vital-signs&status=final&value-quantity=gt50||kg"),
    ("Observation", "code=8302-2,29463-7&status:not=final"),
    ("Observation", f"subject={PATIENT}&encounter:missing=true"),
    ("Observation", "value-quantity=gt100&value-quantity=lt120&_lastUpdated=ge2023"),
    ("Observation", "subject=Patient/nobody"),
    ("Observation", "code=|8302-2"),
    ("Patient", "name=a,b,c&gender=female"),
    ("Patient", "gender:not=male&birthdate=gt1950"),
    ("Patient", "phone:missing=true"),
    ("Patient", "phone=0700 1"),
    ("Patient", "phone=0700 1&_sort=phone"),
    ("Patient", "_id=example,f001,gone,nobody"),
    ("Patient", "_id=example&name=chal"),
    ("Patient", ""),
    ("Patient", "_lastUpdated=lt2000"),
    ("Encounter", "date=2015&class=AMB&status=finished"),
    ("Condition", "onset-date=lt2000&clinical-status=active"),
]


def pairs(text: str) -> list[tuple[str, str]]:
    return [tuple(part.split("=", 1)) for part in text.split("&") if part]  # type: ignore[misc]


@pytest.mark.parametrize(("type_name", "text"), COMBINED)
def test_criteria_are_joined_by_and(type_name: str, text: str) -> None:
    query = parse_query(type_name, pairs(text), now_ms=NOW_MS, strict=True)
    assert keys(indexed(), query) == meant(indexed(), query)


@pytest.mark.parametrize(
    ("type_name", "text", "inner", "inner_text", "parameter"),
    [
        ("Observation", "subject:Patient.name=t", "Patient", "name=t", "subject"),
        ("Observation", "patient.gender=female", "Patient", "gender=female", "patient"),
        ("Observation", "patient.gender:not=female", "Patient", "gender:not=female", "patient"),
        ("Encounter", "patient.birthdate=lt1970&status=finished", "Patient", "birthdate=lt1970", "patient"),
        ("Condition", "encounter.class=EMER", "Encounter", "class=EMER", "encounter"),
        ("Observation", "patient._id=example", "Patient", "_id=example", "patient"),
    ],
)
def test_a_chain_asks_the_resource_that_is_referred_to(
    type_name: str, text: str, inner: str, inner_text: str, parameter: str
) -> None:
    store = indexed()
    targets = {store.resources[key]["id"] for key in meant(store, parse_query(inner, pairs(inner_text), now_ms=NOW_MS))}
    slots = {use.slot.number for use in parameters_of(type_name)[parameter].uses}
    expected = {
        key
        for key, rows in store.of_type(type_name).items()
        if any(slot in slots and str(value).removeprefix(f"{inner}/") in targets for slot, value, _ in rows)
    }
    found = keys(store, parse_query(type_name, pairs(text), now_ms=NOW_MS))
    assert found
    assert found == (expected if "&" not in text else found & expected)


def test_a_chain_without_a_type_asks_every_type_that_has_the_parameter() -> None:
    store = indexed()
    both = keys(store, parse_query("Observation", [("performer.name", "a")], now_ms=NOW_MS))
    each = [
        keys(store, parse_query("Observation", [(f"performer:{name}.name", "a")], now_ms=NOW_MS))
        for name in ("Patient", "Practitioner", "Organization", "RelatedPerson")
    ]
    assert both
    assert both == set().union(*each)


@pytest.mark.parametrize("more", ["", "&gender=female"])
def test_a_reverse_chain_asks_the_resources_that_refer_here(more: str) -> None:
    store = indexed()
    text = f"_has:Observation:patient:code=http://loinc.org|8302-2{more}"
    measured = keys(store, parse_query("Observation", pairs("code=http://loinc.org|8302-2"), now_ms=NOW_MS))
    subjects = {store.resources[key]["subject"]["reference"] for key in measured}
    found = keys(store, parse_query("Patient", pairs(text), now_ms=NOW_MS))
    told = {f"Patient/{store.resources[key]['id']}" for key in found}
    assert len(told) > 1
    assert told <= subjects
    if not more:
        assert told == {subject for subject in subjects if store.key_of(*subject.split("/")) in store.resources}


def walk(store: Indexed, query: Query, size: int) -> list[tuple[Any, ...]]:
    """All rows of a search, page by page."""
    rows: list[tuple[Any, ...]] = []
    while True:
        after = Position(rows[-1][0], rows[-1][1:]) if rows else None
        more = store.run(page(query, store.key_of, size, after))
        rows += more
        if len(more) < size:
            return rows


@pytest.mark.parametrize(
    ("type_name", "text"),
    [
        ("Observation", f"patient={PATIENT}"),
        ("Observation", f"patient={PATIENT}&_sort=-date"),
        ("Observation", f"patient={PATIENT}&_sort=code,-date"),
        ("Observation", "code=8302-2,29463-7&_sort=value-quantity,_lastUpdated"),
        ("Patient", "_sort=family,-birthdate"),
        ("Patient", "_sort=-family,given,_id"),
        ("Patient", "_sort=-_lastUpdated"),
        ("Patient", "_sort=-phone"),
        ("Condition", "_sort=abatement-date"),
        ("Condition", "_sort=-abatement-date,onset-date"),
    ],
)
def test_pages_hold_every_result_once_and_in_order(type_name: str, text: str) -> None:
    store = indexed()
    query = parse_query(type_name, pairs(text), now_ms=NOW_MS, strict=True)
    rows = walk(store, query, 7)
    assert {row[0] for row in rows} == meant(store, query)
    assert len(rows) == len(meant(store, query)) > 20
    assert rows == store.run(page(query, store.key_of, ALL))
    assert [row[0] for row in rows] == in_order(store, query, rows)


def in_order(store: Indexed, query: Query, rows: list[tuple[Any, ...]]) -> list[int]:
    """The keys, sorted a second time by the resources' own values; later sorts first, since sorting is stable."""
    result = sorted(row[0] for row in rows)
    for sort in reversed(query.sort):
        values = {key: sort_value(store, key, sort.parameter, descending=sort.descending) for key in result}
        with_value = [key for key in result if values[key] is not None]
        with_value.sort(key=values.__getitem__, reverse=sort.descending)  # Equal ones keep their order, either way.
        result = with_value + [key for key in result if values[key] is None]
    return result


def sort_value(store: Indexed, key: int, parameter: Parameter, *, descending: bool) -> Any:
    if parameter.kept == "id":
        return store.resources[key]["id"]
    if parameter.kept == "updated":
        return store.resources[key]["meta"]["lastUpdated"]
    values = [
        value
        for slot, value, _ in store.rows[key]
        for use in parameter.uses
        if slot == use.slot.number and (not use.system or str(value).endswith(SEPARATOR + use.system))
    ]
    return (max if descending else min)(values, default=None)


def test_includes_come_from_the_references_of_the_page() -> None:
    store = indexed()
    query = parse_query("Observation", pairs("_include=Observation:subject&_include=Observation:*:Encounter"), now_ms=0)
    resource = next(store.resources[key] for key in store.of_type("Observation") if "encounter" in store.resources[key])
    subject, any_encounter = query.includes
    assert include_targets(subject, resource) == {resource["subject"]["reference"]}
    assert include_targets(any_encounter, resource) == {resource["encounter"]["reference"]}
    assert include_targets(subject, {"resourceType": "Condition", "subject": {"reference": "Patient/1"}}) == set()


def test_revincludes_are_those_that_refer_to_the_page() -> None:
    store = indexed()
    query = parse_query("Patient", pairs("_revinclude=Condition:patient&_revinclude=Observation:performer"), now_ms=0)
    key = store.key_of(*PATIENT.split("/"))
    assert key is not None
    found = {row[0] for row in store.run(revinclude(query.revincludes[0], [key, 10**9]))}
    assert found == keys(store, parse_query("Condition", [("patient", PATIENT)], now_ms=0))
    assert len(found) > 1
    assert store.run(revinclude(query.revincludes[1], [key])) == []


@pytest.mark.parametrize(
    ("type_name", "text"),
    [
        ("Observation", f"patient={PATIENT}&code=http://loinc.org|8302-2&date=ge2015&status=final"),
        ("Observation", f"patient={PATIENT}&_sort=-date"),
        ("Patient", "identifier=http://hospital.smarthealthit.org|4c875c3c-b4d6-4f6d-aabe-5ddc24892adc"),
        ("Patient", "family=smi&birthdate=1990"),
        ("Patient", "_id=example&family=chal"),
        ("Observation", "patient.identifier=http://hl7.org/fhir/sid/us-ssn|999-99-5015&date=2015"),
    ],
)
def test_nothing_is_scanned_where_an_index_answers(type_name: str, text: str) -> None:
    store = indexed()
    query = parse_query(type_name, pairs(text), now_ms=NOW_MS)
    for sql in (page(query, store.key_of, 50), total(query, store.key_of)):
        plan = store.plan(sql).replace("SCAN search_recent", "")  # which is small
        assert "SCAN search" not in plan, plan
        assert "SCAN c" not in plan or "CO-ROUTINE search\n" in plan, plan  # rows of both tables that were searched for
        assert "SCAN resource" not in plan, plan


def test_one_value_streams_in_order_of_key() -> None:
    """The page's end ends the work: no sorting, no set of all candidates."""
    query = parse_query("Observation", pairs(f"patient={PATIENT}"), now_ms=NOW_MS)
    plan = indexed().plan(page(query, indexed().key_of, 50, Position(5)))
    steps = ["MERGE (UNION)", "LEFT", "SEARCH c USING PRIMARY KEY (slot=? AND value=? AND key>?)"]
    assert plan.splitlines() == [*steps, "RIGHT", "SEARCH c USING PRIMARY KEY (key>?)"]


def test_values_are_bound_and_never_part_of_the_text() -> None:
    query = parse_query("Patient", [("name", "O'Brien\"; --"), ("phone", "' OR 1")], now_ms=NOW_MS)
    sql = page(query, indexed().key_of, 10)
    assert "Brien" not in sql.text
    assert "OR 1" not in sql.text
    assert indexed().run(sql) == []
