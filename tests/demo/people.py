"""Synthetic patients of Ghana's clinics: Synthea's records under names, places and telephone numbers of the region."""

import gzip
import json
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).resolve().parent.parent / "data"
RECORDS: Final = DATA / "synthea_r4_120_patients.ndjson.gz"
NAMES: Final = DATA / "names_west_africa.json"

SOUTH: Final = ("Aburi", "Akropong", "Mampong", "Larteh", "Adukrom", "Dodowa", "Mamfe", "Berekuso")
NORTH: Final = ("Tamale", "Savelugu", "Yendi", "Nanton", "Tolon", "Kumbungu", "Gushegu", "Karaga")
TONGUES: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    SOUTH: ("tw_GH", "tw_GH", "tw_GH", "yo_NG", "ig_NG"),
    NORTH: ("ha_NG", "ha_NG", "tw_GH"),
}
"""Whose names people have, by how common they are there."""
PLACES_IN: Final = frozenset({"http://hl7.org/fhir/StructureDefinition/patient-birthPlace"})
NAMES_IN: Final = frozenset({"http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"})

Person = dict[str, Any]


@cache
def names() -> dict[str, dict[str, list[str]]]:
    """Language → lists of names."""
    found: dict[str, dict[str, list[str]]] = json.loads(NAMES.read_text(encoding="utf-8"))
    return found


def write_people(out: Path, towns: tuple[str, ...], start: int, count: int) -> list[Person]:
    """Writes the records of some of the people, one Bundle a line, as if they lived in these towns. Returns the patients."""
    people = []
    with gzip.open(RECORDS, "rt", encoding="utf-8") as records, out.open("w", encoding="utf-8") as written:
        for number, line in enumerate(records):
            if not start <= number < start + count:
                continue
            bundle = json.loads(line, parse_float=Digits)
            for entry in bundle["entry"]:
                if entry["resource"]["resourceType"] == "Patient":
                    entry["resource"] = settled(entry["resource"], towns)
                    people.append(entry["resource"])
            written.write(json.dumps(bundle, ensure_ascii=False) + "\n")
    return people


class Digits(float):
    """A decimal that is written as it was read: 6.00 stays 6.00."""

    def __new__(cls, text: str) -> "Digits":
        made = super().__new__(cls, text)
        made.text = text
        return made

    text: str

    def __repr__(self) -> str:
        return self.text


def settled(patient: Person, towns: tuple[str, ...]) -> Person:
    """The patient under another name, in another place, with another number; the same ones every time."""
    chance = random.Random(str(patient["id"]))
    lists = names()[chance.choice(TONGUES[towns])]
    family = chance.choice(lists["last_names"])
    given = chance.sample(lists["first_names_female" if patient["gender"] == "female" else "first_names_male"], 2)
    town = chance.choice(towns)
    return {
        **patient,
        "name": [*_named(patient["name"], family, given, chance.choice(lists["last_names"]))],
        "telecom": [{"system": "phone", "use": "mobile", "value": phone(chance)}],
        "address": [{"use": "home", "line": [f"House {chance.randint(1, 240)}"], "city": town, "country": "GH"}],
        "extension": [_extension(one, town, chance.choice(lists["last_names"])) for one in patient["extension"]],
    }


def phone(chance: random.Random) -> str:
    """A number that nobody has: no number of Ghana begins with 00."""
    return f"+233 00 {chance.randint(100, 999)} {chance.randint(1000, 9999)}"


def _named(before: list[Person], family: str, given: list[str], maiden: str) -> Iterator[Person]:
    for name in before:
        yield {**name, "given": given, "family": maiden if name.get("use") == "maiden" else family}


def _extension(extension: Person, town: str, name: str) -> Person:
    if extension["url"] in PLACES_IN:
        return {"url": extension["url"], "valueAddress": {"city": town, "country": "GH"}}
    if extension["url"] in NAMES_IN:
        return {"url": extension["url"], "valueString": name}
    return extension


def called(patient: Person) -> str:
    """What people call her."""
    name = patient["name"][0]
    return f"{name['given'][0]} {name['family']}"
