"""Reminders that should have ended: a loss, a death or a dose came with the exchange, from a clinic that did not know of them, or with an
import, which looks at no single resource.

Looked at after an exchange that brought something, and told to the hub in the same run, before it sends a message; and after an import.
Only what changed since the last look is looked at, and only the records of those whom it concerns and who have reminders are read. After
many changes, or with other rules, it is everybody with an open reminder. A look that was not finished is begun again.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from edge_node import endings
from edge_node.fhir.query import parse_query
from edge_node.maternal.ending import OPEN
from edge_node.maternal.reading import about, ref_of, target, targets
from edge_node.rules_version import rules_version
from edge_node.store import following, rows, searching
from edge_node.store.connection import Connection
from edge_node.store.consequences import follow, of_record, with_reminders
from edge_node.store.following import Position
from edge_node.store.model import Author
from edge_node.store.store import Store
from sync_protocol.resource import gone

FOLLOWER: Final = "reminders"
CHANGES_MAX: Final = 1_000
"""After more changes everybody with an open reminder is looked at."""
AT_ONCE_MAX: Final = 50
"""So many are looked at while nobody else writes; more in a snapshot."""
CHANGES_A_SLICE: Final = 200
RULES: Final = "reminders-rules"
"""In `meta`: the version of the rules by which all open reminders were looked at."""
NOBODY: Final = Author("reminders", "none")
"""Who ends a reminder that no person's write ended."""


def end_reminders(store: Store, now_ms: int, random_bytes: Callable[[int], bytes]) -> bool:
    """Ends reminders that should have ended with what came from elsewhere; whether there were any."""
    rules = rules_version(store.programme)
    with store.transaction() as connection:
        # Mostly little came, and ends nothing: then one transaction is all.
        if _is_little(connection, rules, AT_ONCE_MAX) and next(_stale(connection, store, rules, now_ms), None) is None:
            following.keep(connection, FOLLOWER, following.latest(connection))
            return False
        mark = following.begin(connection, FOLLOWER)
    with store.snapshot() as connection:
        patients = list(_stale(connection, store, rules, now_ms))
    with store.writing() if patients else store.transaction() as connection:
        if following.finish(connection, FOLLOWER, mark):
            connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (RULES, rules))
        found = (of_record(connection, key) for key in patients)
        follow(connection, [one for one in found if one is not None], store.programme, NOBODY, now_ms, random_bytes)
    return bool(patients)


def _stale(connection: Connection, store: Store, rules: str, now_ms: int) -> Iterator[int]:
    """Keys of the patients with a reminder that should have ended. At one moment: within a snapshot or a transaction."""
    little = _is_little(connection, rules, CHANGES_MAX)
    found = _changed(connection, following.at(connection, FOLLOWER)) if little else _open(connection, now_ms)
    whose = sorted({name for name in found if name.startswith("Patient/")})
    for one in with_reminders(connection, whose):
        if endings.ended(one.id, one.before, one.before, store.programme):
            yield one.key


def _is_little(connection: Connection, rules: str, most: int) -> bool:
    """Whether no more than `most` changed since these rules looked."""
    known = connection.execute("SELECT value FROM meta WHERE name = ?", (RULES,)).fetchone()
    return known == (rules,) and following.number(connection, following.at(connection, FOLLOWER), most + 1) <= most


def _changed(connection: Connection, position: Position) -> Iterator[str]:
    """Whom the changes from a position on concern, or concerned before."""
    while some := following.changed(connection, position, CHANGES_A_SLICE):
        for one in some:
            if one.type in endings.TYPES or one.type in endings.REMINDERS:
                for resource in following.versions(connection, one):
                    if not gone(resource):
                        yield from _concerned(rows.shown_of(resource))
        position = some[-1].after


def _concerned(resource: Mapping[str, Any]) -> Iterator[str]:
    """Whose reminders may have to end by this resource, or by its going: of a patient any change, and to whom she is linked."""
    if resource["resourceType"] == "Patient":
        links = resource.get("link")
        others = [one.get("other") for one in links if isinstance(one, dict)] if isinstance(links, list) else []
        yield from (ref_of(resource), *targets(others))
    elif resource["resourceType"] in endings.REMINDERS:
        yield target(resource.get("for")) or about(resource)
    elif endings.may_end(resource):
        yield about(resource)


def _open(connection: Connection, now_ms: int) -> Iterator[str]:
    """Whom the open reminders of ours are for."""
    asked = [
        ("status", ",".join(sorted(OPEN["Task"]))),
        ("identifier", ",".join(f"{system}|" for system in endings.SYSTEMS)),
        ("_count", str(searching.COUNT_MAX)),
    ]
    query = parse_query("Task", asked, now_ms=now_ms)
    page = searching.search(connection, query)
    while True:
        yield from (target(rows.object_of(found.body or b"{}").get("for")) for found in page.found)
        if page.next is None:
            return
        page = searching.search(connection, query, page.next)
