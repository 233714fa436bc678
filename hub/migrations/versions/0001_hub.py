"""The hub's own tables and those of a shard."""

from alembic import op

revision = "0001"
down_revision = None

# The hub: who it is, which region's data are where, who may talk to it.
HUB = """
CREATE TABLE hub_identity (
    hub_id  text PRIMARY KEY,
    secrets bytea NOT NULL,                       -- wrapped by the master key
    created timestamptz NOT NULL DEFAULT now(),
    single  boolean NOT NULL DEFAULT true UNIQUE CHECK (single)
);
CREATE TABLE shard (
    id  int PRIMARY KEY,
    dsn text                                      -- null: this database
);
CREATE TABLE region (
    name  text PRIMARY KEY,
    shard int NOT NULL REFERENCES shard
);
CREATE TABLE shard_map_version (
    version bigint NOT NULL,
    single  boolean NOT NULL DEFAULT true UNIQUE CHECK (single)
);
INSERT INTO shard (id) VALUES (1);
INSERT INTO shard_map_version (version) VALUES (1);

CREATE TABLE audit (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     timestamptz NOT NULL DEFAULT now(),
    actor  text NOT NULL,
    action text NOT NULL,
    object text NOT NULL
);
"""

# A shard: scopes and who holds them. Counters are updated by every commit: room on the page keeps those updates HOT.
SCOPES = """
CREATE TABLE scope (
    id       int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name     text NOT NULL UNIQUE,                -- facility/ID, region/NAME, global
    kind     text NOT NULL CHECK (kind IN ('facility', 'region', 'global')),
    seq      bigint NOT NULL DEFAULT 0,
    epoch    bigint NOT NULL DEFAULT 0,
    digest   bytea NOT NULL DEFAULT '\\x00000000000000000000000000000000' CHECK (length(digest) = 16),
    data_key bytea NOT NULL                       -- wrapped by the master key
) WITH (fillfactor = 20);
CREATE TABLE lineage (
    scope     int NOT NULL REFERENCES scope,
    epoch     bigint NOT NULL,
    start_seq bigint NOT NULL,                    -- the last seq before this epoch's first
    begun     timestamptz NOT NULL DEFAULT now(),
    ordinal   bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (scope, epoch)
);
CREATE TABLE facility (
    id      text PRIMARY KEY,
    name    text NOT NULL,
    region  text NOT NULL REFERENCES region,
    scope   int NOT NULL UNIQUE REFERENCES scope,
    created timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE node (
    id              text PRIMARY KEY,
    facility        text NOT NULL REFERENCES facility,
    role            text NOT NULL CHECK (role IN ('clinic', 'pop')),
    region          text NOT NULL REFERENCES region,
    secret_hash     bytea NOT NULL,
    public_key      bytea,
    state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'revoked', 'wipe', 'wiped')),
    name            text NOT NULL DEFAULT '',
    enrolled        timestamptz NOT NULL DEFAULT now(),
    last_seen       timestamptz,
    clock_offset_ms bigint,
    version         text,
    pending         bigint,
    status          jsonb
) WITH (fillfactor = 50);
CREATE TABLE node_scope (
    node  text NOT NULL REFERENCES node,
    scope int NOT NULL REFERENCES scope,
    PRIMARY KEY (node, scope)
);
CREATE TABLE incarnation (
    id           bigint PRIMARY KEY,
    node         text NOT NULL REFERENCES node,
    base_counter bigint NOT NULL DEFAULT 0,
    acked        bigint NOT NULL DEFAULT 0,
    safe         bigint NOT NULL DEFAULT 0,
    token        bytea NOT NULL DEFAULT '',
    exchanges    bigint NOT NULL DEFAULT 0,
    begun        timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
CREATE INDEX incarnation_node ON incarnation (node);
CREATE TABLE invite (
    code_hash bytea PRIMARY KEY,                  -- keyed
    facility  text NOT NULL REFERENCES facility,
    role      text NOT NULL,
    region    text NOT NULL REFERENCES region,
    created   timestamptz NOT NULL DEFAULT now(),
    expires   timestamptz NOT NULL,
    used      timestamptz,
    node      text REFERENCES node,
    attempts  int NOT NULL DEFAULT 0              -- times it was shown after it was used or had expired
);
"""

# Records. Scopes and nodes are never deleted, so these tables do without foreign keys: a check for every row would lock
# the counter's row and take longer than the insert. States are compressed and sealed before they come here, so Postgres
# does not try to compress them again.
RECORDS = """
CREATE TABLE resource (
    key    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rkey   bytea NOT NULL UNIQUE,                 -- keyed hash of Type/id
    scope  int NOT NULL,
    hash   bytea NOT NULL,
    state  bytea NOT NULL,                        -- sealed with the scope's data key
    stored timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 85);
ALTER TABLE resource ALTER COLUMN state SET STORAGE EXTERNAL;
CREATE INDEX resource_scope ON resource (scope, key);
CREATE TABLE feed (
    scope    int NOT NULL,
    seq      bigint NOT NULL,
    key      bigint NOT NULL,
    source   bigint,                              -- the incarnation it came from
    elements bytea,                               -- keyed hashes of element keys, 4 bytes each; null: all
    PRIMARY KEY (scope, seq)
);
CREATE TABLE parked (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node   text NOT NULL,
    scope  int NOT NULL,
    rkey   bytea NOT NULL,
    state  bytea NOT NULL,
    reason text NOT NULL,
    since  timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE parked ALTER COLUMN state SET STORAGE EXTERNAL;
CREATE INDEX parked_rkey ON parked (rkey);
CREATE TABLE quarantine (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node     text NOT NULL,
    scope    int NOT NULL,
    rkey     bytea,
    reason   text NOT NULL,
    detail   text NOT NULL,
    payload  bytea NOT NULL,
    since    timestamptz NOT NULL DEFAULT now(),
    resolved timestamptz
);
ALTER TABLE quarantine ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE INDEX quarantine_open ON quarantine (id) WHERE resolved IS NULL;
CREATE TABLE conflict (
    rkey     bytea PRIMARY KEY,
    scope    int NOT NULL,
    elements int NOT NULL,
    since    timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE fact (
    scope int NOT NULL,
    day   date NOT NULL,
    kind  text NOT NULL,
    code  text NOT NULL,
    n     bigint NOT NULL,
    PRIMARY KEY (scope, day, kind, code)
) WITH (fillfactor = 70);
"""


def upgrade() -> None:
    for statements in (HUB, SCOPES, RECORDS):
        for statement in statements.split(";\n"):
            if statement.strip():
                op.execute(statement)
