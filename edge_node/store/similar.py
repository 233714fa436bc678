"""Who of the patients here may be the person described: a few hundred candidates by the index, then each scored.

Candidates share an identifier, a telephone number, or two names as they sound or nearly; or one name and the birth date (day and month
exchanged too), or one name, the year and the village. Whoever shares none of these would not reach a score worth showing.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

import msgspec

from edge_node import same_person
from edge_node.store import reading
from edge_node.store.asked import Piece
from edge_node.store.connection import Connection
from edge_node.store.finding import NEAR, SOUND, Choice, choice, matching
from edge_node.store.model import Stored
from edge_node.store.rows import object_of
from edge_node.store.searching import patient_reader
from edge_node.store.vocabulary import Vocabulary
from sync_protocol.matching import scoring
from sync_protocol.matching.person import Person, person_of
from sync_protocol.matching.scoring import Score

CANDIDATES_MAX: Final = 240
A_QUESTION_MAX: Final = 60
NAMES_ASKED_MAX: Final = 4
PROBABLE_LEAST: Final = scoring.GRADES[-1][0]
"""Who is less probable is not told."""


class Similar(msgspec.Struct, frozen=True):
    """A patient who may be the one described, and the score with each field's share. `same_as`: the id of the record that was
    compared, when that was merged into this one."""

    patient: Stored
    score: Score
    same_as: str = ""


def similar(
    connection: Connection, vocabulary: Vocabulary, described: Person, limit: int, without: str | None = None
) -> list[Similar]:
    """Up to `limit` patients, the likeliest first; none below `PROBABLE_LEAST`. `without`: the id of the record described, when
    it is here itself. Within a snapshot."""
    vocabulary.refresh(connection)
    frequency, patients = vocabulary.frequency(connection)
    found: dict[int, Similar] = {}
    read = patient_reader(connection)
    for stored in reading.read_many(connection, _candidates(connection, vocabulary, described)):
        if stored.body is None or stored.id == without:
            continue
        score = scoring.compare(described, person_of(object_of(stored.body)), frequency=frequency, patients=patients)
        if score.probability < PROBABLE_LEAST:
            continue
        for shown in same_person.survivors(stored, read):
            best = found.get(shown.key)
            if shown.id != without and (best is None or best.score.bits < score.bits):
                found[shown.key] = Similar(shown, score, "" if shown.key == stored.key else stored.id)
    return sorted(found.values(), key=lambda one: (-one.score.bits, one.patient.id))[: max(0, limit)]


def _candidates(connection: Connection, vocabulary: Vocabulary, described: Person) -> list[int]:
    """Keys, those that share the most telling things first."""
    keys: dict[int, None] = {}
    for expression in dict.fromkeys(_questions(vocabulary, described)):
        keys.update(dict.fromkeys(matching(connection, expression, A_QUESTION_MAX)))
        if len(keys) >= CANDIDATES_MAX:
            break
    return list(keys)[:CANDIDATES_MAX]


def _questions(vocabulary: Vocabulary, described: Person) -> Iterator[str]:
    """Expressions of the full-text index, the most telling first."""
    names = [choice(vocabulary, Piece(word, word=word), last=False) for word in described.names[:NAMES_ASKED_MAX]]
    yield from (f'identifier : "{value}"' for _, value in described.identifiers if value.isascii())
    yield from (f'phone : "{phone}"' for phone in described.phones)
    any_name = " OR ".join(one.upto(NEAR) for one in names)
    born = described.born.replace("-", "")
    if any_name and len(born) == 8:
        yield from (f'born : "{day}" AND ({any_name})' for day in (born, born[:4] + born[6:] + born[4:6]))
    years = _years(described.born)
    for degree in (SOUND, NEAR):
        for one, other in combinations(names, 2):
            both = f"({one.upto(degree)}) AND ({other.upto(degree)})"
            yield from ([f"{both} AND ({years})"] if years else [])
            yield both
    places = _places(vocabulary, described.places)
    if any_name and years and places:
        yield f"({any_name}) AND ({years}) AND ({places})"
    yield from (f"({one.upto(SOUND)}) AND ({years})" for one in names if years and len(names) == 1)
    yield from (f'ending : "{phone[::-1][:6]}"*' for phone in described.phones)


def _years(born: str) -> str:
    """The year and the three on either side: ages are estimated."""
    if not born:
        return ""
    year = int(born[:4])
    return " OR ".join(f'born : "{near:04}"' for near in range(max(0, year - 3), year + 4))


def _places(vocabulary: Vocabulary, places: Sequence[str]) -> str:
    choices: list[Choice] = [
        choice(vocabulary, Piece(word, word=word), last=False) for place in places for word in place.split()
    ]
    return " OR ".join(one.upto(SOUND) for one in choices[:NAMES_ASKED_MAX])
