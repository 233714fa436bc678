"""Several shards: the map of them, which one a database is, what is at home elsewhere, and what is on its way to others."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    # The map, in the hub's own database.
    "ALTER TABLE shard DROP COLUMN dsn",
    "ALTER TABLE shard ADD COLUMN address bytea",  # sealed; null: the hub's own database
    "ALTER TABLE shard ADD COLUMN open boolean NOT NULL DEFAULT true",  # whether it takes new regions and facilities
    "ALTER TABLE shard ADD COLUMN timeline int NOT NULL DEFAULT 0",  # the highest that anybody saw
    "ALTER TABLE region ALTER COLUMN shard DROP NOT NULL",  # where its reference data are at home; null outside of the map
    """
    CREATE TABLE region_shard (
        region text NOT NULL REFERENCES region,
        shard  int NOT NULL REFERENCES shard,
        PRIMARY KEY (region, shard)
    )
    """,
    "INSERT INTO region_shard SELECT name, shard FROM region",
    """
    CREATE TABLE facility_place (
        facility text PRIMARY KEY,
        region   text NOT NULL REFERENCES region,
        shard    int NOT NULL REFERENCES shard
    )
    """,
    "INSERT INTO facility_place SELECT facility.id, region, shard FROM facility JOIN region ON region.name = region",
    # Any database.
    """
    CREATE TABLE shard_self (
        hub_id text NOT NULL,
        shard  int NOT NULL,
        single boolean NOT NULL DEFAULT true UNIQUE CHECK (single)
    )
    """,
    "ALTER TABLE scope ADD COLUMN home int",  # the shard where it is at home; null: here
    "ALTER TABLE scope ADD COLUMN moving int",  # the shard that it is being moved to: no patient comes or goes meanwhile
    "ALTER TABLE scope ADD COLUMN moves int NOT NULL DEFAULT 0",  # how often its home changed: each stay is an epoch of its own
    "CREATE TABLE heartbeat (at timestamptz NOT NULL, single boolean NOT NULL DEFAULT true UNIQUE CHECK (single)) WITH (fillfactor = 10)",
    """
    CREATE TABLE relay (
        id     bytea PRIMARY KEY,                 -- random
        number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
        target int NOT NULL,                      -- the shard that has to do it
        scope  int NOT NULL,                      -- of what is to be done, as it is numbered here
        body   bytea NOT NULL,                    -- sealed with that scope's key
        made   timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX relay_scope ON relay (scope)",
    "CREATE TABLE relayed (id bytea PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())",  # taken from others
    "ALTER TABLE relay ALTER COLUMN body SET STORAGE EXTERNAL",
    """
    CREATE TABLE copied (
        scope  int NOT NULL,                      -- a scope that is mirrored here, or was
        source bigint NOT NULL,                   -- a resource's key where it is at home
        key    bigint NOT NULL,                   -- and here
        PRIMARY KEY (scope, source)
    )
    """,
    """
    CREATE TABLE facility_move (
        id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        facility text NOT NULL UNIQUE,            -- in the hub's own database: what is being moved
        source   int NOT NULL,
        target   int NOT NULL,
        begun    timestamptz NOT NULL DEFAULT now()
    )
    """,
    # A node's lives are known where what it wrote has to be judged, also where the node is not.
    "ALTER TABLE incarnation DROP CONSTRAINT incarnation_node_fkey",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
