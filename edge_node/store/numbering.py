"""Patient numbers of this node: its own part kept in the database, the serial drawn anew while somebody here has it."""

from collections.abc import Callable
from typing import Final

from edge_node.errors import StorageFault
from edge_node.store.connection import Connection
from sync_protocol.matching import numbers
from sync_protocol.matching.numbers import PatientNumber

NODE: Final = "patient-number-node"
"""In `meta`: drawn once. A copy of the disk has the same; its serials are drawn by another chance all the same."""
DRAWS_MAX: Final = 1_000
"""With half of a node's million serials given, a thousand draws all fall on them with probability 2⁻¹⁰⁰⁰."""

_CHANCE_BYTES: Final = 8


def new_number(connection: Connection, random_bytes: Callable[[int], bytes]) -> PatientNumber:
    """A number that no patient here has. Within a write transaction. Raises StorageFault when the node's serials are used up."""
    node = _node(connection, random_bytes)
    for _ in range(DRAWS_MAX):
        number = numbers.make(node, int.from_bytes(random_bytes(_CHANCE_BYTES), "big"))
        if not _is_known(connection, number):
            return number
    raise StorageFault("This node has given all its patient numbers")


def _node(connection: Connection, random_bytes: Callable[[int], bytes]) -> int:
    """This node's part, drawn when it is first asked for."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (NODE,)).fetchone()
    if row is not None:
        return int(row[0])
    drawn = numbers.node_number(int.from_bytes(random_bytes(_CHANCE_BYTES), "big"))
    connection.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (NODE, drawn))
    return drawn


def _is_known(connection: Connection, number: PatientNumber) -> bool:
    """Whether any patient here has it, of whatever system: somebody may have typed it off a card."""
    query = "SELECT EXISTS (SELECT 1 FROM patient_text WHERE patient_text MATCH ?)"
    return bool(connection.execute(query, (f'identifier : "{number.digits}"',)).fetchone()[0])
