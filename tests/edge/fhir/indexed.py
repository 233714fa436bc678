"""A store's two tables as search_sql expects them, filled with examples, in the real SQLite library."""

from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import sqlcipher3

from edge_node.fhir.definitions import CONTRACT_TYPES, type_number
from edge_node.fhir.extraction import index_rows
from edge_node.fhir.parameters import slots_of
from edge_node.fhir.readers import Row, local_target
from edge_node.fhir.search_sql import SEARCH_TABLES, TYPE_SLOT, Sql
from tests.edge.fhir import samples

SCHEMA = f"""
CREATE TABLE resource (key INTEGER PRIMARY KEY, type INTEGER NOT NULL, id TEXT NOT NULL, updated INTEGER NOT NULL,
                       state BLOB, flags INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE UNIQUE INDEX resource_name ON resource (type, id);
CREATE INDEX resource_updated ON resource (updated) WHERE state IS NOT NULL;
{SEARCH_TABLES}
"""
BIRTH_MS = 1_700_000_000_000


class Indexed:
    """The tables, and what is in them by key."""

    def __init__(self, resources: list[dict[str, Any]]) -> None:
        self.connection = sqlcipher3.connect(":memory:")
        self.connection.executescript(SCHEMA)
        self.resources: dict[int, dict[str, Any]] = {}
        self.rows: dict[int, list[Row]] = {}
        references = {slot.number for name in CONTRACT_TYPES for slot in slots_of(name) if slot.kind == "reference"}
        for number, resource in enumerate(resources):
            updated = BIRTH_MS + number * 1000
            stamp = datetime.fromtimestamp(updated / 1000).astimezone().isoformat(timespec="milliseconds")
            resource["meta"] = {**resource.get("meta", {}), "lastUpdated": stamp}
            key = self.intern(resource["resourceType"], resource["id"])
            self.connection.execute("UPDATE resource SET updated = ?, state = x'00' WHERE key = ?", (updated, key))
            self.resources[key] = resource
            self.rows[key] = index_rows(resource)
            stored: list[Any] = [(TYPE_SLOT, type_number(resource["resourceType"]), key, 0)]
            for slot, value, extra in self.rows[key]:
                target = local_target((slot, value, extra)) if slot in references else None
                stored.append((slot, self.intern(*target) if target else value, key, extra))
            table = "search_recent" if number % 3 == 0 else "search_index"
            self.connection.executemany(f"INSERT INTO {table} (slot, value, key, extra) VALUES (?, ?, ?, ?)", stored)
        # One that is gone: its rows are gone with it, the resource's stays.
        gone = self.intern("Patient", "gone")
        self.connection.execute("UPDATE resource SET state = x'00', flags = 1 WHERE key = ?", (gone,))

    def key_of(self, type_name: str, id_: str) -> int | None:
        sql = "SELECT key FROM resource WHERE type = ? AND id = ?"
        found = self.connection.execute(sql, (type_number(type_name), id_)).fetchone()
        return found[0] if found else None

    def intern(self, type_name: str, id_: str) -> int:
        sql = "INSERT INTO resource (type, id, updated) VALUES (?, ?, 0) ON CONFLICT DO NOTHING"
        self.connection.execute(sql, (type_number(type_name), id_))
        key = self.key_of(type_name, id_)
        assert key is not None
        return key

    def run(self, sql: Sql) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(sql.text, sql.args))

    def plan(self, sql: Sql) -> str:
        return "\n".join(row[3] for row in self.connection.execute(f"EXPLAIN QUERY PLAN {sql.text}", sql.args))

    def of_type(self, type_name: str) -> dict[int, list[Row]]:
        return {key: rows for key, rows in self.rows.items() if self.resources[key]["resourceType"] == type_name}


def _with_local_references(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    """A transaction's resources with the references among them rewritten, as an import does."""
    text = msgspec.json.encode([entry["resource"] for entry in bundle["entry"]]).decode()
    for entry in bundle["entry"]:
        resource = entry["resource"]
        text = text.replace(f'"{entry["fullUrl"]}"', f'"{resource["resourceType"]}/{resource["id"]}"')
    found: list[dict[str, Any]] = samples.decode(text)
    return found


@cache
def indexed() -> Indexed:
    """HL7's examples, four made resources of each type, and eight Synthea patients."""
    resources = [
        {"id": "no-id", **resource}
        for resource in samples.hl7_examples().values()
        if resource["resourceType"] in CONTRACT_TYPES
    ]
    for type_name in CONTRACT_TYPES:
        few = 11 if type_name == "Measure" else 4  # It has a parameter for each kind of related artifact.
        resources += [{**one, "id": f"made-{n}"} for n, one in enumerate(samples.generated(type_name)[:few])]
    shared = {"system": "phone", "value": "0700 1"}
    twice = [{**shared, "use": "home"}, {**shared, "use": "work"}]
    resources.append({"resourceType": "Patient", "id": "one-phone-twice", "telecom": twice})
    for bundle in samples.synthea_bundles()[:8]:
        resources += _with_local_references(bundle)
    return Indexed(list({(one["resourceType"], one["id"]): one for one in resources}.values()))
