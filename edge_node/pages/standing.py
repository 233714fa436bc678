"""The truth about what is safe: read from the store at one moment, and said so that a clinic knows what to do.

"Everything here is safe at the hub" is said only when nothing waits, nothing was turned away, and the digests were found equal.
"""

from collections.abc import Sequence
from datetime import tzinfo

import msgspec

from edge_node.language import N_, Text, _, ngettext
from edge_node.pages import agreement, codes, dates
from edge_node.store import conflicts, leaving, reading, rows
from edge_node.store.connection import Connection
from edge_node.sync.enrolment import NAME

_OLDEST_MAX = 500
"""Of so many of the oldest changes the time is looked at: they went in first."""
_PENDING = (
    "SELECT max(0, coalesce((SELECT max(counter) FROM outbox), 0)"
    " - max(?, coalesce((SELECT min(counter) FROM outbox), 1) - 1))"
)
"""How many rows of the outbox are not acknowledged, by its ends: every counter has its row, and rows go from below only. Counting them took
20 ms of every page at a node with 700,000 of them."""

_REASONS: tuple[tuple[str, Text, Text], ...] = (
    (
        "No answer from",
        N_("The hub did not answer"),
        N_("Look whether this computer has a network. Nothing is lost; it tries again by itself."),
    ),
    (
        "The hub failed to answer",
        N_("The hub has a fault"),
        N_("Nothing is lost; it tries again by itself. If it lasts, call whoever runs the hub."),
    ),
    ("The hub asks to come", N_("The hub is busy"), N_("Nothing is lost; it tries again by itself.")),
    (
        "The hub has revoked",
        N_("The hub has shut this clinic out"),
        N_("Call whoever runs the hub. The records here stay."),
    ),
)
_PASSING = ("No answer from", "The hub failed to answer", "The hub asks to come", "Another sync is running")
"""Failures that a clinic meets every day: it goes on by itself, and nobody need be alarmed."""
_OTHERWISE = N_("Nothing is lost. Try again; if it stays so, call whoever runs the hub, and read this to them.")


class Facts(msgspec.Struct, frozen=True):
    """What is known of this node and its hub at one moment; times in ms since 1970 UTC."""

    node: str
    hub: str | None
    facility: str | None
    region: str | None
    pending: int
    refused: int
    conflicts: int
    quarantine: int
    since_ms: int | None
    last_sync_ms: int | None
    last_error: str | None
    agreed_ms: int | None
    clock_offset_ms: int | None
    name: str = ""
    facility_name: str = ""

    @property
    def place(self) -> str:
        """What this clinic is called: by name where the hub has told it, else by id, else by this computer's name."""
        return self.facility_name or self.facility or self.node


class Standing(msgspec.Struct, frozen=True):
    """The same in words. `mood`: `safe`, `waits`, or `trouble` that somebody has to see to.

    `reason` and `advice` are empty when all is well.
    """

    mood: str
    headline: str
    details: tuple[str, ...] = ()
    reason: str = ""
    advice: str = ""
    enrolled: bool = True
    conflicts: int = 0
    clock: str = ""


def facts(connection: Connection, meant: conflicts.OfType = conflicts.every_type) -> Facts:
    """What the store knows, within a snapshot. `meant`: resources of which types are hers whose conflicts are counted."""
    columns = "node, hub, facility, region, last_sync, last_error, clock_offset_ms, acked"
    node, hub, facility, region, last_sync, last_error, offset, acked = connection.execute(
        f"SELECT {columns} FROM sync"
    ).fetchone()
    count = "SELECT count(*) FROM "
    oldest = (
        "SELECT min(r.updated) FROM (SELECT key FROM outbox WHERE counter > ? ORDER BY counter LIMIT ?) o"
        " JOIN resource r ON r.key = o.key"
    )
    return Facts(
        node=node,
        hub=hub,
        facility=facility,
        region=region,
        pending=_number(connection, _PENDING, acked),
        refused=_number(connection, f"{count}{leaving.REFUSED}"),
        conflicts=conflicts.count(connection, meant),
        quarantine=_number(connection, f"{count} quarantine"),
        since_ms=connection.execute(oldest, (acked, _OLDEST_MAX)).fetchone()[0],
        last_sync_ms=last_sync,
        last_error=last_error,
        agreed_ms=agreement.agreed_ms(connection),
        clock_offset_ms=offset,
        name=_name(connection),
        facility_name=_facility(connection, facility) if facility is not None else "",
    )


def _facility(connection: Connection, id_: str) -> str:
    """What the hub says that a facility is called: an Organization of the region's reference data; empty before it came."""
    stored = reading.read(connection, "Organization", id_)
    if stored is None or stored.body is None:
        return ""
    name = rows.object_of(stored.body).get("name")
    return name if isinstance(name, str) else ""


def _name(connection: Connection) -> str:
    """What people called this node when it joined its hub."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (NAME,)).fetchone()
    return bytes(row[0]).decode() if row is not None else ""


def _number(connection: Connection, query: str, *values: object) -> int:
    return int(connection.execute(query, values).fetchone()[0])


def standing(known: Facts, now_ms: int, zone: tzinfo | None = None) -> Standing:
    """What is told on every page."""
    clock = dates.clock_doubt(known.clock_offset_ms)
    if known.hub is None:
        headline = _("This clinic has no hub yet: everything is kept on this computer only")
        advice = _("Make backups until it has one.")
        return Standing("waits", headline, (), "", advice, False, known.conflicts, clock)
    reason, advice = explained(known.last_error)
    last = (
        _("Last sent %(when)s", when=dates.moment(known.last_sync_ms, now_ms, zone))
        if known.last_sync_ms is not None
        else _("Never sent yet")
    )
    details = [last]
    if known.pending:
        headline = _("%(changes)s not at the hub yet", changes=changes(known.pending))
        if known.since_ms is not None:
            details.insert(0, _("Waiting since %(when)s", when=dates.moment(known.since_ms, now_ms, zone)))
        advice = advice or _("It goes by itself when the hub can be reached, or press Send now.")
    elif known.refused:
        headline = _("The hub did not take everything")
        reason = reason or ngettext(
            "%(count)s record was turned away", "%(count)s records were turned away", known.refused
        )
        advice = advice or _("Call whoever runs the hub. The records are kept here.")
    elif known.agreed_ms is not None:
        headline = _("Everything here is safe at the hub")
        details = [_("Compared %(when)s", when=dates.moment(known.agreed_ms, now_ms, zone))]
        if reason:
            details.append(_("since then: %(what)s", what=f"{reason[:1].lower()}{reason[1:]}"))
        return Standing("safe", headline, tuple(details), "", "", True, known.conflicts, clock)
    else:
        headline = _("Nothing waits here, but the hub has not yet shown that it holds the same")
        advice = advice or _("Press Send now to compare.")
    passing = not known.last_error or known.last_error.startswith(_PASSING)
    mood = "waits" if passing else "trouble"
    return Standing(mood, headline, tuple(details), reason, advice, True, known.conflicts, clock)


def changes(number: int) -> str:
    """`1 change is`, `12 changes are`."""
    return ngettext("%(count)s change is", "%(count)s changes are", number)


def explained(error: str | None) -> tuple[str, str]:
    """What the last failure means to a clinic, and what to do; both empty when there was none."""
    if not error:
        return "", ""
    for beginning, reason, advice in _REASONS:
        if error.startswith(beginning):
            return str(reason), str(advice)
    return _(error.rstrip(".")), str(_OTHERWISE)


# --- single records ---------------------------------------------------------------------------------------------------


def unsafe(connection: Connection, keys: Sequence[int]) -> dict[int, str]:
    """Which of some records are not at the hub: key → `waits`, `refused`, or `alone` where there is no hub."""
    hub, acked = connection.execute("SELECT hub, acked FROM sync").fetchone()
    if hub is None:
        return dict.fromkeys(keys, "alone")
    wanted = msgspec.json.encode(list(keys)).decode()
    among = "key IN (SELECT value FROM json_each(?))"
    waiting = connection.execute(f"SELECT DISTINCT key FROM outbox WHERE counter > ? AND {among}", (acked, wanted))
    unoffered = connection.execute(f"SELECT key FROM held WHERE reason = ? AND {among}", (leaving.UNOFFERED, wanted))
    refused = connection.execute(f"SELECT key FROM {leaving.REFUSED} AND {among}", (wanted,))
    found = {key: "waits" for (key,) in (*waiting, *unoffered)}
    return found | {key: "refused" for (key,) in refused}


def waiting_kinds(connection: Connection) -> list[str]:
    """What waits, by kind, most first: `12 results`, `1 visit`."""
    query = (
        "SELECT r.type, count(DISTINCT r.key) AS number FROM outbox o JOIN resource r ON r.key = o.key"
        " WHERE o.counter > (SELECT acked FROM sync) GROUP BY r.type ORDER BY number DESC, r.type"
    )
    return [
        codes.counted(rows.type_name(connection, type_), number)
        for type_, number in connection.execute(query).fetchall()
    ]
