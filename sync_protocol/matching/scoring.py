"""How likely two descriptions are of one person: a sum of weights, each with what it is for.

I. P. Fellegi, A. B. Sunter, "A Theory for Record Linkage", J. Am. Stat. Assoc. 64(328), 1969: each field's comparison falls into a
level; *m* is how often that level is found among pairs of one person, *u* among pairs of two; its weight is log₂(m / u), and the
weights of fields add up (bits). With the odds before looking at all, the sum is a probability. Levels between equal and different
(typing errors) follow W. E. Winkler, "String Comparator Metrics and Enhanced Decision Rules in the Fellegi-Sunter Model", 1990;
that agreeing on a rare name weighs more, Fellegi and Sunter's section 3.3.1 (their Method I).

The m and u in the tables are this program's estimates, for clinics where dates are often estimated, spellings vary, and phones are
shared in a household. They are not fitted to linked records of such clinics; that the order and the grades come out right is measured
with simulated errors (`tests/bench/finding.py`). What comes out is for people to look at, never a merge.

`compare(a, b) == compare(b, a)` but for whose words stand on which side; what agrees better never scores less.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import log2
from typing import Final, Literal, NamedTuple

import msgspec
from rapidfuzz.distance import OSA

from sync_protocol.matching import folding
from sync_protocol.matching.dates import born_level
from sync_protocol.matching.person import Person

Field = Literal["name", "born", "sex", "phone", "place", "mother", "identifier"]
Grade = Literal["certain", "probable", "possible", "certainly-not"]
Frequency = Callable[[str], float]
"""The share of people, 0 to 1, of whose name or village a folded word is part."""


class Level(NamedTuple):
    """m: how often among pairs of one person; u: among pairs of two. Of names and places, u is a multiple of the word's frequency."""

    m: float
    u: float

    @property
    def bits(self) -> float:
        return log2(self.m / self.u)


NAME: Final = {"same": Level(0.60, 1), "sound": Level(0.22, 3), "near": Level(0.10, 5)}
NAME_INITIAL: Final = Level(0.04, 0.07)
"""A first letter alone: about one name in fourteen begins with it."""
NAME_OTHER: Final = Level(0.04, 0.93)

BORN: Final = {
    # Two whole dates. Some 20,000 days are possible, the young more often.
    "day": Level(0.72, 1 / 15_000),
    "swapped": Level(0.03, 1 / 10_000),
    "typed": Level(0.08, 1 / 300),
    "year": Level(0.07, 1 / 45),
    "within 2 years": Level(0.04, 4 / 45),
    "other": Level(0.06, 0.88),
    # One of them a year or an estimate (1 January).
    "estimated year": Level(0.45, 1 / 40),
    "estimated within 1": Level(0.20, 2 / 40),
    "estimated within 3": Level(0.20, 4 / 40),
    "estimated within 7": Level(0.11, 8 / 40),
    "estimated other": Level(0.04, 25 / 40),
}
SEX: Final = {"same": Level(0.985, 0.5), "other": Level(0.015, 0.5)}
PHONE: Final = {
    "same": Level(0.50, 0.0005),
    "near": Level(0.04, 0.0005),
    "ending": Level(0.01, 0.0005),
    "other": Level(0.45, 0.9985),
}
PLACE: Final = {"same": Level(0.60, 1), "sound": Level(0.12, 2), "near": Level(0.08, 3)}
PLACE_OTHER: Final = Level(0.20, 0.95)
IDENTIFIER: Final = Level(0.95, 1e-6)
"""Equal in system and value. Different ones say nothing: each clinic gives its own."""

MOTHER_SHARE: Final = 0.6
"""Her mother's words weigh this part of her own: they are told by others, and one name stands for all her children."""
HOUSEHOLD_BITS_MAX: Final = 12.0
"""Phone, village and mother together: a household shares all three, and they are not independent as the sum supposes."""

FREQUENCY_USUAL: Final = 0.003
FREQUENCY_RARE: Final = 1e-4
FREQUENCY_COMMON: Final = 0.2
PLACE_USUAL: Final = 0.05
POPULATION_LEAST: Final = 10_000
"""A small clinic's patients are some of a larger population: no name is rare because few people are here."""
EXPECTED: Final = 0.3
"""How many records of the described person are here, before looking."""

GRADES: Final[tuple[tuple[float, Grade], ...]] = ((0.99, "certain"), (0.8, "probable"), (0.2, "possible"))
"""The least probability of each; FHIR's match-grade (https://hl7.org/fhir/R4/valueset-match-grade.html)."""
CONTRADICTS_BITS: Final = -2.0
"""A field at or below this contradicts: nobody is certain then, however much agrees. Twins agree in all but a name."""


class Share(msgspec.Struct, frozen=True):
    """What one comparison gives: its bits, its level (`how`), and the two values compared."""

    field: Field
    bits: float
    how: str
    mine: str
    theirs: str

    @property
    def contradicts(self) -> bool:
        return self.bits <= CONTRADICTS_BITS and self.field in ("name", "born", "sex")


class Score(msgspec.Struct, frozen=True):
    """How likely two are one. `bits` is the sum of `shares`, bounded for a household; `probability` with the odds before."""

    bits: float
    probability: float
    shares: tuple[Share, ...]

    @property
    def grade(self) -> Grade:
        """FHIR's match-grade."""
        found = next((grade for least, grade in GRADES if self.probability >= least), "certainly-not")
        contradicted = any(share.contradicts for share in self.shares)
        return "probable" if found == "certain" and contradicted else found  # type: ignore[return-value]


def frequencies(patients_with: Mapping[str, int], patients: int) -> Frequency:
    """Frequencies out of counts: of words, how many of so many patients have them. Unknown words are usual ones, the fewer are counted."""
    weight = 1_000
    return lambda word: (patients_with.get(word, 0) + FREQUENCY_USUAL * weight) / (patients + weight)


def compare(a: Person, b: Person, *, frequency: Frequency | None = None, patients: int = POPULATION_LEAST) -> Score:
    """The score of two descriptions. `patients`: how many there are to be taken for each other."""
    shares = (
        *_names(a, b, frequency),
        *_born(a, b),
        *_sex(a, b),
        *_phones(a, b),
        *_places(a, b, frequency),
        *_mothers(a, b, frequency),
        *_identifiers(a, b),
    )
    household = sum(share.bits for share in shares if share.field in ("phone", "place", "mother"))
    others = sum(share.bits for share in shares if share.field not in ("phone", "place", "mother"))
    bits = others + min(household, HOUSEHOLD_BITS_MAX)
    return Score(bits, probability(bits, patients), shares)


def probability(bits: float, patients: int = POPULATION_LEAST) -> float:
    """From 0 to 1, for a sum of weights among so many patients."""
    before = log2(EXPECTED / max(patients, POPULATION_LEAST))
    return 1 / (1 + 2 ** -max(-500.0, min(500.0, bits + before)))


# --- words ------------------------------------------------------------------------------------------------------------


def edits_max(letters: int) -> int:
    """How many typing errors a word of so many letters may have and still be taken for another: a short one is soon somebody else's."""
    return 0 if letters < 3 else 1 if letters < 6 else 2


@lru_cache(maxsize=65_536)
def _near(one: str, other: str) -> bool:
    """Typing errors (a letter more, less, another, two exchanged), or the beginning of the other (Emma, Emmanuel)."""
    short, long = sorted((one, other), key=lambda word: (len(word), word))
    if len(short) >= 3 and long.startswith(short):
        return True
    allowed = edits_max(len(short))
    if allowed == 0:
        return False
    if OSA.distance(one, other, score_cutoff=allowed) <= allowed:
        return True
    return OSA.distance(folding.spoken(one), folding.spoken(other), score_cutoff=1) <= 1


def alike(one: str, other: str) -> str:
    """The level of two folded words: `same`, `sound`, `near`, `initial` or `other`. Symmetric."""
    if one == other:
        return "same"
    if folding.sound_alike(one, other):
        return "sound"
    if min(len(one), len(other)) == 1:
        return "initial" if one[0] == other[0] else "other"
    return "near" if _near(one, other) else "other"


def _word_bits(how: str, one: str, other: str, frequency: Frequency | None) -> float:
    """Of two words that agree the commoner counts: it is easier to have by chance."""
    if how in ("other", "initial"):
        return (NAME_OTHER if how == "other" else NAME_INITIAL).bits
    often = max(frequency(one), frequency(other)) if frequency is not None else FREQUENCY_USUAL
    often = min(FREQUENCY_COMMON, max(FREQUENCY_RARE, often))
    level = NAME[how]
    return max(NAME_OTHER.bits, log2(level.m / (level.u * often)))


class _Pair(NamedTuple):
    bits: float
    how: str
    one: str
    other: str


def _assigned(mine: tuple[str, ...], theirs: tuple[str, ...], frequency: Frequency | None) -> list[_Pair]:
    """Each word of the shorter name with a word of the longer, so that the sum is greatest. Names stand in any order, and some are
    left out; words that are left over say nothing."""
    few, many = (mine, theirs) if len(mine) <= len(theirs) else (theirs, mine)
    table = [[_pair(one, other, frequency) for other in many] for one in few]
    best: dict[int, tuple[float, tuple[_Pair, ...]]] = {0: (0.0, ())}
    for row in table:  # over sets of the longer's words that are taken: at most 2⁶
        further: dict[int, tuple[float, tuple[_Pair, ...]]] = {}
        for taken, (bits, pairs) in best.items():
            for column, pair in enumerate(row):
                if taken >> column & 1:
                    continue
                into, total = taken | 1 << column, bits + pair.bits
                if into not in further or total > further[into][0]:
                    further[into] = (total, (*pairs, pair))
        best = further
    chosen = max(best.values(), key=lambda found: found[0])[1]
    return list(chosen) if few is mine else [pair._replace(one=pair.other, other=pair.one) for pair in chosen]


def _pair(one: str, other: str, frequency: Frequency | None) -> _Pair:
    how = alike(one, other)
    return _Pair(_word_bits(how, one, other, frequency), how, one, other)


def _names(a: Person, b: Person, frequency: Frequency | None) -> list[Share]:
    if not a.names or not b.names:
        return []
    return [Share("name", pair.bits, pair.how, pair.one, pair.other) for pair in _assigned(a.names, b.names, frequency)]


def _mothers(a: Person, b: Person, frequency: Frequency | None) -> list[Share]:
    if not a.mother or not b.mother:
        return []
    pairs = _assigned(a.mother, b.mother, frequency)
    return [Share("mother", MOTHER_SHARE * pair.bits, pair.how, pair.one, pair.other) for pair in pairs]


# --- the other fields -------------------------------------------------------------------------------------------------


def _born(a: Person, b: Person) -> list[Share]:
    if not a.born or not b.born:
        return []
    how = born_level(a.born, b.born, estimated=a.estimated or b.estimated)
    return [Share("born", BORN[how].bits, how, a.born, b.born)]


def _sex(a: Person, b: Person) -> list[Share]:
    if not a.sex or not b.sex:
        return []
    how = "same" if a.sex == b.sex else "other"
    return [Share("sex", SEX[how].bits, how, a.sex, b.sex)]


def _phones(a: Person, b: Person) -> list[Share]:
    """The best of all pairs of numbers: people have several."""
    pairs = [(_phone_level(mine, theirs), mine, theirs) for mine in a.phones for theirs in b.phones]
    if not pairs:
        return []
    how, mine, theirs = max(pairs, key=lambda pair: PHONE[pair[0]].bits)
    return [Share("phone", PHONE[how].bits, how, mine, theirs)]


def _phone_level(one: str, other: str) -> str:
    if one == other:
        return "same"
    if OSA.distance(one, other, score_cutoff=1) <= 1:
        return "near"
    return "ending" if one[-6:] == other[-6:] else "other"


def _places(a: Person, b: Person, frequency: Frequency | None) -> list[Share]:
    found = [_place(mine, theirs, frequency) for mine in a.places for theirs in b.places]
    return [max(found, key=lambda share: share.bits)] if found else []


def _place(mine: str, theirs: str, frequency: Frequency | None) -> Share:
    how = alike(mine.replace(" ", ""), theirs.replace(" ", ""))
    if how not in PLACE:
        return Share("place", PLACE_OTHER.bits, "other", mine, theirs)
    # Of several words (Sinkunia Junction) the rarest tells the place.
    often = [min(map(frequency, text.split())) for text in (mine, theirs)] if frequency is not None else [PLACE_USUAL]
    share = min(FREQUENCY_COMMON, max(FREQUENCY_RARE, *often))
    level = PLACE[how]
    return Share("place", max(PLACE_OTHER.bits, log2(level.m / (level.u * share))), how, mine, theirs)


def _identifiers(a: Person, b: Person) -> list[Share]:
    common = sorted(set(a.identifiers) & set(b.identifiers))
    return [Share("identifier", IDENTIFIER.bits, "same", value, value) for _, value in common[:1]]
