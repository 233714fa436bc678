"""The find box: patients by anything that people say of themselves, the closest first, each with how it was understood.

Each word that was typed becomes a few words that occur here (`vocabulary`), by degrees: as typed, as a beginning, as it sounds, with one
typing error, with two. The full-text index is asked degree by degree until enough are found, everything exact first, then one
word at a time taken further. So what is spelled as it was recorded costs one look-up, and what is not, a few.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Final, Literal

import msgspec

from edge_node import same_person
from edge_node.store import asked, indexing, reading
from edge_node.store.asked import Piece
from edge_node.store.connection import Connection
from edge_node.store.indexing import BORN, ENDING, IDENTIFIER, NAME, PHONE, VILLAGE
from edge_node.store.model import Stored
from edge_node.store.rows import object_of
from edge_node.store.searching import patient_reader
from edge_node.store.vocabulary import Vocabulary
from sync_protocol.matching.person import NATIONAL_DIGITS

ENDING_DIGITS_MIN: Final = 4
BEGINNING_DIGITS_MIN: Final = 3
LOOKED_AT: Final = (60, 60, 120, 120, 120)
"""How many of a degree are read at a time, the latest first, to be put in order. The same whatever the limit, so that a longer list
begins as a shorter one does."""

How = Literal["as typed", "beginning", "sound", "near"]
EXACT, BEGINNING, SOUND, NEAR, NEARER_NOT = range(5)
_HOW: Final[tuple[How, ...]] = ("as typed", "beginning", "sound", "near", "near")
_WORDS: Final = "{name village identifier}"
_WORD_COLUMNS: Final = (NAME, VILLAGE, IDENTIFIER)
_UNMATCHED: Final = 9.0


class Taken(msgspec.Struct, frozen=True):
    """How a word that was asked for was understood: as which of the patient's own words, in which part of the record."""

    asked: str
    found: str
    how: How
    part: Literal["name", "phone", "identifier", "village", "born"]


class FoundPatient(Stored, frozen=True):
    """A patient, and why she was found. `same_as`: the id of the record by which she was found, when that was merged into hers."""

    why: tuple[Taken, ...] = ()
    same_as: str = ""


class Choice(msgspec.Struct, frozen=True):
    """What a piece may be taken for. `degrees`: expressions of the full-text index, by degree; `costs`: word → degree, and behind
    the point its place in that degree."""

    piece: Piece
    degrees: tuple[tuple[str, ...], ...]
    costs: dict[str, float]

    def upto(self, degree: int) -> str:
        """The piece as an expression, taken as far as a degree allows."""
        return " OR ".join(term for terms in self.degrees[: degree + 1] for term in terms)

    def reaches(self, degree: int) -> bool:
        return bool(self.degrees[degree])


def find_patients(
    connection: Connection, vocabulary: Vocabulary, text: str, limit: int, today: date | None
) -> list[FoundPatient]:
    """Up to `limit` patients of whom every word of `text` says something, within a snapshot."""
    vocabulary.refresh(connection)
    wanted = asked.pieces(text, today)
    choices = [choice(vocabulary, piece, last=piece is wanted[-1]) for piece in wanted]
    untitled = [one for one in choices if one.piece.word not in asked.TITLES]
    for those in (choices, untitled):
        found = list(islice(_persons(connection, _ordered(connection, those)), limit)) if those else []
        if found or len(untitled) == len(choices):
            return found
    return []


def _persons(connection: Connection, found: Iterator[FoundPatient]) -> Iterator[FoundPatient]:
    """Each person once: in place of a record that was merged into another, the other."""
    told: set[int] = set()
    read = patient_reader(connection)
    for one in found:
        for shown in _shown(read, one):
            if shown.key not in told:
                told.add(shown.key)
                yield shown


def _shown(read: same_person.Read, one: FoundPatient) -> list[FoundPatient]:
    shown = same_person.survivors(one, read)
    return [one if other.key == one.key else _with(other, one.why, one.id) for other in shown]


def _with(stored: Stored, why: tuple[Taken, ...], same_as: str = "") -> FoundPatient:
    return FoundPatient(**{name: getattr(stored, name) for name in Stored.__struct_fields__}, why=why, same_as=same_as)


# --- by degrees -------------------------------------------------------------------------------------------------------


def _ordered(connection: Connection, choices: Sequence[Choice]) -> Iterator[FoundPatient]:
    seen: set[int] = set()
    for degrees in _combinations(choices):
        expression = " AND ".join(f"({one.upto(degree)})" for one, degree in zip(choices, degrees, strict=True))
        below = 1 << 62
        while True:
            keys = matching(connection, expression, LOOKED_AT[max(degrees)], below)
            yield from _closest_first(connection, choices, [key for key in keys if key not in seen])
            seen.update(keys)
            if len(keys) < LOOKED_AT[max(degrees)]:
                break
            below = keys[-1]


def _combinations(choices: Sequence[Choice]) -> list[tuple[int, ...]]:
    """How far each piece is taken, in the order in which it is tried: all exactly, all as beginnings; then for each degree one piece
    that far and the others as beginnings, then all of them."""
    number = len(choices)
    found = [(EXACT,) * number, (BEGINNING,) * number]
    for degree in (SOUND, NEAR, NEARER_NOT):
        further = [place for place, one in enumerate(choices) if one.reaches(degree)]
        for place in further:
            found.append(tuple(degree if place == here else BEGINNING for here in range(number)))
        if number > 1 and any(one.reaches(any_) for one in choices for any_ in range(SOUND, degree + 1)):
            found.append((degree,) * number)
    possible = [degrees for degrees in found if all(map(Choice.upto, choices, degrees))]
    return list(dict.fromkeys(possible))


def matching(connection: Connection, expression: str, limit: int, below: int = 1 << 62) -> list[int]:
    """Keys of patients whose text matches, the latest first, those below a key."""
    query = "SELECT rowid FROM patient_text WHERE patient_text MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?"
    return [key for (key,) in connection.execute(query, (expression, below, limit))]


def _closest_first(connection: Connection, choices: Sequence[Choice], keys: list[int]) -> list[FoundPatient]:
    found = []
    for stored in reading.read_many(connection, keys):
        text = indexing.patient_text(object_of(stored.body)) if stored.body is not None else None
        if text is not None:
            columns = [column.split() for column in text]
            costs = [_closest(one, columns) for one in choices]
            order = (sum(cost for cost, _ in costs), len(columns[NAME]), -stored.key)
            found.append((order, _with(stored, tuple(taken for _, taken in costs if taken is not None))))
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


# --- what a piece may be ----------------------------------------------------------------------------------------------


def choice(vocabulary: Vocabulary, piece: Piece, *, last: bool) -> Choice:
    """What a piece may be taken for. The last one may still be being typed."""
    return _word_choice(vocabulary, piece, last) if piece.word else _number_choice(piece)


def _word_choice(vocabulary: Vocabulary, piece: Piece, last: bool) -> Choice:
    word = piece.word
    sounding = vocabulary.sounding(word, unfinished=last) if len(word) > 1 else []
    near = vocabulary.near(word)
    meant = dict.fromkeys(sounding, SOUND) | {
        other: NEAR if edits == 1 else NEARER_NOT for other, edits in near.items() if other not in sounding
    }
    meant[word] = EXACT
    parted = tuple(f'({_WORDS} : "{one}" AND {_WORDS} : "{other}")' for one, other in vocabulary.parted(word))
    by_degree = [tuple(f'{_WORDS} : "{other}"' for other, at in meant.items() if at == degree) for degree in range(5)]
    by_degree[BEGINNING] = (f'{_WORDS} : "{word}"*',)
    by_degree[SOUND] = (*by_degree[SOUND], *parted)
    costs = {other: degree + place / 1000 for place, (other, degree) in enumerate(meant.items())} | {word: 0.0}
    return Choice(piece, tuple(by_degree), costs)


def _number_choice(piece: Piece) -> Choice:
    digits = piece.digits
    national = digits.lstrip("0")[-NATIONAL_DIGITS:]
    exact = [f'born : "{beginning}"' for beginning in piece.born]
    begins = []
    if digits:
        exact += [f'identifier : "{digits}"']
        exact += [f'phone : "{national}"'] if national else []
    if len(digits) >= BEGINNING_DIGITS_MIN:
        begins += [f'identifier : "{digits}"*']
        begins += [f'phone : "{digits.lstrip("0")}"*'] if digits.lstrip("0") else []
    if len(digits) >= ENDING_DIGITS_MIN:
        begins += [f'ending : "{digits[::-1][:NATIONAL_DIGITS]}"*']
    return Choice(piece, (tuple(exact), tuple(begins), (), (), ()), {})


# --- how close a patient is -------------------------------------------------------------------------------------------


def _closest(one: Choice, columns: Sequence[list[str]]) -> tuple[float, Taken | None]:
    """The least cost at which a piece is one of a patient's words, and which."""
    found = _word_taken(one, columns) if one.piece.word else _number_taken(one.piece, columns)
    return min(found, key=lambda pair: pair[0], default=(_UNMATCHED, None))


_PARTS: Final[dict[int, Literal["name", "phone", "identifier", "village", "born"]]] = {
    NAME: "name",
    PHONE: "phone",
    ENDING: "phone",
    IDENTIFIER: "identifier",
    VILLAGE: "village",
    BORN: "born",
}


def _word_taken(one: Choice, columns: Sequence[list[str]]) -> Iterator[tuple[float, Taken]]:
    word = one.piece.word
    for column in _WORD_COLUMNS:
        for own in columns[column]:
            cost = one.costs.get(own)
            if cost is not None:
                yield cost, Taken(word, own, _HOW[int(cost)], _PARTS[column])
            elif own.startswith(word):
                yield BEGINNING + len(own) / 1000, Taken(word, own, "beginning", _PARTS[column])
            elif len(own) > 2 and word.startswith(own):  # one of two that were written as one
                yield SOUND, Taken(word, own, "sound", _PARTS[column])


def _number_taken(piece: Piece, columns: Sequence[list[str]]) -> Iterator[tuple[float, Taken]]:
    for own in columns[BORN][-1:]:  # the whole date
        if own.startswith(piece.born):
            yield EXACT, Taken(piece.text, own, "as typed", "born")
    if not piece.digits:
        return
    national = piece.digits.lstrip("0")[-NATIONAL_DIGITS:]
    for column in (IDENTIFIER, PHONE):
        for own in columns[column]:
            if own == piece.digits or (column == PHONE and own == national):
                yield EXACT, Taken(piece.text, own, "as typed", _PARTS[column])
            elif own.startswith(piece.digits.lstrip("0") if column == PHONE else piece.digits):
                yield BEGINNING, Taken(piece.text, own, "beginning", _PARTS[column])
            elif column == PHONE and own.endswith(piece.digits[-NATIONAL_DIGITS:]):
                yield BEGINNING, Taken(piece.text, own, "beginning", "phone")
