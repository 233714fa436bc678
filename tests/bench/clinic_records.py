"""The records of a large clinic: 100,000 made-up patients with 2,000,000 resources between them, the same ones for the same day always.

Each patient has a name, village, telephone and number (`persons.py`), and a piece of a Synthea patient's record, long for few and short
for most. Of women between 15 and 44 every eighth is pregnant or gave birth lately, with the records that the clinic's forms write:
registered, dated, contacts until now, some of them missed. Days of pregnancies are counted from a given day, so that lists have people on
them.
"""

import json
import random
import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from typing import Any, Final

from edge_node.store.bundles import Item
from tests.bench import persons, samples
from tests.edge.maternal.making import Record

VERSION: Final = "1"
PATIENTS: Final = 100_000
RESOURCES: Final = 2_000_000
PIECE_MEAN: Final = 17.4
_PREGNANT: Final = 8
_TERMS: Final = 46
"""Templates of pregnancies, by weeks since the last period."""
_uuid = re.compile(rb"[0-9a-f]{8}(?=-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
_number = re.compile(rb"\br(\d{3})\b")


def items(anchor: date, patients: int = PATIENTS, resources: int = RESOURCES) -> Iterator[Item]:
    """The resources as an import takes them, patient after patient."""
    chance = random.Random(VERSION)
    left = resources
    for place, person in enumerate(persons.patients(patients)):
        ahead = patients - place - 1
        own = list(_record(chance, anchor, person, left - ahead))
        left -= len(own)
        yield from (Item(body) for body in own)


def _record(chance: random.Random, anchor: date, person: dict[str, Any], most: int) -> Iterator[bytes]:
    """Her Patient and what is about her, at most so many."""
    id_ = str(person["id"]).encode()
    yield json.dumps(person).encode()
    found = [*_pregnancy(chance, anchor, person, id_), *_piece(chance, id_)]
    yield from found[: most - 1]


def _piece(chance: random.Random, id_: bytes) -> Iterator[bytes]:
    old, bodies = chance.choice(_synthea())
    length = min(len(bodies), 2 + int(chance.expovariate(1 / PIECE_MEAN)))
    first = chance.randrange(len(bodies) - length + 1)
    mask = chance.getrandbits(32)
    for body in bodies[first : first + length]:
        mine = body.replace(old, b"Patient/" + id_)
        yield _uuid.sub(lambda hit: b"%08x" % (int(hit[0], 16) ^ mask), mine)


@cache
def _synthea() -> tuple[tuple[bytes, tuple[bytes, ...]], ...]:
    """Of each Synthea patient the reference and the resources but the Patient, in their order."""
    found: list[tuple[bytes, list[bytes]]] = []
    for body in samples.originals():
        type_, id_ = samples.name(body)
        if type_ == "Patient":
            found.append((f"Patient/{id_}".encode(), []))
        else:
            found[-1][1].append(body)
    return tuple((reference, tuple(bodies)) for reference, bodies in found)


def _pregnancy(chance: random.Random, anchor: date, person: dict[str, Any], id_: bytes) -> Iterator[bytes]:
    age = anchor.year - int(person["birthDate"][:4])
    if person["gender"] != "female" or not 15 <= age < 45 or chance.randrange(_PREGNANT):
        return
    prefix = id_ + b"-r"
    for body in _template(anchor, chance.randrange(6, 6 + _TERMS), chance.randrange(3)):
        yield _number.sub(lambda hit: prefix + hit[1], body.replace(b"Patient/mother", b"Patient/" + id_))


@cache
def _template(anchor: date, weeks: int, missed: int) -> tuple[bytes, ...]:
    """A pregnancy whose last period was so many weeks ago, each contact but the last few kept."""
    record, lmp = Record(), anchor - timedelta(weeks=weeks)
    booked = min(weeks, 10)
    day = lmp + timedelta(weeks=booked)
    episode = record.episode(day)
    record.lmp(lmp, day, episode)
    kept = [week for week in (booked, 20, 26, 30, 34, 36, 38) if week <= weeks]
    for week in kept[: max(1, len(kept) - missed)]:
        on = lmp + timedelta(weeks=week)
        contact = record.contact(on, episode)
        record.pressure(110 + 3 * (week % 12), 70 + week % 24, on, contact)
    if weeks > 40:
        record.outcome("live-birth", lmp + timedelta(days=280), episode)
    found = []
    for one in record.resources[1:]:
        if one["resourceType"] == "Encounter":
            one["class"] = {"code": "AMB"}
        found.append(json.dumps(one, default=str).encode())
    return tuple(found)
