"""Indexes built while their tables are written to."""

from collections.abc import Mapping

from alembic import op
from sqlalchemy import text


def build(indexes: Mapping[str, str]) -> None:
    """Builds indexes, `{name: what it is on}`, outside of a transaction; those that an earlier try left unfinished, anew.

    A revision that does so does nothing else, since it may be carried out again.
    """
    with op.get_context().autocommit_block():
        for name, on in indexes.items():
            unfinished = text("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid")
            if op.get_bind().execute(unfinished, {"name": name}).first() is not None:
                op.execute(f"DROP INDEX CONCURRENTLY {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {on}")
