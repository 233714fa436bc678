"""What the console shows: statements about pregnancies, arrivals, the last exchanges of each node."""

from alembic import op

revision = "0008"
down_revision = "0007"

# Names are keyed hashes of references: with the database alone nobody can tell whose pregnancy it is.
TABLES = """
CREATE TABLE recount (
    version   int NOT NULL,                       -- of the rules by which is counted
    after_key bigint NOT NULL DEFAULT 0,          -- records up to here are counted
    upto_key  bigint NOT NULL,                    -- later ones are counted when they are stored
    begun     xid8 NOT NULL DEFAULT pg_current_xact_id(),
    single    boolean NOT NULL DEFAULT true UNIQUE CHECK (single)
);
CREATE TABLE arrival (
    scope int NOT NULL,
    day   date NOT NULL,                          -- of arrival
    late  smallint NOT NULL,                      -- how late: number of a span of days
    n     bigint NOT NULL,
    PRIMARY KEY (scope, day, late)
) WITH (fillfactor = 70);
CREATE TABLE maternal (
    key      bigint PRIMARY KEY,                  -- of the resource that says it
    scope    int NOT NULL,
    kind     text NOT NULL,
    code     text NOT NULL,
    day      date,
    until    date,
    expected date,
    rank     int NOT NULL,
    episode  bytea,                               -- the pregnancy
    visit    bytea                                -- where it was said
);
CREATE INDEX maternal_episode ON maternal (episode) WHERE episode IS NOT NULL;
CREATE INDEX maternal_visit ON maternal (visit) WHERE visit IS NOT NULL;
CREATE TABLE maternal_stale (
    number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    episode bytea,
    visit   bytea
);
CREATE TABLE pregnancy (
    episode       bytea PRIMARY KEY,
    scope         int NOT NULL,
    began         date,
    expected      date,
    born          date,
    over          boolean NOT NULL,
    contacts      int NOT NULL,
    seen_soon     boolean NOT NULL,
    overdue_from  date,
    overdue_until date
);
ALTER TABLE node ADD COLUMN exchanges bigint NOT NULL DEFAULT 0, ADD COLUMN behind bigint;
CREATE TABLE exchange (
    node    text NOT NULL,
    place   smallint NOT NULL,                    -- the last ones of each node, each in the place of the oldest
    at      timestamptz NOT NULL DEFAULT now(),
    verdict text NOT NULL,
    pushed  int NOT NULL,
    pulled  int NOT NULL,
    refused int NOT NULL,
    parked  int NOT NULL,
    pending bigint NOT NULL,
    behind  bigint NOT NULL,
    PRIMARY KEY (node, place)
) WITH (fillfactor = 70);
CREATE TABLE refreshed (
    view text PRIMARY KEY,
    at   timestamptz NOT NULL,
    ms   int NOT NULL
)
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        op.execute(statement)
