"""A query as SQL over the store's index, so that work follows what is found and not what is stored.

Tables: SEARCH_TABLES, and as the store makes it ``resource(key, type, id, updated, …)`` with indexes on
``(type, id)`` and ``updated``. Rows of the index are ``(slot, value, key, extra)``; a reference to a local target has that target's
key as its value, and slot 0 holds types. They lie in two tables, each row in one of them, and ``search`` is both:

* ``search_index``, clustered by slot and value, with a partial index "this resource's dates, quantities, strings" for filters
  and sorts of results found otherwise. Nearly all rows are here.
* ``search_recent``, clustered by resource: what was written last, a few hundred rows. A resource's rows share a page here, and
  are ten pages apart there. Asked by value it is read as a whole.

One criterion, the most selective by kind, drives: its index rows are the candidates. All others are asked of each candidate
where an index finds the row by resource, or else once, as a set. A driver with one slot and one value streams in order of
key and stops at the page's end. Values are always bound.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from edge_node.fhir.criteria import Criterion, DateValue, Reverse, TokenValue
from edge_node.fhir.definitions import type_number
from edge_node.fhir.extraction import index_rows
from edge_node.fhir.query import Include, Query, Sort
from edge_node.fhir.readers import IDENTIFIER
from edge_node.fhir.slots import RANGED
from edge_node.fhir.terms import LIVE, KeyOf, Term, date_condition, presence_terms, slot_term, value_terms

SEARCH_TABLES = f"""
CREATE TABLE search_index (
    slot INTEGER NOT NULL,
    value ANY NOT NULL,
    key INTEGER NOT NULL,
    extra ANY NOT NULL,
    PRIMARY KEY (slot, value, key, extra)
) STRICT, WITHOUT ROWID;
CREATE INDEX search_by_key ON search_index (key, slot) WHERE slot >= {RANGED};
CREATE TABLE search_recent (
    key INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    value ANY NOT NULL,
    extra ANY NOT NULL,
    PRIMARY KEY (key, slot, value, extra)
) STRICT, WITHOUT ROWID;
CREATE VIEW search AS
    SELECT slot, value, key, extra FROM search_index UNION ALL SELECT slot, value, key, extra FROM search_recent;
"""
"""The index. Statements are right without ``search_by_key``, and slow on filters by date."""

_BOTH = ("search_index", "search_recent")
"""Named where SQLite would read all of a view: it narrows one by constants, and by a row outside only without DISTINCT and max."""

TYPE_SLOT = 0
"""Each resource that is not deleted has a row ``(TYPE_SLOT, number of its type, key, 0)``: a type's resources in order of key, for
searches without a criterion that the index answers."""

_OF_TYPE = f"slot = {TYPE_SLOT} AND value = ?"


class Sql(msgspec.Struct, frozen=True):
    """A statement and what is bound to it."""

    text: str
    args: tuple[Any, ...] = ()


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended: its last row, ``(key, *sort values)``. Sort values may be names: seal it before it goes out."""

    key: int
    values: tuple[str | int | float | None, ...] = ()


class _Condition(msgspec.Struct, frozen=True):
    """A criterion in SQL. ``terms`` are alternatives; a negative one holds when none has a row."""

    rank: int
    terms: tuple[Term, ...]
    negative: bool = False


def page(query: Query, key_of: KeyOf, limit: int, after: Position | None = None) -> Sql:
    """Rows ``(key, *sort values)`` of the next results, at most ``limit``, in the query's order and then by key."""
    found = _candidates(query, key_of)
    if not query.sort:
        return _page_by_key(found, limit, after)
    columns, joins, join_args, column_args = [], [], [], []
    for number, sort in enumerate(query.sort, start=1):
        column, args, join, joined = _sort_value(sort, number, found)
        columns.append(f"{column} AS v{number}")
        column_args += args
        joins.append(join)
        join_args += joined
    inner = (
        f"SELECT DISTINCT c.key AS key, {', '.join(columns)} FROM {found.source}{''.join(joins)} WHERE {found.where}"
    )
    beyond, beyond_args = _beyond(query.sort, after)
    order = ", ".join(
        f"v{number} IS NULL, v{number}{' DESC' if sort.descending else ''}"
        for number, sort in enumerate(query.sort, start=1)
    )
    return Sql(
        f"SELECT * FROM ({inner}){beyond} ORDER BY {order}, key LIMIT ?",
        (*column_args, *join_args, *found.args, *beyond_args, limit),
    )


def total(query: Query, key_of: KeyOf) -> Sql:
    """One row with the number of results."""
    found = _candidates(query, key_of)
    return Sql(f"SELECT count(DISTINCT c.key) FROM {found.source} WHERE {found.where}", found.args)


def revinclude(include: Include, keys: Sequence[int]) -> Sql:
    """Keys of the resources that refer to these ones by a parameter of _revinclude."""
    marks = ", ".join("?" * len(keys))
    parts: list[str] = []
    args: list[Any] = []
    for use in (use for parameter in include.parameters for use in parameter.uses):
        term = slot_term(use, f"value IN ({marks})", tuple(keys))
        parts.append(f"SELECT key FROM search WHERE {term.where}")
        args += term.args
    return Sql(" UNION ".join(parts), tuple(args))


def include_targets(include: Include, resource: dict[str, Any]) -> set[str]:
    """``Type/id`` of what a resource refers to by a parameter of _include. Read from the page's resource, which is at
    hand, because the index is ordered by target and not by source."""
    if resource.get("resourceType") != include.type:
        return set()
    uses = [use for parameter in include.parameters for use in parameter.uses]
    found = set()
    for slot, value, extra in index_rows(resource):
        kind, slash, _ = str(value).partition("/")
        local = extra != IDENTIFIER and slash and ":" not in kind and include.target in ("", kind)
        if local and any(use.slot.number == slot and use.target in ("", kind) for use in uses):
            found.add(str(value))
    return found


class _Found(msgspec.Struct, frozen=True):
    """FROM and WHERE of the results, as rows of ``c``; out of ``search`` a result may come more than once."""

    source: str
    where: str
    args: tuple[Any, ...]


RESOURCES = "resource c"


def _page_by_key(found: _Found, limit: int, after: Position | None) -> Sql:
    """UNION merges the tables, both read in order of key; none comes twice."""
    where, args = f"{found.where} AND c.key > ?", (*found.args, after.key if after is not None else 0)
    tables = [found.source] if found.source == RESOURCES else [f"{table} c" for table in _BOTH]
    parts = " UNION ".join(f"SELECT c.key AS key FROM {table} WHERE {where}" for table in tables)
    return Sql(f"{parts} ORDER BY key LIMIT ?", (*args * len(tables), limit))


def _candidates(query: Query, key_of: KeyOf) -> _Found:
    """The driver's rows, and every other criterion asked of them."""
    conditions = sorted(
        (_condition(query.type, criterion, key_of) for criterion in query.criteria if not _is_scan(criterion)),
        key=lambda condition: condition.rank,
    )
    driver = next((condition for condition in conditions if not condition.negative), None)
    probes = [_probe(condition, "c.key") for condition in conditions if condition is not driver]
    if driver is None:
        first = Sql(_OF_TYPE, (type_number(query.type),))
        source = "search c"
    elif len(driver.terms) == 1 and driver.terms[0].equal and driver.terms[0].table == "search":
        first = Sql(driver.terms[0].where, driver.terms[0].args)
        source = "search c"
    elif len(driver.terms) == 1 and driver.terms[0].table == "resource":
        first = Sql(driver.terms[0].where, driver.terms[0].args)
        source = RESOURCES
    else:
        keys = _keys(driver.terms)
        first = Sql(f"c.key IN ({keys.text})", keys.args)
        source = RESOURCES
    parts = [first, *probes]
    return _Found(source, " AND ".join(part.text for part in parts), tuple(arg for part in parts for arg in part.args))


def _order(number: int, sort: Sort) -> str:
    """Columns of the store always have a value; results without one of a parameter come last."""
    column = f"v{number}{' DESC' if sort.descending else ''}"
    return column if sort.parameter.kept != "index" else f"v{number} IS NULL, {column}"


def _sort_value(sort: Sort, number: int, found: _Found) -> tuple[str, list[Any], str, list[Any]]:
    """A column with what a result is sorted by, its arguments, and a join that it may need with its arguments.

    Of several values the first counts, in the direction of the sort. Kinds without an index by resource are gathered
    once for all results.
    """
    parameter, function = sort.parameter, "max" if sort.descending else "min"
    if parameter.kept != "index" and found.source == RESOURCES:
        return f"c.{parameter.kept}", [], "", []
    if parameter.kept != "index":
        return f"(SELECT {parameter.kept} FROM resource WHERE resource.key = c.key)", [], "", []
    terms = [slot_term(use) for use in parameter.uses]
    args = [arg for term in terms for arg in term.args]
    if all(term.by_key for term in terms):
        rows = " UNION ALL ".join(
            f"SELECT value FROM {table} AS s WHERE {term.where} AND s.key = c.key" for term in terms for table in _BOTH
        )
        twice = [arg for term in terms for arg in term.args * len(_BOTH)]
        return f"(SELECT {function}(value) FROM ({rows}))", twice, "", []
    rows = " UNION ALL ".join(f"SELECT key AS k, value AS v FROM search WHERE {term.where}" for term in terms)
    join = f" LEFT JOIN (SELECT k, {function}(v) AS v FROM ({rows}) GROUP BY k) s{number} ON s{number}.k = c.key"
    return f"s{number}.v", [], join, args


def _beyond(sorts: Sequence[Sort], after: Position | None) -> tuple[str, list[Any]]:
    """WHERE the rows after a position lie; results without a value come last, in either direction."""
    if after is None:
        return "", []
    alternatives, args = [], []
    equal: list[str] = []
    for number, (sort, value) in enumerate(zip(sorts, after.values, strict=True), start=1):
        if value is not None:
            beyond = f"v{number} {'<' if sort.descending else '>'} ?"
            beyond = beyond if sort.parameter.kept != "index" else f"({beyond} OR v{number} IS NULL)"
            alternatives.append(" AND ".join([*equal, beyond]))
            args += [*after.values[: number - 1], value]
        equal.append(f"v{number} IS ?")
    alternatives.append(" AND ".join([*equal, "key > ?"]))
    return f" WHERE ({') OR ('.join(alternatives)})", [*args, *after.values, after.key]


def _is_scan(criterion: Criterion | Reverse) -> bool:
    return isinstance(criterion, Criterion) and criterion.parameter.kept == "scan"


def _keys(terms: Sequence[Term]) -> Sql:
    """The keys of all rows that some term holds for."""
    if not terms:
        return Sql("SELECT NULL WHERE 0")
    text = " UNION ALL ".join(f"SELECT {term.column} FROM {term.table} WHERE {term.where}" for term in terms)
    return Sql(text, tuple(arg for term in terms for arg in term.args))


def _probe(condition: _Condition, key: str) -> Sql:
    """The condition asked of one candidate."""
    parts: list[str] = []
    args: list[Any] = []
    for term in condition.terms:
        if term.by_key:
            row = f"{term.table}.{term.column}"
            parts.append(f"EXISTS (SELECT 1 FROM {term.table} WHERE {term.where} AND {row} = {key})")
        else:
            parts.append(f"{key} IN (SELECT {term.column} FROM {term.table} WHERE {term.where})")
        args += term.args
    text = f"({' OR '.join(parts)})" if parts else "0"
    return Sql(f"NOT {text}" if condition.negative else text, tuple(args))


def _condition(type_name: str, criterion: Criterion | Reverse, key_of: KeyOf) -> _Condition:
    if isinstance(criterion, Reverse):
        return _reverse(criterion, key_of)
    if criterion.parameter.kept != "index":
        return _column(type_name, criterion)
    if criterion.chain:
        return _Condition(4, tuple(_chained(criterion, key_of)))
    if criterion.modifier == "missing":
        return _Condition(9, tuple(presence_terms(criterion)), criterion.missing)
    terms = tuple(value_terms(criterion, key_of))
    return _Condition(_rank(criterion, terms), terms, criterion.modifier == "not")


def _rank(criterion: Criterion, terms: tuple[Term, ...]) -> int:
    """How few rows a criterion is likely to leave, by its kind alone: 0 is one resource, 9 nearly all."""
    if criterion.parameter.code == "identifier" or criterion.modifier == "identifier":
        return 1
    if criterion.parameter.kind == "reference":
        return 2 if criterion.parameter.code in ("patient", "subject", "encounter") else 3
    if criterion.parameter.kind == "string":
        return 7 if criterion.modifier == "contains" else 4
    if criterion.parameter.kind == "token":
        return 7 if all(use.slot.without_system for use in criterion.parameter.uses) else 5
    return 6 if all(term.equal for term in terms) else 8


def _column(type_name: str, criterion: Criterion) -> _Condition:
    """_id and _lastUpdated are columns of the store."""
    terms = []
    for value in criterion.values:
        recent = False
        condition, args = "id = ?", ()  # type: tuple[str, tuple[Any, ...]]
        if isinstance(value, TokenValue):
            args = (value.code,)
        elif isinstance(value, DateValue):
            condition, args = date_condition(value, "updated", "updated")
            recent = value.prefix in (
                "eq",
                "ge",
                "gt",
                "sa",
                "ap",
            )  # Then the index on updated finds fewer than type's.
        of_type = "+type = ?" if recent else "type = ?"
        terms.append(Term(f"{of_type} AND {LIVE} AND {condition}", (type_number(type_name), *args), table="resource"))
    return _Condition(0 if criterion.parameter.kept == "id" else 7, tuple(terms))


def _results(type_name: str, criterion: Criterion, key_of: KeyOf) -> Sql:
    """All resources of a type that meet one criterion, as a set of keys."""
    condition = _condition(type_name, criterion, key_of)
    if not condition.negative:
        return _keys(condition.terms)
    probe = _probe(condition, "r.key")
    return Sql(
        f"SELECT r.key FROM search r WHERE {_OF_TYPE} AND {probe.text}",
        (type_number(type_name), *probe.args),
    )


def _chained(criterion: Criterion, key_of: KeyOf) -> list[Term]:
    terms = []
    for chain in criterion.chain:
        inner = _results(chain.type, chain.criterion, key_of)
        for use in criterion.parameter.uses:
            if use.target in ("", chain.type):
                terms.append(slot_term(use, f"value IN ({inner.text})", inner.args))
    return terms


def _reverse(reverse: Reverse, key_of: KeyOf) -> _Condition:
    """Targets of those that meet the criterion: rows of the reference's slot, by key, give their value."""
    inner = _results(reverse.type, reverse.criterion, key_of)
    terms = []
    for use in reverse.reference.uses:
        term = slot_term(use, f"key IN ({inner.text}) AND typeof(value) = 'integer'", inner.args)
        terms.append(Term(term.where, term.args, column="value"))
    return _Condition(6, tuple(terms))
