"""Reminders that should have ended: a loss, a death or a dose came with the exchange, from a clinic that did not know of them, or with an
import, which looks at no single resource.

Looked at after an exchange that brought something, and told to the hub in the same run, before it sends a message; and after an import.
"""

from collections.abc import Callable, Iterator
from typing import Final

from edge_node import endings
from edge_node.fhir.query import parse_query
from edge_node.maternal.ending import OPEN
from edge_node.maternal.reading import target
from edge_node.store import rows, searching
from edge_node.store.connection import Connection
from edge_node.store.consequences import Watched, follow, of_record
from edge_node.store.model import Author
from edge_node.store.store import Store

LOOKED_AT_MAX: Final = 1_000
"""So many open reminders are looked at after an exchange: more than a clinic has open at a time; the next exchange looks again."""
NOBODY: Final = Author("reminders", "none")
"""Who ends a reminder that no person's write ended."""


def end_reminders(store: Store, now_ms: int, random_bytes: Callable[[int], bytes]) -> bool:
    """Ends reminders that should have ended with what came from elsewhere; whether there were any."""
    with store.snapshot() as connection:
        patients = [
            one.key
            for one in _with_reminders(connection, now_ms)
            if endings.ended(one.id, one.before, one.before, store.programme)
        ]
    if patients:
        with store.writing() as connection:
            found = (of_record(connection, key) for key in patients)
            follow(connection, [one for one in found if one is not None], store.programme, NOBODY, now_ms, random_bytes)
    return bool(patients)


def _with_reminders(connection: Connection, now_ms: int) -> Iterator[Watched]:
    """Everybody with an open reminder of ours, in order of id. Within a snapshot."""
    asked = [
        ("status", ",".join(sorted(OPEN["Task"]))),
        ("identifier", ",".join(f"{system}|" for system in endings.SYSTEMS)),
        ("_count", str(LOOKED_AT_MAX)),
    ]
    tasks = searching.search(connection, parse_query("Task", asked, now_ms=now_ms)).found
    whose = {target(rows.object_of(found.body or b"{}").get("for")) for found in tasks}
    names = (name.removeprefix("Patient/") for name in sorted(whose) if name.startswith("Patient/"))
    keys = dict.fromkeys(key for name in names for key in searching.going_on(connection, name))
    return (one for one in (of_record(connection, key) for key in keys) if one is not None)
