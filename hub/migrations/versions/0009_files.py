"""Files that records speak of, and exports. What the files are stands in no row: names are keyed hashes, keys are sealed."""

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS = (
    """
    CREATE TABLE blob (
        name       bytea NOT NULL,                -- keyed hash of the content's SHA-256
        scope      int NOT NULL,
        object     text NOT NULL,                 -- in the store; several scopes may share one after a patient moved
        key        bytea NOT NULL,                -- the object's, sealed with the scope's data key
        size       bigint NOT NULL,
        media_type text NOT NULL,
        made       timestamptz NOT NULL,
        referred   timestamptz NOT NULL,          -- when something was last seen to speak of it
        number     bigint GENERATED ALWAYS AS IDENTITY,
        PRIMARY KEY (name, scope)
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX blob_scope ON blob (scope, number)",
    "CREATE INDEX blob_object ON blob (object)",
    """
    CREATE TABLE blob_upload (
        id       text PRIMARY KEY,
        scope    int NOT NULL,
        author   text NOT NULL,                   -- the node that sends it
        name     bytea NOT NULL,
        key      bytea NOT NULL,                  -- of its pieces, sealed with the scope's data key
        size     bigint NOT NULL,
        received bigint NOT NULL DEFAULT 0,
        pieces   int NOT NULL DEFAULT 0,
        touched  timestamptz NOT NULL,
        number   bigint GENERATED ALWAYS AS IDENTITY
    ) WITH (fillfactor = 50)
    """,
    "CREATE INDEX blob_upload_author ON blob_upload (author)",
    "CREATE INDEX blob_upload_scope ON blob_upload (scope, number)",
    """
    CREATE TABLE blob_piece (
        upload text NOT NULL,
        at     bigint NOT NULL,
        size   int NOT NULL,
        object text NOT NULL,
        PRIMARY KEY (upload, at)
    )
    """,
    """
    CREATE TABLE blob_loose (
        object text PRIMARY KEY,                  -- being written, or to be deleted
        since  timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE blob_mark (
        scope     int PRIMARY KEY,
        begun     timestamptz NOT NULL,           -- of the last look through the scope's records
        after_key bigint NOT NULL DEFAULT 0,
        ended     boolean NOT NULL DEFAULT false
    )
    """,
    """
    CREATE TABLE export_job (
        id       text PRIMARY KEY,
        actor    text NOT NULL,
        region   text NOT NULL,                   -- '': all
        facility text NOT NULL DEFAULT '',        -- of this facility alone
        members  text NOT NULL DEFAULT '',        -- of the members of this Group alone
        request  text NOT NULL,
        types    text[] NOT NULL DEFAULT '{}',
        since    timestamptz,
        state    text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'failed')),
        made     timestamptz NOT NULL,
        instant  timestamptz,                     -- transactionTime
        ended    timestamptz,
        lease    timestamptz,                     -- until when a process works on it
        holder   text NOT NULL DEFAULT '',
        tries    int NOT NULL DEFAULT 0,          -- since it last came on
        rows     bigint NOT NULL DEFAULT 0        -- resources looked at
    ) WITH (fillfactor = 50)
    """,
    "CREATE INDEX export_job_actor ON export_job (actor)",
    """
    CREATE TABLE export_place (
        job       text NOT NULL,
        place     int NOT NULL,                   -- a shard
        after_key bigint NOT NULL DEFAULT 0,
        upto_key  bigint NOT NULL,
        homes     bytea NOT NULL,                 -- scopes that were at home there, and how often they had moved
        PRIMARY KEY (job, place)
    )
    """,
    """
    CREATE TABLE export_part (
        job    text NOT NULL,
        number int NOT NULL,
        kind   text NOT NULL CHECK (kind IN ('output', 'deleted', 'error')),
        type   text NOT NULL,
        count  bigint NOT NULL,
        object text NOT NULL,
        key    bytea NOT NULL,
        size   bigint NOT NULL,                   -- of the gzip file
        PRIMARY KEY (job, number)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
