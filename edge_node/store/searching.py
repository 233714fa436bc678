"""Searches: a parsed FHIR query, the find box, and all that belongs to a patient."""

import re
import unicodedata
from functools import cache

from edge_node.fhir import compartment, search_sql
from edge_node.fhir.criteria import QueryError
from edge_node.fhir.matching import matches
from edge_node.fhir.query import Query
from edge_node.fhir.search_sql import Position
from edge_node.fhir.terms import KeyOf
from edge_node.store import reading, rows
from edge_node.store.connection import Connection
from edge_node.store.indexing import NATIONAL_DIGITS, phone_words
from edge_node.store.model import GONE, Page, Stored

COUNT_DEFAULT = 50
COUNT_MAX = 1_000
INCLUDED_MAX = 5_000
INCLUDE_ROUNDS_MAX = 8
WORDS_MAX = 8

_word = re.compile(r"[^\W_]+")


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


def find_patients(connection: Connection, text: str, limit: int = 20) -> list[Stored]:
    """Patients by the beginnings of words of their names, phone numbers, identifiers or village; best first."""
    words = [_match(word) for word in _words(text)]
    if not words:
        return []
    query = "SELECT rowid FROM patient_text WHERE patient_text MATCH ? ORDER BY rank, rowid LIMIT ?"
    keys = [key for (key,) in connection.execute(query, (" AND ".join(words), limit))]
    return [entry for entry in reading.read_many(connection, keys) if not entry.gone]


def _words(text: str) -> list[str]:
    """Words as the tokenizer makes them; a phone number written with spaces is one."""
    digits = phone_words(text).split(" ")[-1]
    if len(digits) >= NATIONAL_DIGITS - 2 and not any(letter.isalpha() for letter in text):
        return [digits]
    return _word.findall(unicodedata.normalize("NFC", text))[:WORDS_MAX]


def _match(word: str) -> str:
    national = word.lstrip("0")
    if word.isdigit() and national and national != word:
        return f'("{word}"* OR "{national}"*)'
    return f'"{word}"*'


def everything(connection: Connection, patient: int) -> list[int]:
    """Keys of a patient and of what is in the patient's compartment, in the order in which they came."""
    slots = _compartment_slots()
    question = ",".join("?" * len(slots))
    found = connection.execute(
        f"SELECT DISTINCT s.key FROM search s JOIN resource r ON r.key = s.key"
        f" WHERE s.slot IN ({question}) AND s.value = ? AND r.state IS NOT NULL AND NOT r.flags & {GONE} ORDER BY s.key",
        (*slots, patient),
    )
    return [patient, *(key for (key,) in found if key != patient)]


@cache
def _compartment_slots() -> tuple[int, ...]:
    """Slots of the references that put a resource into a patient's compartment."""
    parameters = (parameter for type_name in compartment.types() for parameter in compartment.parameters_for(type_name))
    return tuple(sorted({use.slot.number for parameter in parameters for use in parameter.uses}))
