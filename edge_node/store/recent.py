"""Search rows on their way into the index: what a person writes lies in `search_recent` first.

The rows of one resource belong to ten pages of `search_index`, chosen by value, and each page costs its encryption and its place
in the log; in `search_recent`, ordered by resource, they share one. Some hundred rows later all of them are moved, sorted, in the
transaction of the write that finds it full: by then many share a page there too. Searches read both (`edge_node.fhir.search_sql`), so
a row is found from its own commit on, and every row is in exactly one of the tables.
"""

from collections.abc import Sequence
from typing import Final

from edge_node.store.connection import Connection
from edge_node.store.indexing import Entry

ROWS_MAX: Final = 500
"""As many as a search can read besides: eight pages."""
ROWS_A_WRITE_MAX: Final = 100
"""More at once are sorted already, and share pages of the index as they are."""


def write(connection: Connection, added: Sequence[Entry], removed: Sequence[Entry]) -> None:
    """Rows into the index and out of it. `added` is in the index's order."""
    if len(added) + len(removed) > ROWS_A_WRITE_MAX:
        move(connection)
        _remove(connection, "search_index", removed)
        _add(connection, "search_index", added)
        return
    _remove(connection, "search_index", removed)
    _remove(connection, "search_recent", removed)
    _add(connection, "search_recent", added)
    if added and connection.execute("SELECT count(*) FROM search_recent").fetchone()[0] > ROWS_MAX:
        move(connection)


def move(connection: Connection) -> None:
    """Every row here into the index, in its order."""
    connection.execute(
        "INSERT INTO search_index (slot, value, key, extra)"
        " SELECT slot, value, key, extra FROM search_recent ORDER BY slot, value, key"
    )
    connection.execute("DELETE FROM search_recent")


def _remove(connection: Connection, table: str, rows: Sequence[Entry]) -> None:
    if rows:
        connection.executemany(f"DELETE FROM {table} WHERE slot = ? AND value = ? AND key = ? AND extra = ?", rows)


def _add(connection: Connection, table: str, rows: Sequence[Entry]) -> None:
    if rows:
        connection.executemany(f"INSERT INTO {table} (slot, value, key, extra) VALUES (?, ?, ?, ?)", rows)
