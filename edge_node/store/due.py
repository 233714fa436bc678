"""What is due for whom, kept for lists over all patients: derived from records, never truth of its own.

What is due for one patient is a function of her record (`edge_node.maternal`, `edge_node.immunisation`), given here as
`Rules`. Its answers have dates, not states, so they do not age. A position in `resource.updated` says up to where changes
were looked at: writing a resource costs nothing but a look at that position, which a writer whose clock went back lowers
(`went_back`). `catch_up` goes on from there, some patients at a time, within a write transaction, so that no change can
slip in between looking and noting that it was looked at.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from edge_node.store import reading, rows, searching
from edge_node.store.connection import Connection
from sync_protocol.resource import shown

CHANGES_A_SLICE = 200
"""So many changed resources are looked at in one transaction: some ten milliseconds during which others cannot write."""
_NEVER = date.max.toordinal()
_CHANGED = (
    "SELECT key, type, id, updated, state, flags FROM resource WHERE (updated, key) >= (?, ?) AND state IS NOT NULL"
    " ORDER BY updated, key LIMIT ?"
)


class Due(msgspec.Struct, frozen=True):
    """One thing due for a patient: on which list, what it is, from when, from when it is late, and until when it is worth doing.

    `code` names it among the patient's own on that list; `about` is what a page needs to say it, without identity.
    """

    list: str
    code: str
    since: date
    overdue: date | None = None
    until: date | None = None
    about: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Entry(msgspec.Struct, frozen=True):
    """A thing due and the key of the patient whom it is due for."""

    patient: int
    due: Due


class Rules(msgspec.Struct, frozen=True):
    """`derive`: a patient and the compartment, decoded, to what is due. `subjects`: type → the element that names the patient, of the types
    that it reads. `version` changes with what it answers: all is then derived anew."""

    version: str
    subjects: Mapping[str, str]
    derive: Callable[[Sequence[Mapping[str, Any]]], Iterable[Due]]


def went_back(connection: Connection, now_ms: int) -> None:
    """A resource is being stored at a time that was looked at already: it is looked at again. Changes nothing otherwise."""
    connection.execute("UPDATE due_position SET updated = ?, key = 0 WHERE updated >= ?", (now_ms, now_ms))


def forget(connection: Connection, patient: int) -> None:
    """Nothing is due here for a patient who left."""
    connection.execute("DELETE FROM due WHERE patient = ?", (patient,))


def waiting(connection: Connection, rules: Rules) -> int:
    """How many changed resources have not been looked at."""
    position = _position(connection, rules)
    query = "SELECT count(*) FROM resource WHERE (updated, key) >= (?, ?) AND state IS NOT NULL"
    return int(connection.execute(query, position).fetchone()[0])


def catch_up(connection: Connection, rules: Rules, changes: int = CHANGES_A_SLICE) -> bool:
    """Looks at the next changes; whether there may be more. Within a write transaction."""
    position = _position(connection, rules)
    changed = connection.execute(_CHANGED, (*position, changes)).fetchall()
    if not changed:
        return False
    for patient in _patients(connection, rules, changed):
        _derive(connection, rules, patient)
    updated, key = changed[-1][3], changed[-1][0]
    more = len(changed) == changes
    after = (updated, key + 1) if more else (updated + 1, 0)
    connection.execute(
        "INSERT OR REPLACE INTO due_position (one, updated, key, rules) VALUES (1, ?, ?, ?)", (*after, rules.version)
    )
    return more


def of_list(
    connection: Connection,
    list_: str,
    *,
    since: date | None = None,
    overdue_since: tuple[date | None, date] | None = None,
    today: date,
    count: int,
    skip: int = 0,
) -> list[Entry]:
    """Entries of a list that are not over, oldest first. `since`: due by then; `overdue_since`: late since a day between these."""
    where, values = ["list = ?", "until >= ?"], [list_, today.toordinal()]
    if since is not None:
        where.append("since <= ?")
        values.append(since.toordinal())
    if overdue_since is not None:
        low, high = overdue_since
        where.append("overdue BETWEEN ? AND ?")
        values += [low.toordinal() if low is not None else 0, high.toordinal()]
    query = (
        f"SELECT patient, list, code, since, overdue, until, about FROM due WHERE {' AND '.join(where)}"
        " ORDER BY since, patient, code LIMIT ? OFFSET ?"
    )
    found = connection.execute(query, (*values, count, skip)).fetchall()
    return [Entry(patient, _due(*rest)) for patient, *rest in found]


def of_patient(connection: Connection, patient: int) -> list[Due]:
    """What is kept as due for one patient, oldest first."""
    query = "SELECT list, code, since, overdue, until, about FROM due WHERE patient = ? ORDER BY since, list, code"
    return [_due(*row) for row in connection.execute(query, (patient,))]


def counts(connection: Connection, today: date, soon: date) -> dict[str, tuple[int, int]]:
    """List → how many of it are due by `soon`, and how many of those are late today."""
    query = (
        "SELECT list, count(*), sum(overdue <= ?) FROM due WHERE since <= ? AND until >= ? GROUP BY list ORDER BY list"
    )
    day = today.toordinal()
    return {list_: (all_, late) for list_, all_, late in connection.execute(query, (day, soon.toordinal(), day))}


def _position(connection: Connection, rules: Rules) -> tuple[int, int]:
    row = connection.execute("SELECT updated, key, rules FROM due_position").fetchone()
    return (row[0], row[1]) if row is not None and row[2] == rules.version else (0, 0)


def _patients(connection: Connection, rules: Rules, changed: Sequence[tuple[Any, ...]]) -> list[int]:
    """Keys of the patients whom these changes are about, or were about before."""
    ids: dict[str, None] = {}
    for key, type_, id_, _, state, _ in changed:
        name = rows.type_name(connection, type_)
        if name == "Patient":
            ids[id_] = None
        elif name in rules.subjects:
            earlier = connection.execute(
                "SELECT state FROM history WHERE key = ? ORDER BY number DESC LIMIT 1", (key,)
            ).fetchone()
            for one in (state, *(earlier or ())):
                subject = shown(rows.resource_of(name, id_, one)).get(rules.subjects[name])
                ids.update(dict.fromkeys(_ids(subject)))
    keys = (reading.key_of(connection, "Patient", id_) for id_ in ids)
    return [key for key in keys if key is not None]


def _ids(value: bytes | None) -> Iterable[str]:
    if value is None:
        return
    held = msgspec.json.decode(value)
    for member in held.values() if isinstance(held, dict) else ():
        target = member.get("reference") if isinstance(member, dict) else None
        if isinstance(target, str) and target.startswith("Patient/"):
            yield target.removeprefix("Patient/")


def _derive(connection: Connection, rules: Rules, patient: int) -> None:
    """What is due for a patient now, in place of what was kept."""
    forget(connection, patient)
    keys = searching.everything(connection, patient)
    stored = [entry for entry in reading.read_many(connection, keys) if not entry.gone]
    if not stored or stored[0].key != patient:
        return
    wanted = [rows.object_of(e.body) for e in stored if e.body is not None and e.type in {"Patient", *rules.subjects}]
    connection.executemany(
        "INSERT INTO due (patient, list, code, since, overdue, until, about) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(patient, *_row(due)) for due in rules.derive(wanted)],
    )


def _row(due: Due) -> tuple[Any, ...]:
    overdue, until = (day.toordinal() if day is not None else _NEVER for day in (due.overdue, due.until))
    return (due.list, due.code, due.since.toordinal(), overdue, until, msgspec.json.encode(due.about).decode())


def _due(list_: str, code: str, since: int, overdue: int, until: int, about: str) -> Due:
    late, end = (date.fromordinal(day) if day != _NEVER else None for day in (overdue, until))
    return Due(list_, code, date.fromordinal(since), late, end, msgspec.json.decode(about))
