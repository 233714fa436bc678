"""Finding people among 100,000: how surely whoever is meant is found, and how soon, in the encrypted store.

Names of made-up patients (`persons.py`) are typed as they were recorded and with the mistakes that people make, each by a seed. Found
is who has exactly the recorded name and stands among the first ten; many have the same name, so who of them was meant is asked with the
year of birth too. Type-ahead asks after every letter. Duplicates are patients who come again: the name misspelled, every second with
another telephone, every third with an estimated age; strangers are as many who were never here.

Milliseconds are those of one look-up in a process that has looked before, by the wall; `cpu` is this process's share of it.
"""

import json
import random
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any

import psutil

from edge_node.store.bundles import Item
from edge_node.store.finding import FoundPatient
from edge_node.store.store import Store
from tests.bench import nodes, persons, samples
from tests.bench.rows import Options, Row
from tests.bench.timing import quantile

PATIENTS = 100_000
ASKED = 200
TYPED = 60
LISTED = 10
SEEN_AT_ONCE = 8
TODAY = date(2025, 6, 15)
FLOORS = {
    "as recorded": 0.99,
    "one letter wrong": 0.92,
    "two letters exchanged": 0.95,
    "another spelling of the sound": 0.90,
    "no accents": 0.99,
    "another order": 0.99,
    "a shortened name": 0.95,
}


def measure(options: Options) -> list[Row]:
    people = list(persons.patients(PATIENTS))
    with nodes.folder() as place, nodes.opened(place / "node") as store:
        items = (Item(json.dumps(one).encode()) for one in people)
        store.import_resources(items, samples.AUTHOR, nodes.now_ms)
        before = psutil.Process().memory_info().rss
        first = _timed(lambda: store.find_patients("ama"))[0]
        memory = Row(
            name="vocabulary",
            work="the list of all words, in memory",
            value=(psutil.Process().memory_info().rss - before) / 2**20,
            unit="MiB",
            must=60,
            aim=20,
            note=f"made by the first look-up, {1000 * first:.0f} ms",
        )
        return [memory, *_recall(store, people), *_typing(store, people), *_duplicates(store, people)]


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def _name(found: FoundPatient) -> str:
    return persons.full_name(json.loads(found.body or b"{}"))


def _recall(store: Store, people: Sequence[dict[str, Any]]) -> list[Row]:
    rows, seconds, begun = [], [], (time.process_time(), time.perf_counter())
    for way, write in persons.WAYS.items():
        chance = random.Random(way)
        ranks, with_year = [], 0
        for one in chance.sample(people, ASKED):
            name = persons.full_name(one)
            typed = write(name, chance)
            took, found = _timed(partial(store.find_patients, typed, LISTED))
            names = [_name(other) for other in found]
            ranks += [names.index(name) + 1] if name in names else []
            text = f"{typed} {one['birthDate'][:4]}"
            again, found = _timed(partial(store.find_patients, text, LISTED, today=TODAY))
            with_year += one["id"] in {other.id for other in found}
            seconds += [took, again]
        rows.append(
            Row(
                name=f"recall, {way}",
                work=f"found among the first ten: {way}",
                value=100 * len(ranks) / ASKED,
                unit="%",
                better="more",
                must=100 * FLOORS[way],
                note=f"mean rank {sum(ranks) / max(1, len(ranks)):.2f}; herself, with the year of birth: {100 * with_year / ASKED:.0f} %",
            )
        )
    cpu = (time.process_time() - begun[0]) / (time.perf_counter() - begun[1])
    return [*rows, _soon("find", "one look-up of a name among 100,000 patients, p99", seconds, cpu)]


def _typing(store: Store, people: Sequence[dict[str, Any]]) -> list[Row]:
    seconds, begun = [], (time.process_time(), time.perf_counter())
    for one in random.Random(2).sample(people, TYPED):
        name, number, phone = persons.full_name(one).lower(), one["identifier"][0]["value"], one["telecom"][0]["value"]
        typed = [name[:end] for end in range(1, len(name) + 1)]
        for text in (*typed, phone, phone[-4:], number, number[:4], "34y", one["birthDate"][:4]):
            seconds.append(_timed(partial(store.find_patients, text, SEEN_AT_ONCE, today=TODAY))[0])
    cpu = (time.process_time() - begun[0]) / (time.perf_counter() - begun[1])
    return [_soon("type-ahead", "after each letter, telephone, number or age typed, p99", seconds, cpu)]


def _duplicates(store: Store, people: Sequence[dict[str, Any]]) -> list[Row]:
    chance = random.Random(3)
    seconds, met, begun = [], 0, (time.process_time(), time.perf_counter())
    for place, one in enumerate(chance.sample(people, ASKED)):
        took, found = _timed(partial(store.similar, persons.come_again(one, place, chance), 5))
        seconds.append(took)
        met += one["id"] in {other.patient.id for other in found}
    taken = 0
    for one in persons.patients(ASKED, seed=99):
        took, found = _timed(partial(store.similar, one, 5))
        seconds.append(took)
        taken += any(other.score.grade in ("certain", "probable") for other in found)
    cpu = (time.process_time() - begun[0]) / (time.perf_counter() - begun[1])
    return [
        Row(
            name="duplicates",
            work="who comes again is shown",
            value=100 * met / ASKED,
            unit="%",
            better="more",
            must=90,
            note=f"strangers taken for somebody, as probable or certain: {100 * taken / ASKED:.1f} %",
        ),
        _soon("similar", "who is like the one being registered, p99", seconds, cpu),
    ]


def _soon(name: str, work: str, seconds: Sequence[float], cpu: float) -> Row:
    return Row(
        name=name,
        work=work,
        value=1000 * quantile(seconds, 0.99),
        unit="ms",
        must=100,
        aim=50,
        cpu=cpu,
        note=f"median {1000 * quantile(seconds, 0.5):.1f} ms; {100 * cpu:.0f} % of the time was this process's own",
    )
