"""Made-up patients in any number, and the ways in which people write their names otherwise. One seed makes the same ones always.

Names are drawn from the lists of `tests/data`: half of the patients from those of Africa, half from everywhere; of each list the first name
is the commonest (Zipf's law, by rank). Villages are surnames. None of it is about anybody.
"""

import csv
import gzip
import json
import random
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import msgspec

from sync_protocol.matching import numbers

DATA: Final = Path(__file__).resolve().parents[1] / "data"
VILLAGES: Final = 300


class Names(msgspec.Struct, frozen=True):
    """The names of one people: forenames of women and men together, surnames."""

    given: tuple[str, ...]
    family: tuple[str, ...]


@cache
def african() -> tuple[Names, ...]:
    """Igbo, Yoruba, Hausa, Twi, Swahili."""
    lists = json.loads((DATA / "names_west_africa.json").read_text(encoding="utf-8"))
    return tuple(
        Names((*one["first_names_female"], *one["first_names_male"]), tuple(one["last_names"]))
        for one in lists.values()
    )


@cache
def by_country() -> tuple[tuple[str, str, str, str], ...]:
    """Country, `forename` or `surname`, the name in its own script, and in Latin letters."""
    with gzip.open(DATA / "names_by_country.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return tuple(
            (row["country"], row["kind"], row["localized"].strip(), row["romanized"].strip())
            for row in csv.DictReader(file)
            if row["romanized"].strip()
        )


@cache
def worldwide() -> tuple[Names, ...]:
    """The countries that have both kinds of names, in Latin letters."""
    found: dict[str, dict[str, list[str]]] = {}
    for country, kind, _, romanized in by_country():
        found.setdefault(country, {"forename": [], "surname": []})[kind].append(romanized)
    both = (one for one in found.values() if one["forename"] and one["surname"])
    return tuple(Names(tuple(dict.fromkeys(one["forename"])), tuple(dict.fromkeys(one["surname"]))) for one in both)


@cache
def _weights(number: int) -> tuple[float, ...]:
    return tuple(accumulate(1 / (10 + rank) for rank in range(number)))


def _drawn(chance: random.Random, names: tuple[str, ...]) -> str:
    return chance.choices(names, cum_weights=_weights(len(names)))[0]


def patients(number: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """FHIR Patients, each with one or two forenames, a surname, birth date, sex, telephone, village and number."""
    chance = random.Random(seed)
    villages = tuple(dict.fromkeys(name for one in (*african(), *worldwide()) for name in one.family))[::7][:VILLAGES]
    for place in range(number):
        yield _patient(chance, f"p-{seed}-{place}", villages)


def _patient(chance: random.Random, id_: str, villages: tuple[str, ...]) -> dict[str, Any]:
    names = chance.choice(african() if chance.random() < 0.5 else worldwide())
    given = [_drawn(chance, names.given) for _ in range(chance.choice((1, 1, 2)))]
    year, month, day = chance.randint(1945, 2025), chance.randint(1, 12), chance.randint(1, 28)
    born = f"{year}-{month:02}-{day:02}" if chance.random() < 0.6 else f"{year}"
    number = numbers.make(10_000 + chance.randrange(50), chance.getrandbits(40))
    return {
        "resourceType": "Patient",
        "id": id_,
        "name": [{"family": _drawn(chance, names.family), "given": list(dict.fromkeys(given))}],
        "birthDate": born,
        "gender": chance.choice(("female", "male")),
        "telecom": [{"system": "phone", "value": f"+233{chance.randrange(2 * 10**8, 6 * 10**8)}"}],
        "address": [{"city": chance.choice(villages)}],
        "identifier": [{"system": numbers.SYSTEM, "value": number.digits}],
    }


def full_name(patient: dict[str, Any]) -> str:
    """As it is said: forenames, surname."""
    name = patient["name"][0]
    return " ".join([*name["given"], name["family"]])


# --- otherwise written ------------------------------------------------------------------------------------------------

SPELLINGS: Final = (
    *(
        ("ou", "u"),
        ("oo", "u"),
        ("u", "ou"),
        ("ch", "sh"),
        ("sh", "ch"),
        ("c", "k"),
        ("k", "c"),
        ("ph", "f"),
        ("f", "ph"),
    ),
    *(("dj", "j"), ("j", "dj"), ("y", "i"), ("i", "y"), ("ee", "i"), ("th", "t"), ("kh", "h"), ("z", "s"), ("w", "ou")),
    *(
        ("mm", "m"),
        ("ss", "s"),
        ("ll", "l"),
        ("tt", "t"),
        ("nn", "n"),
        ("m", "mm"),
        ("s", "ss"),
        ("ah", "a"),
        ("a", "ah"),
    ),
    *(("o", "u"), ("e", "i"), ("a", "e"), ("ie", "i"), ("gh", "g"), ("qu", "kw"), ("v", "f"), ("aa", "a"), ("ai", "e")),
)
"""Ways of writing one sound, one for another. A list of the test's own: the rules of the product are not looked at."""


def one_edit(name: str, chance: random.Random) -> str:
    """A letter more, less, or another, in one word of four letters or more."""

    def edit(word: str) -> str:
        place, letter = chance.randrange(1, len(word)), chance.choice("abcdefghijklmnopqrstuvwxyz")
        kind = chance.randrange(3)
        return word[:place] + ("" if kind == 0 else letter) + word[place + (0 if kind == 1 else 1) :]

    return _in_a_word(name, chance, edit)


def exchanged(name: str, chance: random.Random) -> str:
    """Two neighbouring letters of a word exchanged."""

    def exchange(word: str) -> str:
        place = chance.randrange(1, len(word) - 1)
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]

    return _in_a_word(name, chance, exchange)


def otherwise_spelled(name: str, chance: random.Random) -> str:
    """One sound in each word written another way, where the list has one."""

    def spell(word: str) -> str:
        possible = [(old, new) for old, new in SPELLINGS if old in word]
        old, new = chance.choice(possible) if possible else ("", "")
        return word.replace(old, new, 1) if old else word

    return " ".join(spell(word) for word in name.lower().split())


def without_accents(name: str, chance: random.Random) -> str:
    """As typed on a keyboard that has none."""
    return "".join(letter for letter in unicodedata.normalize("NFD", name) if not unicodedata.combining(letter))


def in_another_order(name: str, chance: random.Random) -> str:
    words = name.split()
    return " ".join([words[-1], *words[:-1]])


def shortened(name: str, chance: random.Random) -> str:
    """The first name by its beginning, three letters or more: Emma for Emmanuel."""
    first, *rest = name.split()
    return " ".join([first[: max(3, len(first) // 2 + 1)], *rest])


def _in_a_word(name: str, chance: random.Random, change: Callable[[str], str]) -> str:
    words = name.lower().split()
    long = [place for place, word in enumerate(words) if len(word) >= 4]
    if long:
        place = chance.choice(long)
        words[place] = change(words[place])
    return " ".join(words)


WAYS: Final[dict[str, Callable[[str, random.Random], str]]] = {
    "as recorded": lambda name, chance: name,
    "one letter wrong": one_edit,
    "two letters exchanged": exchanged,
    "another spelling of the sound": otherwise_spelled,
    "no accents": without_accents,
    "another order": in_another_order,
    "a shortened name": shortened,
}


def come_again(patient: dict[str, Any], number: int, chance: random.Random) -> dict[str, Any]:
    """The patient as registered anew: the name misspelled, every second with another telephone, every third with an estimated age."""
    way = chance.choice([one_edit, exchanged, otherwise_spelled, in_another_order])
    again = {**patient, "id": "new", "name": [{"text": way(full_name(patient), chance)}], "identifier": []}
    if number % 2:
        again["telecom"] = [{"system": "phone", "value": f"0{chance.randrange(2 * 10**8, 6 * 10**8)}"}]
    if number % 3 == 0:
        again["birthDate"] = str(int(patient["birthDate"][:4]) + chance.choice((-1, 0, 1)))
    return again
