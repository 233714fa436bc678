"""Keys that are exchanged: what everything is wrapped under, and which scopes are getting another data key. People who are here twice."""

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    """
    CREATE TABLE key_master (
        id     bytea NOT NULL,                    -- names a master key, and tells nothing of it
        since  timestamptz NOT NULL DEFAULT now(),
        single boolean NOT NULL DEFAULT true UNIQUE CHECK (single)
    )
    """,
    """
    CREATE TABLE key_rotation (
        scope     int PRIMARY KEY,
        step      text NOT NULL CHECK (step IN ('announced', 'used', 'sealing', 'sealed', 'stuck')),
        waits     text[],                         -- transactions that may not know of the step; null: nobody looked yet
        place     int NOT NULL DEFAULT 0,         -- which of the tables with sealed rows is at it
        after_row bigint NOT NULL DEFAULT 0,      -- rows of it up to here are under the new key
        version   int,                            -- of the key that they are sealed with
        begun     timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE duplicate (
        first  bigint NOT NULL,                   -- two Patients' records, probably of one person
        second bigint NOT NULL,
        bits   real NOT NULL,                     -- how much speaks for it
        found  timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (first, second)
    )
    """,
    "CREATE INDEX duplicate_second ON duplicate (second)",
    """
    CREATE TABLE duplicate_due (
        id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        key bigint NOT NULL                       -- a Patient's record that came or changed
    )
    """,
    "INSERT INTO duplicate_due (key) SELECT DISTINCT key FROM clue",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
