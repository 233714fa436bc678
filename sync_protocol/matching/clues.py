"""By what somebody can be looked up without reading every record: clues, which a record leaves and a question names.

A clue stands for a value as it sounds or as it ends, so that small differences meet in it; whom it brings up is then compared
(`scoring`). A name alone is no clue: it would bring up thousands, and a list of all who have it tells more than anybody should ask. So
the words of a name stand together with a year of birth or a village, and a hub that keeps clues only as keyed hashes keeps no count
of who is called what.

Blocking keys of record linkage, several passes of them: M. A. Jaro, "Advances in Record-Linkage Methodology", J. Am. Stat. Assoc.
84(406), 1989. That no value alone is enough to ask is this program's own rule.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from sync_protocol.matching import folding
from sync_protocol.matching.dates import ESTIMATED_DAYS
from sync_protocol.matching.person import Person

Kind = Literal["identifier", "phone", "born", "name-year", "name-place"]

VERSION: Final = 1
"""Of the rules below. Kept clues are made anew when it rises."""
WEIGHT: Final[Mapping[Kind, int]] = {"identifier": 8, "phone": 5, "born": 3, "name-year": 2, "name-place": 2}
"""How much a shared clue counts when only some of those whom a question brings up can be compared."""
PHONE_DIGITS: Final = 7
"""The last digits of a number: what is left of it however country and trunk prefix are written (ITU-T E.164, section 6)."""
YEARS_AROUND: Final = 3
"""An age that is told is off by so much in most cases; years are asked for up to so many before and after."""
IDENTIFIER_CHARS_MIN: Final = 6
"""A shorter one, with nothing else, is no question: old registers number their patients from 1, and 1, 2, 3 could be asked for in turn."""
QUESTION_CLUES_MAX: Final = 300


class Clue(NamedTuple):
    """A kind of clue and its value, a text without any meaning of its own."""

    kind: Kind
    value: str


def left_by(person: Person) -> frozenset[Clue]:
    """All clues by which somebody's record is to be found."""
    found = {Clue("identifier", value) for _, value in person.identifiers}
    found |= {Clue("phone", phone[-PHONE_DIGITS:]) for phone in person.phones if len(phone) >= PHONE_DIGITS}
    found |= _born(person)
    found |= {Clue("name-year", f"{sound} {person.born[:4]}") for sound in _sounds(person.names)}
    found |= _places(person)
    return frozenset(found)


def asked_by(person: Person) -> dict[Clue, int]:
    """The clues that a description asks for, with their weights, at most `QUESTION_CLUES_MAX`; the strongest are kept."""
    found = {clue: WEIGHT[clue.kind] for clue in left_by(person)}
    if person.born:
        years = [str(int(person.born[:4]) + apart) for apart in range(-YEARS_AROUND, YEARS_AROUND + 1)]
        # Whose birth date nobody wrote down is found by her name, behind those of the right age.
        around = {Clue("name-year", f"{sound} {year}"): 1 for sound in _sounds(person.names) for year in (*years, "")}
        found = around | found
    else:
        found = {clue: weight for clue, weight in found.items() if clue.kind != "name-year"}
    strongest = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return dict(strongest[:QUESTION_CLUES_MAX])


def enough(person: Person) -> bool:
    """Whether a description may be asked for: an identifier that is not short, or two kinds of a name, a birth date, a phone number, an
    identifier, a village with a name. Sex is half of everybody, and a village with a birth date is a list of its people."""
    if any(len(value) >= IDENTIFIER_CHARS_MIN for _, value in person.identifiers):
        return True
    named = bool(_sounds(person.names))
    whose = [named, bool(person.phones), bool(person.identifiers)]
    when_and_where = [len(person.born) >= 4, named and bool(person.places)]
    return any(whose) and sum(whose) + sum(when_and_where) >= 2


def _born(person: Person) -> set[Clue]:
    """A whole date; one that stands for a year is everybody's who told an age."""
    whole = len(person.born) == 10 and not person.estimated and person.born[5:] not in ESTIMATED_DAYS
    return {Clue("born", person.born)} if whole else set()


def _places(person: Person) -> set[Clue]:
    where = {sound for place in person.places for sound in _sounds([place.replace(" ", "")])}
    return {Clue("name-place", f"{name} {place}") for name in _sounds(person.names) for place in where}


def _sounds(words: Iterable[str]) -> set[str]:
    """What words sound like; of what cannot be spoken, the word itself. A single letter is an initial, which is nobody's name."""
    return {sound for word in words if len(word) > 1 for sound in folding.sounds(word) or (word,)}
