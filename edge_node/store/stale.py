"""Reminders that should have ended: a loss came with the exchange, from a clinic that did not know of them.

Looked at after an exchange that brought something, and told to the hub in the same run, before it sends a message.
"""

from collections.abc import Callable, Sequence
from typing import Final

from edge_node import endings
from edge_node.fhir.query import parse_query
from edge_node.maternal.ending import OPEN
from edge_node.maternal.reading import target
from edge_node.maternal.reminders import REMINDER_KEY
from edge_node.store import reading, rows, searching
from edge_node.store.connection import Connection
from edge_node.store.consequences import Watched, follow, record_of
from edge_node.store.model import Author
from edge_node.store.store import Store

LOOKED_AT_MAX: Final = 1_000
"""So many open reminders are looked at after an exchange: more than a clinic has open at a time; the next exchange looks again."""
NOBODY: Final = Author("reminders", "none")
"""Who ends a reminder that no person's write ended."""


def end_reminders(store: Store, now_ms: int, random_bytes: Callable[[int], bytes]) -> bool:
    """Ends reminders that should have ended with what came from elsewhere; whether there were any."""
    with store.snapshot() as connection:
        patients = stale(connection, now_ms)
    if patients:
        with store.writing() as connection:
            end_stale(connection, patients, NOBODY, now_ms, random_bytes)
    return bool(patients)


def stale(connection: Connection, now_ms: int) -> list[int]:
    """Keys of patients with an open reminder that should have ended: a loss came with the exchange, from another clinic that did not
    know of it. Looks at patients with open reminders only. Within a snapshot."""
    statuses = ("status", ",".join(sorted(OPEN["Task"])))
    query = parse_query(
        "Task", [statuses, ("identifier", f"{REMINDER_KEY}|"), ("_count", str(LOOKED_AT_MAX))], now_ms=now_ms
    )
    whose = {
        target(rows.object_of(found.body or b"{}").get("for")) for found in searching.search(connection, query).found
    }
    keys = (reading.key_of(connection, *name.split("/", 1)) for name in sorted(whose) if name.startswith("Patient/"))
    return [key for key in keys if key is not None and _ends_something(connection, key)]


def _ends_something(connection: Connection, key: int) -> bool:
    record = record_of(connection, key)
    if not record or record[0][0].key != key:
        return False
    resources = [resource for _, resource in record]
    return bool(endings.ended(record[0][0].id, resources, resources))


def end_stale(
    connection: Connection, patients: Sequence[int], author: Author, now_ms: int, random_bytes: Callable[[int], bytes]
) -> None:
    """Ends those reminders of these patients. Within a write transaction."""
    records = [(key, record_of(connection, key)) for key in patients]
    concerned = [
        Watched(key, record[0][0].id, tuple(resource for _, resource in record)) for key, record in records if record
    ]
    follow(connection, concerned, author, now_ms, random_bytes)
