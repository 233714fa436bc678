"""What is due for whom, kept for lists over all patients: derived from records, never truth of its own.

What is due for one patient is a function of her record (`edge_node.maternal`, `edge_node.immunisation`), given here as
`Rules`. Its answers have dates, not states, so they do not age. It is worked out in two ways, some patients at a time, within
a write transaction, so that no change can slip in between looking and noting that it was looked at:

* **Following**: a position says up to where changes were looked at (`edge_node.store.following`).
* **Anew**: with other rules, after a clock that was far ahead, and after an import of more changes than there are patients, all
  patients are gone through once, by key; what changes meanwhile is followed after that. Following an import that is not in order of
  patients would look at each of them again and again.

What was over for `KEPT_DAYS` is dropped, or lists would carry the past of everybody for ever. A clock that was ahead may have dropped
too much; so the day is noted, and before it all is derived anew.

Records that were merged are one person: what is due stands with the one that goes on (`edge_node.same_person`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import msgspec

from edge_node import same_person
from edge_node.fhir.search_sql import TYPE_SLOT
from edge_node.store import following, reading, rows, searching
from edge_node.store.connection import Connection
from edge_node.store.following import Changed, Position
from sync_protocol.resource import shown

CHANGES_A_SLICE: Final = 200
PATIENTS_A_SLICE: Final = 20
"""So much is looked at in one transaction at most. A patient with a record of years takes ten milliseconds and more, during which others
cannot write; so who calls says, too, when it is `enough`."""
ANEW_FROM: Final = 20_000
"""Fewer changes are always followed."""
KEPT_DAYS: Final = 92
WAITING_MAX: Final = 100_000
"""More changes than that are not counted, since nobody needs to know."""
FOLLOWER: Final = "due"
"""Its name among those who follow changes."""
UNREAD: Final = "unread"
"""The list of those whose record the rules failed on: nothing is known to be due for them."""
_NEVER: Final = date.max.toordinal()
_PATIENTS: Final = f"FROM search WHERE slot = {TYPE_SLOT} AND value = ? AND key > ?"


class Due(msgspec.Struct, frozen=True):
    """One thing due for a patient: on which list, what it is, from when, from when it is late, and until when it is worth doing.

    `code` names it among the patient's own on that list; `about` is what a page needs to say it, without identity; `place` is the
    village by which its list can be narrowed.
    """

    list: str
    code: str
    since: date
    overdue: date | None = None
    until: date | None = None
    about: Mapping[str, Any] = msgspec.field(default_factory=dict)
    place: str = ""


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


class _Position(msgspec.Struct, frozen=True):
    """How far it is: see the table `due_position`, and the changes up to which all is followed."""

    rules: str
    walked: int | None
    dropped: int
    followed: Position


def forget(connection: Connection, patient: int) -> None:
    """Nothing is due here for a patient who left."""
    connection.execute("DELETE FROM due WHERE patient = ?", (patient,))


def is_current(connection: Connection, rules: Rules, today: date) -> bool:
    """Whether all changes were looked at. Costs one look-up."""
    at = _position(connection, rules, today)
    return at is not None and at.walked is None and not following.number(connection, at.followed, 1)


def waiting(connection: Connection, rules: Rules, today: date) -> int:
    """How much has not been looked at: patients while all is derived anew, else changed resources."""
    at = _position(connection, rules, today)
    if at is None or at.walked is not None:
        walked = (at.walked or 0) if at is not None else 0
        return int(
            connection.execute(f"SELECT count(*) {_PATIENTS}", (_patient_type(connection), walked)).fetchone()[0]
        )
    return following.number(connection, at.followed, WAITING_MAX)


def catch_up(
    connection: Connection,
    rules: Rules,
    today: date,
    changes: int = CHANGES_A_SLICE,
    patients: int = PATIENTS_A_SLICE,
    enough: Callable[[], bool] = lambda: False,
) -> bool:
    """Looks at the next changes or patients, one at least, and no more when it is `enough`; whether there may be more. Within a write
    transaction."""
    at = _position(connection, rules, today)
    if at is None or (at.walked is None and _is_behind(connection, at)):
        _begin_anew(connection, rules, today)
        return True
    at = msgspec.structs.replace(at, dropped=max(at.dropped, today.toordinal() - KEPT_DAYS))
    if at.walked is not None:
        return _walk(connection, rules, at, at.walked, patients, enough)
    return _follow(connection, rules, at, changes, patients, enough)


# --- lists ------------------------------------------------------------------------------------------------------------


def of_list(
    connection: Connection,
    list_: str,
    *,
    since: date | None = None,
    overdue_since: tuple[date | None, date] | None = None,
    today: date,
    count: int,
    skip: int = 0,
    place: str = "",
    order: str = "since",
) -> list[Entry]:
    """Entries of a list that are not over, oldest first. `since`: due by then; `overdue_since`: late since a day between these.

    `place`: of one village. `order`: `since`, `overdue`, or `-overdue` for the latest first.
    """
    where, values = _where(list_, since, overdue_since, today, place)
    query = (
        f"SELECT patient, list, code, since, overdue, until, about, place FROM due WHERE {where}"
        f" ORDER BY {_ORDERS[order]}, patient, code LIMIT ? OFFSET ?"
    )
    found = connection.execute(query, (*values, count, skip)).fetchall()
    return [Entry(patient, _due(*rest)) for patient, *rest in found]


_ORDERS: Final = {"since": "since", "overdue": "overdue", "-overdue": "overdue DESC"}


def number_of(connection: Connection, list_: str, *, since: date, today: date, place: str = "") -> int:
    """How many entries of a list are due by a day and not over."""
    where, values = _where(list_, since, None, today, place)
    return int(connection.execute(f"SELECT count(*) FROM due WHERE {where}", values).fetchone()[0])


def places(connection: Connection, list_: str, *, since: date, today: date) -> list[str]:
    """The villages of those on a list, in order."""
    where, values = _where(list_, since, None, today, "")
    query = f"SELECT DISTINCT place FROM due WHERE {where} AND place <> '' ORDER BY place"
    return [place for (place,) in connection.execute(query, values)]


def beginning(connection: Connection, list_: str, day: date) -> int:
    """How many entries of a list begin on a day, over or not."""
    query = "SELECT count(*) FROM due WHERE list = ? AND since = ?"
    return int(connection.execute(query, (list_, day.toordinal())).fetchone()[0])


def first_beginning(connection: Connection, lists: Iterable[str]) -> date | None:
    """The day on which the first entry of these lists begins, over or not; None when they have none. A look-up each."""
    found = (connection.execute("SELECT min(since) FROM due WHERE list = ?", (one,)).fetchone()[0] for one in lists)
    return date.fromordinal(first) if (first := min((day for day in found if day is not None), default=0)) else None


def who_begins(connection: Connection, list_: str, day: date, count: int, skip: int = 0) -> list[tuple[int, int]]:
    """Whose entries of a list begin on a day: the key of each patient once, and how many are hers."""
    query = "SELECT patient, count(*) FROM due WHERE list = ? AND since = ? GROUP BY patient ORDER BY patient LIMIT ? OFFSET ?"
    return list(connection.execute(query, (list_, day.toordinal(), count, skip)))


def of_patient(connection: Connection, patient: int) -> list[Due]:
    """What is kept as due for one patient, oldest first."""
    query = (
        "SELECT list, code, since, overdue, until, about, place FROM due WHERE patient = ? ORDER BY since, list, code"
    )
    return [_due(*row) for row in connection.execute(query, (patient,))]


def counts(connection: Connection, today: date, soon: date) -> dict[str, tuple[int, int]]:
    """List → how many of it are due by `soon`, and how many of those are late today."""
    query = (
        "SELECT list, count(*), sum(overdue <= ?) FROM due WHERE since <= ? AND until >= ? GROUP BY list ORDER BY list"
    )
    day = today.toordinal()
    return {list_: (all_, late) for list_, all_, late in connection.execute(query, (day, soon.toordinal(), day))}


def _where(
    list_: str, since: date | None, overdue_since: tuple[date | None, date] | None, today: date, place: str
) -> tuple[str, list[Any]]:
    where, values = ["list = ?", "until >= ?"], [list_, today.toordinal()]
    if since is not None:
        where.append("since <= ?")
        values.append(since.toordinal())
    if overdue_since is not None:
        low, high = overdue_since
        where.append("overdue BETWEEN ? AND ?")
        values += [low.toordinal() if low is not None else 0, high.toordinal()]
    if place:
        where.append("place = ?")
        values.append(place)
    return " AND ".join(where), values


# --- working it out ---------------------------------------------------------------------------------------------------


def _position(connection: Connection, rules: Rules, today: date) -> _Position | None:
    """How far these rules are; None when all is to be derived anew, since nothing, other rules or a clock ahead of today's did it."""
    row = connection.execute("SELECT rules, walked, dropped FROM due_position").fetchone()
    if row is None or row[0] != rules.version or row[2] > today.toordinal():
        return None
    version, walked, dropped = row
    return _Position(version, walked, dropped, following.at(connection, FOLLOWER))


def _keep_position(connection: Connection, at: _Position) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO due_position (one, rules, walked, dropped) VALUES (1, ?, ?, ?)",
        (at.rules, at.walked, at.dropped),
    )
    following.keep(connection, FOLLOWER, at.followed)


def _is_behind(connection: Connection, at: _Position) -> bool:
    """Whether going through all patients is less work than following: there are many changes, and twice as many as patients."""
    if following.number(connection, at.followed, ANEW_FROM + 1) <= ANEW_FROM:
        return False
    query = f"SELECT count(*) {_PATIENTS}"
    patients = int(connection.execute(query, (_patient_type(connection), 0)).fetchone()[0])
    return following.number(connection, at.followed, 2 * patients + 1) > 2 * patients


def _begin_anew(connection: Connection, rules: Rules, today: date) -> None:
    connection.execute("DELETE FROM due")
    dropped = today.toordinal() - KEPT_DAYS
    _keep_position(connection, _Position(rules.version, 0, dropped, following.latest(connection)))


def _walk(
    connection: Connection, rules: Rules, at: _Position, walked: int, patients: int, enough: Callable[[], bool]
) -> bool:
    query = f"SELECT key {_PATIENTS} ORDER BY key LIMIT ?"
    keys = [key for (key,) in connection.execute(query, (_patient_type(connection), walked, patients))]
    looked = 0
    for key in keys:
        _derive(connection, rules, key, at.dropped)
        looked += 1
        if enough():
            break
    more = looked < len(keys) or len(keys) == patients
    _keep_position(connection, msgspec.structs.replace(at, walked=keys[looked - 1] if more else None))
    return True


def _follow(
    connection: Connection, rules: Rules, at: _Position, changes: int, patients: int, enough: Callable[[], bool]
) -> bool:
    changed = following.changed(connection, at.followed, changes)
    if not changed:
        return False
    derived: set[int] = set()
    looked = 0
    for one in changed:
        for patient in _concerned(connection, rules, one):
            if patient not in derived:
                _derive(connection, rules, patient, at.dropped)
                derived.add(patient)
        looked += 1
        if len(derived) >= patients or (derived and enough()):
            break
    last = changed[looked - 1]
    more = looked < len(changed) or len(changed) == changes
    _keep_position(
        connection, msgspec.structs.replace(at, followed=last.after if more else Position(last.updated + 1, 0))
    )
    return more


def _patient_type(connection: Connection) -> int:
    return rows.find_type(connection, "Patient") or 0


def _concerned(connection: Connection, rules: Rules, changed: Changed) -> list[int]:
    """Keys of the patients whom this change is about, or was about before; of records that were merged the ones that go on, too."""
    is_patient = changed.type == "Patient"
    if not is_patient and changed.type not in rules.subjects:
        return []
    element = "link" if is_patient else rules.subjects[changed.type]
    resources = [shown(one) for one in following.versions(connection, changed)]
    ids = {changed.id: None} if is_patient else {}
    ids.update(dict.fromkeys(target for one in resources for target in _ids(one.get(element))))
    return [one for target in ids for one in searching.going_on(connection, target)]


def _ids(value: bytes | None) -> Iterable[str]:
    """Ids of patients that an element names, whatever its shape."""
    waiting_ = [msgspec.json.decode(value)] if value is not None else []
    while waiting_:
        held = waiting_.pop()
        if isinstance(held, dict):
            waiting_ += held.values()
        elif isinstance(held, list):
            waiting_ += held
        elif isinstance(held, str) and held.startswith("Patient/"):
            yield held.removeprefix("Patient/").partition("/")[0]


def _derive(connection: Connection, rules: Rules, patient: int, dropped: int) -> None:
    """What is due for a patient now, in place of what was kept; what is the same is not written again."""
    found = {row for due in _asked(connection, rules, patient) if (row := _row(due))[4] >= dropped}
    query = "SELECT list, code, since, overdue, until, about, place FROM due WHERE patient = ?"
    kept = set(connection.execute(query, (patient,)))
    connection.executemany(
        "DELETE FROM due WHERE patient = ? AND list = ? AND code = ? AND since = ?",
        [(patient, *row[:3]) for row in kept - found],
    )
    connection.executemany(
        "INSERT INTO due (patient, list, code, since, overdue, until, about, place) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(patient, *row) for row in sorted(found - kept)],
    )


def _asked(connection: Connection, rules: Rules, patient: int) -> list[Due]:
    """What the rules say of a patient's record; nothing of one who is not here, or is shown with another record."""
    keys = searching.everything(connection, patient)
    stored = [entry for entry in reading.read_many(connection, keys) if not entry.gone]
    if not stored or stored[0].key != patient:
        return []
    if patient not in {one.key for one in same_person.survivors(stored[0], searching.patient_reader(connection))}:
        return []
    wanted = [rows.object_of(e.body) for e in stored if e.body is not None and e.type in {"Patient", *rules.subjects}]
    return _answered(rules, wanted)


def _answered(rules: Rules, wanted: Sequence[Mapping[str, Any]]) -> list[Due]:
    """What the rules say; where they fail, that they did: one record must neither keep others from the lists nor be missing in silence."""
    try:
        return list(rules.derive(wanted))
    except Exception as error:  # noqa: BLE001 - whatever it is, a person is told of it by this list
        return [Due(UNREAD, "", date.min, about={"error": type(error).__name__})]


def _row(due: Due) -> tuple[Any, ...]:
    overdue, until = (day.toordinal() if day is not None else _NEVER for day in (due.overdue, due.until))
    about = msgspec.json.encode(due.about).decode()
    return (due.list, due.code, due.since.toordinal(), overdue, until, about, due.place)


def _due(list_: str, code: str, since: int, overdue: int, until: int, about: str, place: str) -> Due:
    late, end = (date.fromordinal(day) if day != _NEVER else None for day in (overdue, until))
    return Due(list_, code, date.fromordinal(since), late, end, msgspec.json.decode(about), place)
