"""A form is carried out once: in the transaction that saves it, however often it is sent."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_node.errors import AlreadySubmitted, InvalidResource
from edge_node.programme import Programme
from edge_node.store.model import Author, Once, Write
from edge_node.store.store import Store
from edge_node.store.submitting import KEPT_MS

KEY = bytes(range(32))
AMA = Author("ama", "midwife")
NOW = 1_790_000_000_000


def patient(id_: str, **members: object) -> Write:
    body = json.dumps({"resourceType": "Patient", "id": id_, **members}).encode()
    return Write("Patient", id_, body, create=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "node", KEY, Programme(), create=True) as opened:
        yield opened


def test_a_second_sending_is_led_to_the_first_and_writes_nothing(store: Store) -> None:
    store.write([patient("a")], AMA, NOW, once=Once("t1", "/patients/a"))
    with pytest.raises(AlreadySubmitted) as raised:
        store.write([patient("b")], AMA, NOW + 1, once=Once("t1", "/patients/b"))
    assert raised.value.location == "/patients/a"
    assert store.submitted("t1") == Once("t1", "/patients/a")
    assert store.read("Patient", "b") is None


def test_of_sendings_at_the_same_time_one_is_carried_out(store: Store, tmp_path: Path) -> None:
    def send(number: int) -> bool:
        where = store if number % 2 else other
        try:
            where.write([patient(f"p{number}")], AMA, NOW, once=Once("t", f"/patients/p{number}"))
        except AlreadySubmitted:
            return False
        return True

    with Store.open(tmp_path / "node", KEY, Programme()) as other, ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(send, range(8))) == [False] * 7 + [True]
    assert store.status().resources == 1


def test_a_form_that_could_not_be_saved_may_be_sent_again(store: Store) -> None:
    with pytest.raises(InvalidResource):
        store.write([patient("a", gender="nonsense")], AMA, NOW, once=Once("t", "/patients/a"))
    assert store.submitted("t") is None
    store.write([patient("a", gender="female")], AMA, NOW, once=Once("t", "/patients/a"))
    assert store.submitted("t") == Once("t", "/patients/a")


def test_tokens_are_forgotten_after_three_months(store: Store) -> None:
    store.write([patient("a")], AMA, NOW, once=Once("old", "/patients/a"))
    store.write([patient("b")], AMA, NOW + KEPT_MS, once=Once("new", "/patients/b"))
    assert store.submitted("old") == Once("old", "/patients/a")
    store.write([patient("c")], AMA, NOW + KEPT_MS + 1, once=Once("newest", "/patients/c"))
    assert store.submitted("old") is None
    assert store.submitted("new") == Once("new", "/patients/b")
