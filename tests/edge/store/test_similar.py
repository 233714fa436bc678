"""Who may be the person described: the same person however she was written down, with why, and nobody else of her family or her name."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from edge_node.store.bundles import Item
from edge_node.store.store import Store
from sync_protocol.matching import numbers
from tests.bench import persons
from tests.edge.store import nodes
from tests.edge.store.nodes import AMA, NOW, put

MANY = 3_000

FATOU: dict[str, Any] = {
    "resourceType": "Patient",
    "name": [{"family": "Diallo", "given": ["Fatoumata"]}],
    "birthDate": "1990-05-04",
    "gender": "female",
    "telecom": [{"system": "phone", "value": "+224 621 23 45 67"}],
    "address": [{"city": "Mamou"}],
}


def other(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in {**FATOU, **members}.items() if value is not None}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, list[dict[str, Any]]]]:
    people = list(persons.patients(MANY))
    with nodes.opened(tmp_path_factory.mktemp("town") / "node") as store:
        store.import_resources((Item(json.dumps(one).encode()) for one in people), AMA, lambda: NOW)
        put(store, "Patient", "fatou", json.dumps(FATOU).encode())
        yield store, people


@pytest.mark.parametrize(
    "described",
    [
        FATOU,
        other(name=[{"family": "Jallow", "given": ["Fatuma"]}]),
        other(name=[{"text": "DIALO Fatoumatta"}], birthDate="1990"),
        other(birthDate="1990-04-05", telecom=None),
        other(birthDate="1991", address=None),
        other(name=[{"family": "Barry", "given": ["Fatoumata"]}]),
        other(name=[{"given": ["Fatoumata"]}], address=None),
        other(birthDate="1992-01-01", telecom=[{"value": "0621234568"}]),
    ],
)
def test_the_same_person_otherwise_written_is_the_first(
    town: tuple[Store, list[dict[str, Any]]], described: dict[str, Any]
) -> None:
    first = town[0].similar(described)[0]
    assert first.patient.id == "fatou"
    assert first.score.grade in ("certain", "probable")


@pytest.mark.parametrize(
    "described",
    [
        other(name=[{"family": "Owusu", "given": ["Kofi"]}], gender="male", birthDate="1961-02-03", telecom=None),
        other(birthDate="1961-02-03", telecom=None, address=[{"city": "Labé"}]),
        other(gender="male", birthDate="2019-11-02", name=[{"family": "Diallo", "given": ["Ibrahima"]}], telecom=None),
    ],
)
def test_somebody_else_is_not_taken_for_her(
    town: tuple[Store, list[dict[str, Any]]], described: dict[str, Any]
) -> None:
    assert "fatou" not in {one.patient.id for one in town[0].similar(described) if one.score.grade != "possible"}


def test_a_twin_is_shown_and_not_as_certain(town: tuple[Store, list[dict[str, Any]]]) -> None:
    (twin, *_) = town[0].similar(other(name=[{"family": "Diallo", "given": ["Adama"]}]))
    assert (twin.patient.id, twin.score.grade) == ("fatou", "probable")
    assert {(one.mine, one.theirs) for one in twin.score.shares if one.contradicts} == {("adama", "fatoumata")}


def test_it_is_told_what_agrees(town: tuple[Store, list[dict[str, Any]]]) -> None:
    shares = town[0].similar(other(name=[{"family": "Jallow", "given": ["Fatoumata"]}], address=None))[0].score.shares
    assert {(one.field, one.how, one.mine, one.theirs) for one in shares} == {
        ("name", "same", "fatoumata", "fatoumata"),
        ("name", "sound", "jallow", "diallo"),
        ("born", "day", "1990-05-04", "1990-05-04"),
        ("sex", "same", "female", "female"),
        ("phone", "same", "621234567", "621234567"),
    }


def test_her_own_record_is_not_similar_to_itself(town: tuple[Store, list[dict[str, Any]]]) -> None:
    assert "fatou" not in {one.patient.id for one in town[0].similar({**FATOU, "id": "fatou"})}


def test_an_equal_number_finds_her_whatever_else_was_written(store: Store) -> None:
    number = numbers.make(40718, 325904)
    put(
        store,
        "Patient",
        "p",
        json.dumps(other(identifier=[{"system": numbers.SYSTEM, "value": number.digits}])).encode(),
    )
    described = {"identifier": [{"system": numbers.SYSTEM, "value": number.grouped}], "name": [{"family": "X"}]}
    (found,) = store.similar(described)
    assert found.patient.id == "p"
    assert [one.field for one in found.score.shares if one.bits > 0] == ["identifier"]


@pytest.mark.parametrize(
    "described", [{}, {"name": "odd"}, {"birthDate": 7}, {"name": [{"text": "…"}]}, {"identifier": [{"value": '"'}]}]
)
def test_nothing_is_similar_to_nothing(town: tuple[Store, list[dict[str, Any]]], described: dict[str, Any]) -> None:
    assert town[0].similar(described) == []


def test_people_who_come_again_otherwise_written_are_recognised_and_others_are_not(
    town: tuple[Store, list[dict[str, Any]]],
) -> None:
    """Of 100 who come again: the name misspelled, every second with another telephone, every third with an estimated age. Of 100
    who come for the first time: taken for somebody else."""
    store, people = town
    chance = random.Random(3)
    met = 0
    for place, one in enumerate(chance.sample(people, 100)):
        met += one["id"] in {other.patient.id for other in store.similar(persons.come_again(one, place, chance), 5)}
    strangers = [store.similar(one, 5) for one in persons.patients(100, seed=99)]
    wrong = sum(any(one.score.grade in ("certain", "probable") for one in found) for found in strangers)
    assert met >= 92, met
    assert wrong <= 3, wrong
