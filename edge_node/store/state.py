"""The node's own state: status, digests, quarantine."""

from edge_node.store import reading, rows
from edge_node.store.connection import Connection
from edge_node.store.digests import kept
from edge_node.store.model import GONE, QuarantineEntry, ScopeStatus, Status
from sync_protocol import digest, pack


def status(connection: Connection) -> Status:
    """What `status` tells, within a snapshot."""
    one = connection.execute(
        "SELECT node, incarnation, hub, last_sync, acked, clock_offset_ms, facility, region, last_error FROM sync"
    ).fetchone()
    node, incarnation, hub, last_sync, acked, offset, facility, region, last_error = one
    count = _counter(connection)
    scopes = connection.execute("SELECT name, seq FROM scope ORDER BY id").fetchall()
    told = digests(connection)
    return Status(
        node=node,
        incarnation=f"{incarnation:016x}",
        hub=hub,
        last_sync=rows.instant(last_sync) if last_sync is not None else None,
        pending=count("outbox WHERE counter > (SELECT acked FROM sync)"),
        acked=acked,
        scopes=tuple(ScopeStatus(name, seq, told[name]) for name, seq in scopes),
        conflicts=count("conflict"),
        quarantine=count("quarantine"),
        clock_offset_ms=offset,
        facility=facility,
        region=region,
        last_error=last_error,
        resources=count(f"resource WHERE state IS NOT NULL AND NOT flags & {GONE}"),
    )


class _counter:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __call__(self, what: str) -> int:
        return int(self._connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0])


def digests(connection: Connection) -> dict[str, str]:
    """Scope → digest as it is kept."""
    return {name: one.hex() for name, one in kept(connection).items()}


def rebuilt_digests(connection: Connection) -> dict[str, str]:
    """Scope → digest, computed from the stored registers and not from kept hashes."""
    scopes = connection.execute("SELECT id, name FROM scope ORDER BY id").fetchall()
    return {
        name: digest.to_bytes(
            digest.total(pack.hash_of(r.type, r.id, pack.pack(r)) for r in reading.states(connection, id_))
        ).hex()
        for id_, name in scopes
    }


def put_aside(
    connection: Connection, now_ms: int, source: str, reason: str, detail: str | None, payload: bytes
) -> None:
    """Keeps what could not be taken in, with the reason, for a person to look at."""
    connection.execute(
        "INSERT INTO quarantine (since, source, reason, detail, payload) VALUES (?, ?, ?, ?, ?)",
        (now_ms, source, reason, detail, payload),
    )


def quarantined(connection: Connection, limit: int) -> list[QuarantineEntry]:
    """Entries, newest first."""
    query = "SELECT id, since, source, reason, detail, payload FROM quarantine ORDER BY id DESC LIMIT ?"
    return [QuarantineEntry(*row) for row in connection.execute(query, (limit,))]


def whereabouts(connection: Connection) -> tuple[str, str]:
    """This node's name, and its facility; "" while it has none. One look-up, where `status` counts."""
    node, facility = connection.execute("SELECT node, facility FROM sync").fetchone()
    return node, facility or ""
