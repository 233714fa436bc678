"""The audit: who did what to which resource, never any content. Written in the transaction of what it tells.

It has no index by resource: that would be one page more in every write. Asked for one resource, which is rare, all of it is read:
ten milliseconds for a hundred thousand entries.
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec

from edge_node.store import rows
from edge_node.store.connection import Connection
from edge_node.store.model import AuditEntry, Author
from sync_protocol import pack

Action = Literal[
    "read",
    "history",
    "list",
    "list-download",
    "month-download",
    "create",
    "update",
    "delete",
    "resolve",
    "import",
    "export",
    "backup",
    "login",
    "login-failed",
    "login-locked",
    "logout",
    "lock",
    "unlock-pin",
    "unlock-password",
    "pin-set",
    "pin-failed",
    "pin-ended-login",
    "break-glass",
    "break-glass-reviewed",
    "audit-read",
    "find-elsewhere",
    "admit",
    "put-aside-read",
    "put-aside-report",
    "put-aside-taken",
    "put-aside-corrected",
    "put-aside-discarded",
    "user-add",
    "user-disable",
    "user-enable",
    "user-unlock",
    "user-password",
    "user-told",  # these by the hub
    "user-taken-over",
    "user-disabled",
]
"""What the audit tells that somebody did: each has words on its page (`edge_node/pages/audit_pages.py`)."""


Detail = Mapping[str, Any]
"""Numbers and words of this program, never values of a resource."""


def record(
    connection: Connection,
    at_ms: int,
    author: Author,
    action: Action,
    *,
    key: int | None = None,
    hash_: bytes | None = None,
    detail: Detail | None = None,
) -> None:
    """One entry."""
    version = hash_[: pack.VERSION_CHARS // 2] if hash_ is not None else None
    text = msgspec.json.encode(detail).decode() if detail else None
    connection.execute(
        "INSERT INTO audit (at, user, role, action, key, version, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (at_ms, author.user, author.role, action, key, version, text),
    )


def entries(
    connection: Connection, *, key: int | None = None, before: int | None = None, count: int = 100
) -> list[AuditEntry]:
    """Entries, newest first; of one resource when its key is given; `before` continues after an entry's number."""
    where = "a.number < ?" + (" AND a.key = ?" if key is not None else "")
    values = [before if before is not None else 1 << 62, *([key] if key is not None else []), count]
    found = connection.execute(f"{_TOLD} WHERE {where} ORDER BY a.number DESC LIMIT ?", values).fetchall()
    return [_entry(connection, row) for row in found]


_TOLD = (
    "SELECT a.number, a.at, a.user, a.role, a.action, r.type, r.id, a.version, a.detail"
    " FROM audit a LEFT JOIN resource r ON r.key = a.key"
)


def _entry(connection: Connection, row: tuple[Any, ...]) -> AuditEntry:
    number, at, user, role, action, type_, id_, version, detail = row
    named = rows.type_name(connection, type_) if type_ is not None else None
    return AuditEntry(
        number, at, user, role, action, named, id_, version.hex() if version is not None else None, detail
    )


_READINGS_MAX = 500


def last_opened(connection: Connection, key: int, user: str, now_ms: int, visit_ms: int) -> int | None:
    """When somebody last opened a patient's page before now (ms since 1970 UTC): readings that follow each other within `visit_ms` are
    one. None when she never did. `audit_read` indexes the entries of readings alone, so that writes cost no page more."""
    query = "SELECT at FROM audit WHERE action = 'read' AND key = ? AND user = ? AND at <= ? ORDER BY at DESC LIMIT ?"
    after = now_ms
    for (at,) in connection.execute(query, (key, user, now_ms, _READINGS_MAX)):
        if after - at > visit_ms:
            return int(at)
        after = at
    return None


def looked_for(
    connection: Connection,
    *,
    user: str,
    first_ms: int,
    last_ms: int,
    keys: Collection[int] | None,
    before: int | None,
    count: int,
) -> list[AuditEntry]:
    """Entries of a person (empty: of all) between two moments (ms since 1970 UTC), of some resources (None: of all), newest first."""
    where = ["number < ?", "at BETWEEN ? AND ?"]
    values: list[Any] = [before if before is not None else 1 << 62, first_ms, last_ms]
    if user:
        where.append("user = ?")
        values.append(user)
    if keys is not None:
        where.append("key IN (SELECT value FROM json_each(?))")
        values.append(msgspec.json.encode(list(keys)).decode())
    numbers = connection.execute(
        f"SELECT number FROM audit WHERE {' AND '.join(where)} ORDER BY number DESC LIMIT ?", (*values, count)
    ).fetchall()
    wanted = msgspec.json.encode([number for (number,) in numbers]).decode()
    found = connection.execute(
        f"{_TOLD} WHERE a.number IN (SELECT value FROM json_each(?)) ORDER BY a.number DESC", (wanted,)
    )
    return [_entry(connection, row) for row in found.fetchall()]


def users(connection: Connection) -> tuple[str, ...]:
    """All who may or might log in here, the disabled ones too: a walk through all entries would tell no more, and take long."""
    return tuple(user for (user,) in connection.execute("SELECT name FROM user ORDER BY name"))
