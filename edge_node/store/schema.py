"""The tables, as forward-only migrations: each is committed together with the record that it ran."""

from edge_node.errors import NewerSchema
from edge_node.fhir.search_sql import SEARCH_TABLES
from edge_node.store.connection import Connection, transaction

HOME_SCOPE = 1
"""The scope of what is written here: `local`, and from enrolment on the facility's."""

_FIRST = """
CREATE TABLE type (
    id INTEGER PRIMARY KEY,          -- FHIR R4 types by their place in the published list; others from 1000
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE scope (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,              -- local, facility, region, global
    epoch INTEGER NOT NULL DEFAULT 0,
    seq INTEGER NOT NULL DEFAULT 0,
    digest BLOB NOT NULL
) STRICT;

CREATE TABLE lineage (
    number INTEGER PRIMARY KEY,      -- the latest has the greatest
    scope INTEGER NOT NULL REFERENCES scope (id) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    UNIQUE (scope, epoch)
) STRICT;

CREATE TABLE resource (
    key INTEGER PRIMARY KEY,
    type INTEGER NOT NULL,           -- REFERENCES type; checked by the only code that writes it
    id TEXT NOT NULL,
    scope INTEGER,                   -- REFERENCES scope; NULL with state
    updated INTEGER NOT NULL,        -- ms since 1970 when this node stored it
    hash BLOB,
    state BLOB,                      -- zstd of sync_protocol.pack; NULL: a mere reference target
    flags INTEGER NOT NULL DEFAULT 0 -- 1 gone, 2 open conflict
) STRICT;
CREATE UNIQUE INDEX resource_name ON resource (type, id);
CREATE INDEX resource_updated ON resource (updated) WHERE state IS NOT NULL; -- no mere targets

CREATE TABLE history (
    key INTEGER NOT NULL,
    number INTEGER NOT NULL,         -- 1 for the first version that was here
    updated INTEGER NOT NULL,
    hash BLOB NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (key, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX history_updated ON history (updated);

CREATE VIRTUAL TABLE patient_text USING fts5 (
    name, phone, identifier, village,
    content = '', contentless_delete = 1, detail = column,
    prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TABLE sync (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    node TEXT NOT NULL,              -- this node's name for people and for its hub
    incarnation INTEGER NOT NULL,
    counter INTEGER NOT NULL,        -- that of the outbox's last row, if there is one
    acked INTEGER NOT NULL,
    settled INTEGER NOT NULL DEFAULT 0, -- acknowledged when nothing else waited: sent in full, too
    safe INTEGER NOT NULL,           -- acknowledged, and in the hub's backups
    exchange INTEGER NOT NULL DEFAULT 0,
    hub TEXT,
    credential TEXT,
    hub_key BLOB,
    facility TEXT,
    region TEXT,
    confirmed_token BLOB,
    receipt BLOB,
    clock_offset_ms INTEGER,
    last_sync INTEGER,
    last_error TEXT,
    pace TEXT                        -- JSON: frame size and back-off
) STRICT;

CREATE TABLE own (
    incarnation INTEGER PRIMARY KEY,
    upto INTEGER NOT NULL,           -- the counter when it ended
    ended TEXT NOT NULL              -- restart, restore, fork
) STRICT;
CREATE TABLE token (token BLOB PRIMARY KEY, highest INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
    counter INTEGER PRIMARY KEY,
    key INTEGER NOT NULL,
    elements TEXT                    -- JSON array of element keys; NULL: all
) STRICT;
CREATE TABLE held (key INTEGER PRIMARY KEY, reason TEXT NOT NULL) STRICT;
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    since INTEGER NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT,
    payload BLOB NOT NULL
) STRICT;
CREATE TABLE conflict (
    key INTEGER NOT NULL,
    element TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (key, element)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    user TEXT NOT NULL,
    role TEXT NOT NULL,
    action TEXT NOT NULL,
    key INTEGER,
    version BLOB,
    detail TEXT
) STRICT;
CREATE TABLE user (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    secret TEXT NOT NULL,            -- Argon2id in PHC form
    disabled INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL
) STRICT;
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY) STRICT;
"""

_DUE = """
CREATE TABLE due (
    list TEXT NOT NULL,              -- which list it stands on
    since INTEGER NOT NULL,          -- days, as date.toordinal() counts them
    patient INTEGER NOT NULL,
    code TEXT NOT NULL,
    overdue INTEGER NOT NULL,
    until INTEGER NOT NULL,
    place TEXT NOT NULL,             -- village of the patient, for lists of one village
    about TEXT NOT NULL,             -- JSON
    PRIMARY KEY (list, since, patient, code)
) STRICT, WITHOUT ROWID;
CREATE INDEX due_patient ON due (patient);
CREATE TABLE due_position (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    rules TEXT NOT NULL,             -- the version of the rules that looked
    updated INTEGER NOT NULL,        -- of resource: all before it was looked at
    key INTEGER NOT NULL,
    walked INTEGER,                  -- while all is derived anew: key of the last patient of whom it was; NULL: of all
    dropped INTEGER NOT NULL         -- what was over before this day is not kept
) STRICT;
"""

_SUBMITTED = """
CREATE TABLE submitted (
    token TEXT PRIMARY KEY,
    at INTEGER NOT NULL,             -- ms since 1970
    location TEXT NOT NULL           -- the page it led to
) STRICT, WITHOUT ROWID;
CREATE INDEX submitted_at ON submitted (at);
"""

_FINDING = """
DROP TABLE patient_text;

-- Folded words (sync_protocol/matching/folding.py), so ASCII alone. `ending`: phone numbers from their last digit; `born`: year, month and
-- day of birth, as digits.
CREATE VIRTUAL TABLE patient_text USING fts5 (
    name, phone, ending, identifier, village, born,
    content = '', contentless_delete = 1, detail = column,
    prefix = '2 3', tokenize = 'ascii'
);

-- Every word that any patient's name or village ever had here, never removed: who has seen `number` has seen all before it.
CREATE TABLE patient_word (number INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE) STRICT;

INSERT INTO meta (name, value) VALUES ('patient-text-unwritten', 1);
"""

_PEOPLE = """
ALTER TABLE user ADD COLUMN origin TEXT NOT NULL DEFAULT 'local';      -- local, or hub
ALTER TABLE user ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;       -- the hub's
ALTER TABLE user ADD COLUMN statement BLOB;                            -- what the hub said, under its MAC
ALTER TABLE user ADD COLUMN unheard INTEGER NOT NULL DEFAULT 0;        -- 1: the hub went back, and has to be told of it
ALTER TABLE user ADD COLUMN barred INTEGER NOT NULL DEFAULT 0;         -- 1: one of the hub's, kept out here
ALTER TABLE user ADD COLUMN patient TEXT;                              -- of a citizen: the Patient that she is
ALTER TABLE user ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;     -- tokens of an earlier one are of no use
ALTER TABLE user ADD COLUMN pin TEXT;                                  -- Argon2id in PHC form
ALTER TABLE user ADD COLUMN wrong INTEGER NOT NULL DEFAULT 0;          -- wrong passwords since the last right one
ALTER TABLE user ADD COLUMN locked_until INTEGER NOT NULL DEFAULT 0;   -- ms since 1970
CREATE TABLE session (
    id TEXT PRIMARY KEY,             -- of the token
    user TEXT NOT NULL,
    seen INTEGER NOT NULL,           -- when it was last used, to the minute
    ends INTEGER NOT NULL,
    locked INTEGER NOT NULL DEFAULT 0,
    wrong INTEGER NOT NULL DEFAULT 0, -- wrong PINs since it was unlocked
    ended INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE opened (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    until INTEGER NOT NULL,
    user TEXT NOT NULL,
    role TEXT NOT NULL,
    patient TEXT NOT NULL,
    reason TEXT NOT NULL,
    reviewed_by TEXT,
    reviewed INTEGER
) STRICT;
CREATE INDEX opened_patient ON opened (patient, at);
CREATE INDEX opened_user ON opened (user, until);
"""

_READINGS = """
CREATE INDEX audit_read ON audit (key, user, at) WHERE action = 'read';
"""

_UPLOADS = """
CREATE TABLE upload (
    user TEXT NOT NULL,
    token TEXT NOT NULL,             -- made by the browser from the file
    number INTEGER NOT NULL,         -- of the chunk, from 0
    at INTEGER NOT NULL,             -- ms since 1970
    hash BLOB NOT NULL,              -- SHA-256
    content BLOB NOT NULL,
    PRIMARY KEY (user, token, number)
) STRICT;
CREATE INDEX upload_at ON upload (at);
"""

_SUBMITTED_WHAT = """
ALTER TABLE submitted ADD COLUMN said TEXT NOT NULL DEFAULT '';  -- who sent what, as a hash; empty: not known
"""

_FOLLOWING = """
CREATE TABLE follower (
    name TEXT PRIMARY KEY,           -- who follows changes: due, reminders
    updated INTEGER NOT NULL,        -- of resource: all before it was looked at
    key INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO follower (name, updated, key) VALUES ('reminders', 0, 0);

-- Its updated and key are a row of follower now; empty, so that all is derived anew.
DROP TABLE due_position;
CREATE TABLE due_position (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    rules TEXT NOT NULL,             -- the version of the rules that looked
    walked INTEGER,                  -- while all is derived anew: key of the last patient of whom it was; NULL: of all
    dropped INTEGER NOT NULL         -- what was over before this day is not kept
) STRICT;
"""

_TWINS = """
CREATE INDEX quarantine_twin ON quarantine (id) WHERE reason = 'SameName';  -- looked through by every merge
"""

_MOVED = """
ALTER TABLE outbox ADD COLUMN moved BLOB; -- in the last row: by how much all of them moved the home scope's digest
"""

MIGRATIONS: tuple[str, ...] = (
    _FIRST + SEARCH_TABLES,
    _DUE,
    _SUBMITTED,
    _FINDING,
    _PEOPLE,
    _READINGS,
    _UPLOADS,
    _SUBMITTED_WHAT,
    _FOLLOWING,
    _TWINS,
    _MOVED,
)
"""What has been released is never changed; what comes is added at the end."""


def migrate(connection: Connection) -> None:
    """Runs what has not run yet. Raises NewerSchema when the database has run more than this program knows."""
    done = _version(connection)
    if done > len(MIGRATIONS):
        raise NewerSchema(f"The database has schema {done}, this program knows {len(MIGRATIONS)}")
    while done < len(MIGRATIONS):
        with transaction(connection):
            done = _version(connection)  # another process may have been first
            if done < len(MIGRATIONS):
                for statement in _statements(MIGRATIONS[done]):
                    connection.execute(statement)
                done += 1
                connection.execute(f"PRAGMA user_version = {done}")


def _version(connection: Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> list[str]:
    """The script's statements; `executescript` would commit before it runs."""
    lines = (line.partition("--")[0] for line in script.splitlines())
    return [statement for statement in "\n".join(lines).split(";") if statement.strip()]


def begin_node(connection: Connection, incarnation: int, digest: bytes) -> None:
    """The rows of a node's first day: a random incarnation, and a scope of its own. Does nothing later on."""
    name = f"node-{incarnation:016x}"
    connection.execute(
        "INSERT INTO sync (one, node, incarnation, counter, acked, safe) VALUES (1, ?, ?, 0, 0, 0)"
        " ON CONFLICT DO NOTHING",
        (name, incarnation),
    )
    connection.execute(
        "INSERT INTO scope (id, name, kind, digest) SELECT ?, 'local', 'local', ?"
        " WHERE NOT EXISTS (SELECT 1 FROM scope WHERE id = ?)",
        (HOME_SCOPE, digest, HOME_SCOPE),
    )
