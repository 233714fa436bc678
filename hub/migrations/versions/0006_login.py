"""Logging in at the hub: sessions, the keys that sign tokens, one-time codes; operators of a region."""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    "ALTER TABLE account ADD COLUMN region text NOT NULL DEFAULT ''",  # of an operator; '': all
    "ALTER TABLE account ADD COLUMN hub_secret text NOT NULL DEFAULT ''",  # Argon2id of the peppered password, PHC
    """
    CREATE TABLE session (
        id         text PRIMARY KEY,
        name       text NOT NULL,
        begun      timestamptz NOT NULL,
        used       timestamptz NOT NULL,          -- to the minute
        ends       timestamptz NOT NULL,
        ended      timestamptz,
        generation int NOT NULL DEFAULT 0,        -- of its refresh token
        turned     timestamptz NOT NULL           -- when that was given
    )
    """,
    "CREATE INDEX session_name ON session (name) WHERE ended IS NULL",
    "CREATE INDEX session_ends ON session (ends)",
    """
    CREATE TABLE login_key (
        kid     text PRIMARY KEY,                 -- RFC 7638 thumbprint
        private bytea NOT NULL,                   -- Ed25519, sealed
        made    timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE account_code (
        name      text PRIMARY KEY,
        secret    bytea NOT NULL,                 -- of the one-time codes, sealed
        confirmed boolean NOT NULL,
        last_step bigint NOT NULL DEFAULT 0       -- of the last code that was taken: each is taken once
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
