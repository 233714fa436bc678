"""What comes from elsewhere ends reminders: by what changed alone, and with nothing passed over."""

import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from edge_node.maternal.due import due
from edge_node.maternal.record import read_mother
from edge_node.maternal.reminders import reminder_task
from edge_node.programme import Programme
from edge_node.store import consequences, following, searching, stale
from edge_node.store.connection import Connection
from edge_node.store.consequences import Watched
from edge_node.store.model import Write
from edge_node.store.stale import FOLLOWER, end_reminders
from edge_node.store.store import Store
from sync_protocol import elements
from sync_protocol.register import Stamp
from tests.edge.store.test_consequences import AMINA, EPISODE, LMP, LOSS, MIDWIFE, NOW_MS, WEIGHT

LATER_MS = NOW_MS + 60_000
DATED = {**WEIGHT, "code": LMP["code"]}
"""By its code, it may end something."""


def of(woman: str, resource: dict[str, Any]) -> dict[str, Any]:
    """A resource of Amina's as one of another woman, with an id of its own."""
    text = json.dumps(resource).replace("Patient/amina", f"Patient/{woman}").replace("Care/p1", f"Care/p1-{woman}")
    return {**json.loads(text), "id": woman if resource is AMINA else f"{resource['id']}-{woman}"}


def record(woman: str) -> list[dict[str, Any]]:
    return [of(woman, each) for each in (AMINA, EPISODE, LMP)]


def reminder(woman: str) -> dict[str, Any]:
    (item, *_) = due(read_mother(woman, record(woman)), Programme())
    return {**reminder_task(item, woman, date(2026, 7, 1)), "id": f"task-{woman}"}


def write(store: Store, *resources: dict[str, Any], at: int = NOW_MS) -> None:
    store.write([Write(r["resourceType"], r["id"], json.dumps(r).encode()) for r in resources], MIDWIFE, at)


def came(store: Store, *resources: dict[str, Any], at: int = LATER_MS) -> None:
    """Resources that another clinic wrote, merged by this one at a time."""
    merged = []
    for number, resource in enumerate(resources):
        stamp = Stamp(4711, at + number, at, at, "efua", "nurse")
        text = json.dumps(resource).encode()
        merged.append(elements.write(None, None, elements.parse(text), resource["id"], stamp)[0])
    with store.transaction() as connection:
        store.merge(connection, merged, 1, at)


def pregnant(store: Store, *women: str, at: int = NOW_MS) -> None:
    """Women, each with an open reminder."""
    write(store, *(each for woman in women for each in (*record(woman), reminder(woman))), at=at)


def look(store: Store, at: int = LATER_MS) -> bool:
    return end_reminders(store, at, os.urandom)


def is_ended(store: Store, woman: str) -> bool:
    stored = store.read("Task", f"task-{woman}")
    assert stored is not None
    return bool(json.loads(stored.body or b"{}")["status"] == "cancelled")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "node", bytes(range(32)), Programme(), create=True) as made:
        yield made


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Keys of the patients whose whole record is read."""
    keys: list[int] = []
    everything = searching.everything

    def noting(connection: Connection, patient: int) -> list[int]:
        keys.append(patient)
        return everything(connection, patient)

    monkeypatch.setattr(searching, "everything", noting)
    return keys


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked where everybody with an open reminder is looked at."""
    asked: list[str] = []
    search = searching.search

    def noting(connection: Connection, query: Any, after: Any = None) -> Any:
        asked.append(query.type)
        return search(connection, query, after)

    monkeypatch.setattr(searching, "search", noting)
    return asked


def test_of_three_hundred_with_reminders_she_alone_whom_a_change_concerns_is_read(
    store: Store, read: list[int], whole: list[str]
) -> None:
    pregnant(store, *(f"w{number}" for number in range(300)))
    assert not look(store)
    read.clear()
    whole.clear()
    came(store, of("w7", DATED), of("w8", WEIGHT))
    assert not look(store)
    assert len(read) == 1, "of w7; a weight ends nothing"
    assert whole == []
    assert not look(store)
    assert len(read) == 1, "not again"


def test_a_loss_that_came_ends_her_reminder_and_no_others(store: Store, whole: list[str]) -> None:
    pregnant(store, "w0", "w1")
    look(store)
    whole.clear()
    came(store, of("w1", LOSS))
    assert look(store)
    assert (is_ended(store, "w0"), is_ended(store, "w1")) == (False, True)
    assert whole == []


def test_who_has_no_reminder_is_not_read(store: Store, read: list[int]) -> None:
    look(store)
    write(store, *record("w0"))
    read.clear()
    came(store, of("w0", LOSS))
    assert not look(store)
    assert read == []


@pytest.mark.parametrize(("loss", "at_once"), [(False, True), (True, False)])
def test_little_that_ends_nothing_is_looked_at_in_one_transaction(
    store: Store, monkeypatch: pytest.MonkeyPatch, loss: bool, at_once: bool
) -> None:
    pregnant(store, "w0")
    look(store)
    begun: list[str] = []
    begin = following.begin

    def noting(connection: Connection, name: str) -> following.Position:
        begun.append(name)
        return begin(connection, name)

    monkeypatch.setattr(following, "begin", noting)
    came(store, of("w0", LOSS if loss else DATED))
    assert look(store) is loss
    assert (begun == []) is at_once
    with store.snapshot() as connection:
        left = following.number(connection, following.at(connection, FOLLOWER), 99)
    assert (left == 0) is at_once, "what a look itself wrote is looked at by the next"


@pytest.mark.parametrize("changes", ["few", "many"])
def test_more_reminders_than_a_page_are_all_looked_at(
    store: Store, monkeypatch: pytest.MonkeyPatch, whole: list[str], changes: str
) -> None:
    monkeypatch.setattr(searching, "COUNT_MAX", 3)
    monkeypatch.setattr(stale, "CHANGES_A_SLICE", 3)
    women = [f"w{number}" for number in range(10)]
    pregnant(store, *women)
    look(store)
    whole.clear()
    came(store, *(of(woman, LOSS) for woman in women))
    if changes == "many":
        monkeypatch.setattr(stale, "CHANGES_MAX", 9)
        monkeypatch.setattr(stale, "AT_ONCE_MAX", 9)
    assert look(store)
    assert all(is_ended(store, woman) for woman in women)
    assert len(whole) == (4 if changes == "many" else 0)
    monkeypatch.setattr(stale, "CHANGES_MAX", 1_000)
    whole.clear()
    assert not look(store)
    assert whole == [], "after a whole look what changes is followed"


def test_what_was_not_looked_at_because_the_process_was_killed_is_found_by_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    pregnant(store, "w0")
    look(store)
    came(store, of("w0", LOSS))
    with monkeypatch.context() as killed:
        killed.setattr(stale, "follow", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            look(store)
    assert not is_ended(store, "w0")
    store.close()
    with Store.open(store.path.parent, bytes(range(32)), Programme()) as again:
        assert look(again, LATER_MS + 1)
        assert is_ended(again, "w0")


def test_what_came_while_the_clock_was_put_back_is_found(store: Store) -> None:
    pregnant(store, "w0", at=LATER_MS)
    look(store, LATER_MS)
    came(store, of("w0", LOSS), at=NOW_MS)
    assert look(store, NOW_MS)
    assert is_ended(store, "w0")


def test_a_reminder_that_comes_needless_already_is_ended(store: Store) -> None:
    write(store, *record("w0"), of("w0", LOSS))
    look(store)
    came(store, reminder("w0"))
    assert look(store)
    assert is_ended(store, "w0")


def test_a_merge_that_came_ends_reminders_by_what_stands_under_the_other_record(store: Store) -> None:
    pregnant(store, "w0")
    dead = {**AMINA, "id": "other", "deceasedDateTime": "2026-07-02"}
    write(store, dead)
    look(store)
    assert not is_ended(store, "w0")
    came(store, {**of("w0", AMINA), "link": [{"other": {"reference": "Patient/other"}, "type": "replaced-by"}]})
    assert look(store)
    assert is_ended(store, "w0")


def test_what_is_somebody_elses_now_ends_reminders_of_whom_it_was_about(store: Store) -> None:
    """Without the date of her last period nothing is due: the reminder of it ends."""
    pregnant(store, "w0", "w1")
    look(store)
    came(store, {**of("w1", LMP), "subject": {"reference": "Patient/w0"}})
    assert look(store)
    assert (is_ended(store, "w0"), is_ended(store, "w1")) == (False, True)


def test_another_programme_looks_at_everybody_once(store: Store, whole: list[str]) -> None:
    pregnant(store, "w0")
    look(store)
    store.close()
    with Store.open(store.path.parent, bytes(range(32)), Programme(malaria=False)) as other:
        whole.clear()
        look(other)
        assert whole == ["Task"]
        look(other, LATER_MS + 1)
        assert whole == ["Task"]


@pytest.mark.parametrize("moment", [NOW_MS - 1, NOW_MS])
def test_what_another_process_writes_in_the_past_during_a_look_is_found_by_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    monkeypatch.setattr(stale, "AT_ONCE_MAX", 0)
    pregnant(store, "w0", "w1")
    look(store)
    came(store, of("w1", DATED), at=NOW_MS + 5)
    of_record = consequences.of_record

    def meanwhile(connection: Connection, key: int) -> Watched | None:
        monkeypatch.setattr(consequences, "of_record", of_record)
        came(store, of("w0", LOSS), at=moment)
        return of_record(connection, key)

    monkeypatch.setattr(consequences, "of_record", meanwhile)
    assert not look(store)
    with store.snapshot() as connection:
        assert following.at(connection, FOLLOWER).updated <= moment + 1
    assert look(store, LATER_MS + 1)
    assert is_ended(store, "w0")
