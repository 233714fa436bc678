"""While somebody is registered, those who may be her already are told, with what agrees, out of the form as far as it is filled in."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from edge_node.pages import card_numbers, likeness
from edge_node.store.store import Store
from sync_protocol.matching import numbers
from tests.edge.store import nodes
from tests.edge.store.nodes import patient, put

TODAY = date(2025, 6, 15)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with nodes.opened(tmp_path / "node") as opened:
        put(
            opened,
            "Patient",
            "fatou",
            patient(
                name=[{"family": "Diallo", "given": ["Fatoumata"]}],
                birthDate="1990-05-04",
                gender="female",
                telecom=[{"system": "phone", "value": "0241234567"}],
                address=[{"city": "Tema"}],
            ),
        )
        yield opened


def sent(**values: str) -> dict[str, tuple[str, ...]]:
    return {name.replace("__", "."): (value,) for name, value in values.items()}


def test_another_spelling_and_what_agrees_are_told(store: Store) -> None:
    typed = sent(given="Fatuma", family="Diallo", sex="female", birth__age="35", phone="024 123 4567", village="tema")
    (found,) = likeness.similar(store, typed, TODAY)
    assert (found.id, found.name) == ("fatou", "Fatoumata Diallo")
    assert found.why == (
        "fatuma ≈ fatoumata",
        "Date of birth: 4 May 1990",
        "Telephone: 0241234567",
        "Village or town: Tema",
    )


@pytest.mark.parametrize("recorded", ["+233 24 123-4567", "024 1234567"])
def test_a_telephone_that_agrees_is_shown_as_it_was_recorded(store: Store, recorded: str) -> None:
    others = [{"system": "phone", "value": "0209999999"}, {"system": "email", "value": "0241234567@example.org"}]
    telecom = [*others, {"system": "phone", "value": recorded}]
    put(store, "Patient", "amina", patient(name=[{"family": "Bello", "given": ["Amina"]}], telecom=telecom))
    (found,) = likeness.similar(store, sent(given="Amina", family="Bello", phone="0241234567"), TODAY)
    assert f"Telephone: {recorded}" in found.why


@pytest.mark.parametrize(
    "typed",
    [
        sent(),
        sent(given="F"),
        sent(given="Kofi", family="Mensah", birth__year="1961"),
        sent(given="Kofi", birth__year="19x", birth__month="99"),
        sent(given=" ", family=" ", phone="0241234567"),
    ],
)
def test_whoever_is_somebody_else_or_hardly_described_is_like_nobody(
    store: Store, typed: dict[str, tuple[str, ...]]
) -> None:
    assert likeness.similar(store, typed, TODAY) == ()


def test_the_mother_who_is_named_agrees_with_the_mother_on_record(store: Store) -> None:
    relation = [{"coding": [{"code": "MTH"}]}]
    contact = [{"relationship": relation, "name": {"text": "Aminata Sow"}}]
    put(store, "Patient", "child", patient(name=[{"given": ["Moussa"]}], birthDate="2024-03-01", contact=contact))
    typed = sent(given="Moussa", birth__year="2024", birth__month="3", mother="Aminata Sow")
    (found,) = likeness.similar(store, typed, TODAY)
    assert [text for text in found.why if text.startswith("Mother")] != []


def test_a_number_is_new_read_and_printed_the_same(store: Store) -> None:
    number = card_numbers.new(store)
    assert numbers.is_number(number)
    assert card_numbers.read(card_numbers.grouped(number)) == number
    assert card_numbers.read(number[:-1]) is None
