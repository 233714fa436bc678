"""What belongs to a facility besides its records, read on one shard and written on another: nodes, people, counts, what is held for it.

`TABLES` names every table that goes along when a facility moves to another shard, and how its rows are found and numbered anew; `STAY`
every other one, and why it stays. A test compares both with the tables that there are.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from hub.postgres.engine import Connection
from hub.store.pregnancies import follow_all

Found = Literal["facility", "scope", "node", "record", "upload"]


class Table(Struct, frozen=True):
    """A table whose rows go along. `by`: what finds them; `column`: where that stands; `key`, `scope`, `rkey`: columns with numbers and
    keys that are each shard's own; `sealed`: what is sealed under `rkey`; `made`: a column that the database fills in anew; `replaced`: by
    what a row here is known to be the same."""

    name: str
    by: Found
    column: str
    key: str = ""
    scope: str = ""
    rkey: str = ""
    sealed: str = ""
    made: str = ""
    replaced: str = ""


TABLES: Final = (
    Table("node", "facility", "facility"),
    Table("invite", "facility", "facility"),
    Table("incarnation", "node", "node", replaced="id"),
    Table("account", "facility", "facility"),
    Table("account_left", "facility", "facility"),
    Table("exchange", "node", "node"),
    Table("fact", "scope", "scope", scope="scope"),
    Table("arrival", "scope", "scope", scope="scope"),
    Table("maternal", "scope", "scope", key="key", scope="scope"),
    Table("pregnancy", "scope", "scope", scope="scope"),
    Table("parked", "scope", "scope", scope="scope", rkey="rkey", sealed="state", made="id"),
    Table("quarantine", "scope", "scope", scope="scope", rkey="rkey", sealed="payload", made="id"),
    Table("conflict", "scope", "scope", scope="scope", rkey="rkey"),
    Table("blob", "scope", "scope", scope="scope", made="number"),
    Table("blob_upload", "scope", "scope", scope="scope", made="number"),
    Table("blob_piece", "upload", "upload"),
    Table("referral", "record", "key", key="key", scope="source", made="number"),
)
STAY: Final[Mapping[str, str]] = {
    "resource": "copied in slices before (hub/mirroring.py)",
    "feed": "the same",
    "lineage": "the same",
    "former": "the same",
    "clue": "made anew from the records as they come",
    "maternal_stale": "what is to be followed here; all that comes is",
    "recount": "of the shard",
    "refreshed": "of the shard",
    "copied": "numbers of what came here",
    "blob_loose": "objects to be deleted, from wherever",
    "blob_mark": "how far this shard has looked",
    "session": "the hub's",
    "login_key": "the hub's",
    "account_code": "of people who log in at the hub",
    "export_job": "the hub's",
    "export_place": "the hub's",
    "export_part": "the hub's",
    "clue_backfill": "of the shard",
    "duplicate": "found anew by the clues",
    "duplicate_due": "the same",
    "scope": "known on every shard of the region",
    "facility": "known on every shard of the region",
    "node_scope": "made anew: numbers of scopes are each shard's own",
    "region": "the map's, and known where its facilities are",
    "relay": "goes to the shard that it names, from wherever it is",
    "relayed": "what this shard took",
    "audit": "what was done on this shard",
    "account_clock": "of the database",
    "heartbeat": "of the database",
    "key_master": "of the database",
    "key_rotation": "of the database: each seals anew what it has",
    "shard_self": "of the database",
    "hub_identity": "of the hub",
    "shard": "the map",
    "region_shard": "the map",
    "facility_place": "the map",
    "facility_move": "the map",
    "shard_map_version": "the map",
    "alembic_version": "of the database",
}
"""Tables that stay → why."""

CONDITIONS: Final[Mapping[Found, str]] = {
    "facility": "{column} = $1",
    "scope": "{column} = $2",
    "node": "{column} IN (SELECT id FROM node WHERE facility = $1)",
    "upload": "{column} IN (SELECT id FROM blob_upload WHERE scope = $2)",
    "record": "{column} IN (SELECT key FROM resource WHERE scope = $2)",
}
"""How rows are found by a facility, $1, and its scope's number, $2."""


class Numbering(Struct, frozen=True):
    """How numbers and keys there become those here: of records, of scopes, of records' keys, and what is sealed under such a key."""

    keys: Callable[[Sequence[int]], Awaitable[Mapping[int, int]]]
    scopes: Callable[[Sequence[int]], Awaitable[Mapping[int, int]]]
    rkeys: Callable[[Sequence[bytes]], Awaitable[Mapping[bytes, bytes]]]
    reseal: Callable[[bytes, bytes, bytes], bytes]


async def carry(
    there: Connection, here: Connection, facility: str, scopes: tuple[int, int], numbering: Numbering
) -> None:
    """Brings all rows of all tables here, instead of any that came before. `scopes`: the facility's number there and here."""
    await leave(here, facility, scopes[1])
    for table in TABLES:
        rows = [dict(row) for row in await there.fetch(f"SELECT * FROM {_found(table)}", facility, scopes[0])]
        if rows:
            await _renumber(table, rows, numbering)
            await _write(here, table, rows)
    await follow_all(here, scopes[1])


async def leave(connection: Connection, facility: str, scope: int) -> None:
    """What was carried is not here any more."""
    await connection.execute("DELETE FROM node_scope WHERE node IN (SELECT id FROM node WHERE facility = $1)", facility)
    for table in reversed(TABLES):
        await connection.execute(f"DELETE FROM {_found(table)}", facility, scope)


def _found(table: Table) -> str:
    condition = CONDITIONS[table.by].format(column=table.column)
    return f"{table.name} WHERE {condition} AND $1::text IS NOT NULL AND $2::int IS NOT NULL"


async def _renumber(table: Table, rows: list[dict[str, Any]], numbering: Numbering) -> None:
    keys = await numbering.keys([row[table.key] for row in rows]) if table.key else {}
    scopes = await numbering.scopes([row[table.scope] for row in rows]) if table.scope else {}
    rkeys = await numbering.rkeys([row[table.rkey] for row in rows if row[table.rkey]]) if table.rkey else {}
    for row in rows:
        if table.key:
            row[table.key] = keys[row[table.key]]
        if table.scope:
            row[table.scope] = scopes.get(row[table.scope], row[table.scope])
        if table.rkey and (after := rkeys.get(row[table.rkey])):
            if table.sealed:
                row[table.sealed] = numbering.reseal(row[table.rkey], after, row[table.sealed])
            row[table.rkey] = after


async def _write(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if table.replaced:
        there = [row[table.replaced] for row in rows]
        await connection.execute(f"DELETE FROM {table.name} WHERE {table.replaced} = ANY($1)", there)
    columns = [column for column in rows[0] if column != table.made]
    records = [tuple(_written(row[column]) for column in columns) for row in rows]
    await connection.copy_records_to_table(table.name, records=records, columns=columns)


def _written(value: Any) -> Any:
    """A value as COPY takes it: what is JSON was decoded when it was read."""
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else value
