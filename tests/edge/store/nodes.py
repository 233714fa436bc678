"""What the tests of the store work with: a key, people, and resources."""

import json
from pathlib import Path
from typing import Any

from edge_node.programme import Programme
from edge_node.store.model import Author, Stored, Write, Written
from edge_node.store.store import Store
from sync_protocol.register import Register, Sibling, Stamp
from sync_protocol.resource import Resource

KEY = bytes(range(32))
AMA = Author("ama", "clinician")
KOFI = Author("kofi", "midwife")
NOW = 1_750_000_000_000


def opened(folder: Path, *, create: bool = True) -> Store:
    return Store.open(folder, KEY, Programme(), create=create)


def patient(**members: Any) -> bytes:
    return json.dumps({"resourceType": "Patient", **members}).encode()


def observation(subject: str, value: str = "10.50", **members: Any) -> bytes:
    text = json.dumps(
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "Hb"},
            "subject": {"reference": subject},
            **members,
        }
    )
    return f'{text[:-1]},"valueQuantity":{{"value":{value},"unit":"g/dL"}}}}'.encode()


def put(
    store: Store, type_: str, id_: str, body: bytes, *, seen: str | None = None, by: Author = AMA, at: int = NOW
) -> Written:
    (written,) = store.write([Write(type_, id_, body, seen=seen)], by, at)
    return written


def shown(stored: Stored | None) -> Any:
    """What people see, without the server's own version and time."""
    assert stored is not None
    assert stored.body is not None
    resource = json.loads(stored.body)
    for name in ("versionId", "lastUpdated"):
        resource["meta"].pop(name)
    if not resource["meta"]:
        del resource["meta"]
    return resource


def foreign(type_: str, id_: str, counter: int, node: int = 99, **units: bytes) -> Resource:
    """A resource as another node wrote it."""
    stamp = Stamp(node, counter, NOW + counter, NOW + counter, "esi", "midwife")
    values = {key: b'{"%b":%b}' % (key.encode(), value) for key, value in units.items()}
    return Resource(
        type_, id_, {key: Register((Sibling(stamp, value),), {node: counter}) for key, value in values.items()}
    )


def search_index_is_that_of_the_rows(store: Store) -> None:
    """The kept search rows are what the shown resources give anew, each in one of the two tables."""
    from edge_node.fhir.search_sql import TYPE_SLOT
    from edge_node.store import indexing, rows

    with store.snapshot() as connection:
        rows_kept = connection.execute("SELECT slot, value, key, extra FROM search").fetchall()
        keys = {
            f"{rows.type_name(connection, type_)}/{id_}": key
            for key, type_, id_ in connection.execute("SELECT key, type, id FROM resource")
        }
        made: set[tuple[Any, ...]] = set()
        for stored in store.read_many(list(keys.values())):
            if stored.body is not None:
                made.add((TYPE_SLOT, rows.find_type(connection, stored.type), stored.key, 0))
                made |= set(indexing.keyed(indexing.search_rows(json.loads(stored.body)), stored.key, keys))
    assert len(rows_kept) == len(set(rows_kept))
    assert set(rows_kept) == made


def digests_are_those_of_the_rows(store: Store) -> None:
    assert store.digests() == store.digests(rebuild=True)
