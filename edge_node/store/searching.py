"""Searches: a parsed FHIR query, and all that belongs to a patient."""

from collections.abc import Callable
from functools import cache

from edge_node import same_person
from edge_node.fhir import compartment, search_sql
from edge_node.fhir.criteria import QueryError
from edge_node.fhir.matching import matches
from edge_node.fhir.query import Query
from edge_node.fhir.search_sql import Position
from edge_node.fhir.slots import slot_numbers
from edge_node.fhir.terms import KeyOf
from edge_node.store import reading, rows
from edge_node.store.connection import Connection
from edge_node.store.model import GONE, Page, Stored

COUNT_DEFAULT = 50
COUNT_MAX = 1_000
INCLUDED_MAX = 5_000
INCLUDE_ROUNDS_MAX = 8


def search(connection: Connection, query: Query, after: Position | None = None) -> Page:
    """A page of results, within a snapshot. `_count=0` and `_summary=count` bring only the total.

    Raises QueryError when `_include` brings more than can be answered.
    """
    key_of = _key_finder(connection)
    limit = min(query.count if query.count is not None else COUNT_DEFAULT, COUNT_MAX)
    if query.summary == "count":
        limit = 0
    counted: int | None = None
    if limit == 0 or query.total in ("accurate", "estimate"):
        counted = _total(connection, query, key_of)
    if limit == 0:
        return Page((), (), counted, None)
    found, position = _results(connection, query, key_of, limit, after)
    return Page(tuple(found), tuple(_included(connection, query, found)), counted, position)


def _key_finder(connection: Connection) -> KeyOf:
    return lambda type_, id_: reading.key_of(connection, type_, id_)


def _total(connection: Connection, query: Query, key_of: KeyOf) -> int:
    if query.scans:
        total, after = 0, None
        while True:
            found, after = _results(connection, query, key_of, COUNT_MAX, after)
            total += len(found)
            if after is None:
                return total
    sql = search_sql.total(query, key_of)
    return int(connection.execute(sql.text, sql.args).fetchone()[0])


def _results(
    connection: Connection, query: Query, key_of: KeyOf, limit: int, after: Position | None
) -> tuple[list[Stored], Position | None]:
    """Up to `limit` results after a position, and the position of the next ones if there are any."""
    kept: list[Stored] = []
    while True:
        sql = search_sql.page(query, key_of, limit + 1, after)
        lines = connection.execute(sql.text, sql.args).fetchall()
        stored = {entry.key: entry for entry in reading.read_many(connection, [line[0] for line in lines])}
        for number, line in enumerate(lines):
            if len(kept) == limit:
                return kept, after
            if number == limit and not query.scans:
                break
            after = Position(line[0], tuple(line[1:]))
            entry = stored.get(line[0])
            if entry is not None and _passes(query, entry):
                kept.append(entry)
        if len(lines) <= limit:
            return kept, None
        if not query.scans:
            return kept, after


def _passes(query: Query, entry: Stored) -> bool:
    """What no index answers is asked of the text of each result."""
    if not query.scans:
        return True
    return entry.body is not None and all(matches(criterion, rows.object_of(entry.body)) for criterion in query.scans)


# --- what results bring along -----------------------------------------------------------------------------------------


def _included(connection: Connection, query: Query, found: list[Stored]) -> list[Stored]:
    if not query.includes and not query.revincludes:
        return []
    seen = {entry.key for entry in found}
    included: list[Stored] = []
    sources, first = list(found), True
    for _ in range(INCLUDE_ROUNDS_MAX):
        keys = _forward(connection, query, sources, first) | _backward(connection, query, sources, first)
        keys -= seen
        if len(included) + len(keys) > INCLUDED_MAX:
            raise QueryError(
                "too-costly", "_include", f"More than {INCLUDED_MAX} resources would be included; ask for fewer"
            )
        sources, first = [e for e in reading.read_many(connection, sorted(keys)) if not e.gone], False
        seen |= keys
        included += sources
        if not sources:
            break
    return included


def _forward(connection: Connection, query: Query, sources: list[Stored], first: bool) -> set[int]:
    names: set[str] = set()
    for include in query.includes:
        if first or include.iterate:
            for source in sources:
                if source.type == include.type and source.body is not None:
                    names |= search_sql.include_targets(include, rows.object_of(source.body))
    keys = (reading.key_of(connection, *name.split("/", 1)) for name in names if "/" in name)
    return {key for key in keys if key is not None}


def _backward(connection: Connection, query: Query, sources: list[Stored], first: bool) -> set[int]:
    keys: set[int] = set()
    for include in query.revincludes:
        if sources and (first or include.iterate):
            sql = search_sql.revinclude(include, [source.key for source in sources])
            keys.update(key for (key,) in connection.execute(sql.text + " LIMIT ?", (*sql.args, INCLUDED_MAX + 1)))
    return keys


# --- people -----------------------------------------------------------------------------------------------------------


def going_on(connection: Connection, id_: str) -> list[int]:
    """The key of a patient's record, and of those that go on for it."""
    key = reading.key_of(connection, "Patient", id_)
    stored = reading.read(connection, "Patient", id_) if key is not None and _may_be_linked(connection, key) else None
    if key is None or stored is None:
        return [] if key is None else [key]
    survivors = same_person.survivors(stored, patient_reader(connection))
    return list(dict.fromkeys([key, *(one.key for one in survivors)]))


def one_person(connection: Connection, id_: str) -> frozenset[str]:
    """The ids of the records that are shown as one with a patient's, hers among them: what was merged into the one that goes on for her.

    Only hers where it is not said which goes on; and without those of which that is not said.
    """
    key = reading.key_of(connection, "Patient", id_)
    if key is None or not _may_be_linked(connection, key):
        return frozenset({id_})
    read, referring = patient_reader(connection), _patients_linked_to(connection)
    kept = _goes_on_alone(read(id_), read)
    if kept is None:
        return frozenset({id_})
    merged = same_person.merged_into(kept, read, referring)
    return frozenset({id_, kept.id} | {one.id for one in merged if _goes_on_alone(one, read) == kept})


def _goes_on_alone(stored: Stored | None, read: same_person.Read) -> Stored | None:
    survivors = same_person.survivors(stored, read) if stored is not None and not stored.gone else []
    return survivors[0] if len(survivors) == 1 else None


def everything(connection: Connection, patient: int) -> list[int]:
    """Keys of a patient and of what is in the patient's compartment, in the order in which they came; with those of the
    records that were merged into hers, these records themselves among them."""
    merged = _merged_into(connection, patient)
    found = sorted(
        set(merged).union(*(_compartment(connection, one, compartment.types()) for one in (patient, *merged)))
    )
    return [patient, *(key for key in found if key != patient)]


def has_any(connection: Connection, patient: int, types: tuple[str, ...]) -> bool:
    """Whether `everything` has a resource of one of these types. Hers are looked for first, without a look at what was merged."""
    return bool(_compartment(connection, patient, types)) or any(
        _compartment(connection, one, types) for one in _merged_into(connection, patient)
    )


def _may_be_linked(connection: Connection, patient: int) -> bool:
    """Whether a patient's record names another by `link`, or one names it: false of nearly all, and told without reading the record."""
    named = connection.execute("SELECT 1 FROM search WHERE slot = ? AND value = ? LIMIT 1", (_link_slot(), patient))
    if named.fetchone() is not None:
        return True
    row = connection.execute("SELECT state FROM resource WHERE key = ?", (patient,)).fetchone()
    return row is not None and row[0] is not None and b"link" in rows.expand(row[0])


def _merged_into(connection: Connection, patient: int) -> list[int]:
    stored = reading.read_many(connection, [patient]) if _may_be_linked(connection, patient) else []
    if not stored:
        return []
    read, referring = patient_reader(connection), _patients_linked_to(connection)
    return [one.key for one in same_person.merged_into(stored[0], read, referring)]


def _patients_linked_to(connection: Connection) -> Callable[[Stored], list[Stored]]:
    query = "SELECT key FROM search WHERE slot = ? AND value = ?"
    slot = _link_slot()
    known = dict[int, Stored]()

    def referring(one: Stored) -> list[Stored]:
        keys = [key for (key,) in connection.execute(query, (slot, one.key))]
        known.update((other.key, other) for other in reading.read_many(connection, [k for k in keys if k not in known]))
        return [known[key] for key in keys if key in known]

    return referring


def _link_slot() -> int:
    return slot_numbers()["Patient.link.other reference"]


def patient_reader(connection: Connection) -> same_person.Read:
    """Patients by id, as `same_person` asks for them: each is read once, so it is for one look at one moment."""
    return cache(lambda id_: reading.read(connection, "Patient", id_))


def _compartment(connection: Connection, patient: int, types: tuple[str, ...]) -> list[int]:
    slots = _compartment_slots(types)
    question = ",".join("?" * len(slots))
    found = connection.execute(
        f"SELECT DISTINCT s.key FROM search s JOIN resource r ON r.key = s.key"
        f" WHERE s.slot IN ({question}) AND s.value = ? AND r.state IS NOT NULL AND NOT r.flags & {GONE} ORDER BY s.key",
        (*slots, patient),
    )
    return [key for (key,) in found]


@cache
def _compartment_slots(types: tuple[str, ...]) -> tuple[int, ...]:
    """Slots of the references that put resources of these types into a patient's compartment."""
    parameters = (parameter for type_name in types for parameter in compartment.parameters_for(type_name))
    return tuple(sorted({use.slot.number for parameter in parameters for use in parameter.uses}))
