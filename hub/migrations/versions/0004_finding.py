"""Finding a person across the facilities of a region, and referrals that are to admit her.

`clue` holds keyed hashes of what people are found by: with the database alone nobody can tell who is in it.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    """
    CREATE TABLE clue (
        token bigint NOT NULL,                    -- keyed by region
        key   bigint NOT NULL,                    -- of a Patient
        PRIMARY KEY (token, key)
    )
    """,
    "CREATE INDEX clue_key ON clue (key)",
    """
    CREATE TABLE clue_backfill (
        version   int PRIMARY KEY,                -- of the rules that clues are made by
        after_key bigint NOT NULL DEFAULT 0,      -- records up to here have theirs
        upto_key  bigint NOT NULL                 -- later ones got theirs when they were stored
    )
    """,
    """
    CREATE TABLE referral (
        key    bigint PRIMARY KEY,                -- of the ServiceRequest
        number bigint GENERATED ALWAYS AS IDENTITY,
        source int NOT NULL,                      -- the scope it was said in; 0: by who had no part in her any more
        state  text NOT NULL DEFAULT 'waiting',
        tried  timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX referral_open ON referral (tried) WHERE state IN ('waiting', 'closing')",
    "ALTER TABLE facility ADD COLUMN listed boolean NOT NULL DEFAULT false",
    "CREATE INDEX audit_person_find ON audit (actor, at) WHERE action = 'person.find'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
