"""Every table goes along with a facility that moves, or is said to stay."""

from hub.runtime import Hub
from hub.store.carrying import STAY, TABLES


async def test_every_table_is_accounted_for(hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = {row["tablename"] for row in rows}
        columns = await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        )
    assert {table.name for table in TABLES} | STAY.keys() == tables
    assert not {table.name for table in TABLES} & STAY.keys()
    there = {(row["table_name"], row["column_name"]) for row in columns}
    for table in TABLES:
        named = {table.column, table.key, table.scope, table.rkey, table.sealed, table.made, table.replaced} - {""}
        assert {(table.name, column) for column in named} <= there
