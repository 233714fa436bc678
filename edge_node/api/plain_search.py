"""Searches of types that no definition is served for, and of all types: by `_id` and `_lastUpdated`.

Whatever was kept can be found again, odd types included.
"""

from collections.abc import Sequence

import msgspec

from edge_node.api.service import Service
from edge_node.fhir.criteria import DateValue, QueryError, read_date, split
from edge_node.fhir.search_sql import TYPE_SLOT
from edge_node.fhir.terms import LIVE, date_condition
from edge_node.store import reading, rows
from edge_node.store.connection import Connection
from edge_node.store.model import Stored

PARAMETERS_MAX = 100
IDS_MAX = 1_000
_RESULTS = frozenset({"_count", "_total", "_summary", "_elements", "_format", "_pretty", "_sort", "_type"})


class Plain(msgspec.Struct, frozen=True):
    """What is asked: each parameter's alternatives. `ignored`: names that mean nothing here."""

    ids: tuple[tuple[str, ...], ...] = ()
    updated: tuple[tuple[DateValue, ...], ...] = ()
    types: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def read(pairs: Sequence[tuple[str, str]], now_ms: int, *, strict: bool) -> Plain:
    """The criteria among a query's pairs. Raises QueryError; with `strict` for names that mean nothing, too."""
    ids: list[tuple[str, ...]] = []
    updated: list[tuple[DateValue, ...]] = []
    types: list[str] = []
    ignored: list[str] = []
    if len(pairs) > PARAMETERS_MAX:
        raise QueryError("too-costly", "_id", f"More than {PARAMETERS_MAX} parameters")
    for name, value in pairs:
        if not value:
            continue
        if name == "_id":
            ids.append(tuple(split(value, ",")[:IDS_MAX]))
        elif name == "_lastUpdated":
            updated.append(tuple(read_date(name, part, now_ms) for part in split(value, ",")))
        elif name == "_type":
            types += split(value, ",")
        elif name not in _RESULTS:
            ignored.append(name)
    if strict and ignored:
        raise QueryError("not-supported", ignored[0], "Here a search is by _id and _lastUpdated alone")
    return Plain(tuple(ids), tuple(updated), tuple(types), tuple(ignored))


def search(
    service: Service, types: Sequence[str], plain: Plain, count: int, after: int = 0
) -> tuple[list[Stored], int | None]:
    """Resources in the order in which they came, and the key after which the next page begins. No types: all."""
    with service.store.snapshot() as connection:
        where, values = _conditions(connection, types, plain)
        found = connection.execute(
            f"SELECT key FROM resource WHERE {where} AND key > ? ORDER BY key LIMIT ?", (*values, after, count + 1)
        ).fetchall()
        keys = [key for (key,) in found[:count]]
        return reading.read_many(connection, keys), keys[-1] if len(found) > count and keys else None


def total(service: Service, types: Sequence[str], plain: Plain) -> int:
    """How many there are."""
    with service.store.snapshot() as connection:
        where, values = _conditions(connection, types, plain)
        return int(connection.execute(f"SELECT count(*) FROM resource WHERE {where}", values).fetchone()[0])


def _conditions(connection: Connection, types: Sequence[str], plain: Plain) -> tuple[str, list[object]]:
    parts = [LIVE]
    values: list[object] = []
    if types:
        numbers = [number for name in types if (number := rows.find_type(connection, name)) is not None]
        of_types = f"slot = {TYPE_SLOT} AND value IN ({','.join('?' * len(numbers))})"
        parts.append(f"key IN (SELECT key FROM search WHERE {of_types})")
        values += numbers
    for ids in plain.ids:
        parts.append(f"id IN ({','.join('?' * len(ids))})")
        values += ids
    for dates in plain.updated:
        alternatives = [date_condition(date, "updated", "updated") for date in dates]
        parts.append("(" + " OR ".join(f"({text})" for text, _ in alternatives) + ")")
        values += [value for _, bound in alternatives for value in bound]
    return " AND ".join(parts), values
