"""People who may log in at nodes: the hub says who, and how each of them is newer than what it said before."""

from alembic import op

revision = "0003"
down_revision = "0002"

# `facility` has no foreign key: what a node gives back after a restore may name one that was forgotten too.
PEOPLE = """
CREATE TABLE account (
    name     text PRIMARY KEY,
    facility text NOT NULL DEFAULT '',            -- '': of none
    role     text NOT NULL,
    secret   text NOT NULL,                       -- Argon2id, PHC
    patient  text NOT NULL DEFAULT '',            -- the Patient that a citizen is
    disabled boolean NOT NULL DEFAULT false,
    revision bigint NOT NULL,                     -- ms since 1970, and always more than before
    created  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX account_facility ON account (facility);
CREATE TABLE account_left (
    name     text NOT NULL,
    facility text NOT NULL,                       -- where the account was once
    revision bigint NOT NULL,
    PRIMARY KEY (facility, name)
);
CREATE TABLE account_clock (
    revision bigint NOT NULL,
    single   boolean NOT NULL DEFAULT true UNIQUE CHECK (single)
)
"""


def upgrade() -> None:
    for statement in PEOPLE.split(";\n"):
        op.execute(statement)
