"""Keyed lists: entries keep their keys for life, and lists made apart join without loss and without doubles."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import elements
from sync_protocol.resource import Resource, disagreements, join_resource, shown
from tests.laws.documents import bodies, created, patient, read, written
from tests.laws.examples import exact, specification_examples

PHONES = st.lists(
    st.fixed_dictionaries(
        {"system": st.sampled_from(["phone", "email"]), "value": st.sampled_from("12345")},
        optional={"use": st.sampled_from(["home", "work"])},
    ),
    max_size=6,
)


def keys_of(state: Resource, name: str) -> dict[str, Any]:
    return {key: json.loads(value) for key, value in elements.entries(name, shown(state))}


@given(PHONES, st.data())
def test_an_entry_keeps_its_key_when_neighbours_come_go_and_move(phones: list[Any], data: st.DataObject) -> None:
    numbered = [{**phone, "id": str(i)} for i, phone in enumerate(phones)]
    before = created(patient(telecom=numbered)) if numbered else created(patient(active=True))
    keys = {entry["id"]: key for key, entry in keys_of(before, "telecom").items()}
    kept = data.draw(st.permutations(numbered).map(lambda p: p[: len(p) // 2 + 1]))
    added = [{**phone, "id": f"new{i}"} for i, phone in enumerate(data.draw(PHONES))]
    mixed = data.draw(st.permutations([*kept, *added]))
    after, _ = written(before, patient(telecom=mixed))
    assert list(keys_of(after, "telecom").values()) == mixed
    for key, entry in keys_of(after, "telecom").items():
        assert keys.get(entry["id"], key) == key


@given(PHONES.filter(bool), st.data())
def test_an_edited_entry_keeps_its_key_and_others_are_not_written(phones: list[Any], data: st.DataObject) -> None:
    numbered = [{**phone, "id": str(i)} for i, phone in enumerate(phones)]
    before = created(patient(telecom=numbered))
    at = data.draw(st.integers(0, len(numbered) - 1))
    edited = [{**entry, "rank": 1} if i == at else entry for i, entry in enumerate(numbered)]
    after, keys = written(before, patient(telecom=edited))
    assert keys == {key for key, entry in keys_of(before, "telecom").items() if entry["id"] == str(at)}
    assert list(keys_of(after, "telecom").values()) == edited


@given(bodies())
def test_one_file_imported_at_two_nodes_is_the_file(text: bytes) -> None:
    one, two = created(text, 1), created(text, 2)
    both, _ = join_resource(one, two)
    assert exact(read(both)) == exact(read(one))
    assert disagreements(both) == []
    assert written(both, read(both), 3, 1) == (both, frozenset())


def test_every_example_imported_at_two_nodes_is_the_example() -> None:
    for text in specification_examples():
        one, two = created(text, 1), created(text, 2)
        both, _ = join_resource(one, two)
        assert exact(read(both)) == exact(read(one))
        assert disagreements(both) == []


@given(PHONES, PHONES, PHONES)
def test_entries_added_apart_are_all_shown(base: list[Any], left: list[Any], right: list[Any]) -> None:
    start = created(patient(active=True, **({"telecom": base} if base else {})))
    mine = [{**phone, "id": f"l{i}"} for i, phone in enumerate(left)]
    theirs = [{**phone, "id": f"r{i}"} for i, phone in enumerate(right)]
    one, _ = written(start, patient(active=True, telecom=[*base, *mine]), 1, 1)
    two, _ = written(start, patient(active=True, telecom=[*theirs, *base]), 2, 1)
    both, _ = join_resource(one, two)
    found = json.loads(read(both)).get("telecom", [])
    assert sorted(map(repr, found)) == sorted(map(repr, [*base, *mine, *theirs]))
    assert all("|" in c.element and c.element.endswith("|") for c in disagreements(both))


@given(PHONES, st.permutations(range(6)))
def test_order_is_kept_and_moving_entries_writes_the_order_alone(phones: list[Any], order: list[int]) -> None:
    numbered = [{**phone, "id": str(i)} for i, phone in enumerate(phones)] or [{"id": "0"}]
    before = created(patient(telecom=numbered))
    moved = [numbered[i] for i in order if i < len(numbered)]
    after, keys = written(before, patient(telecom=moved))
    assert [e["id"] for e in keys_of(after, "telecom").values()] == [e["id"] for e in moved]
    assert keys <= {"telecom|"}
    assert bool(keys) == (moved != numbered)


def test_unique_first_entries_made_apart_meet_as_a_conflict() -> None:
    start = created(patient(active=True))
    one, _ = written(start, patient(active=True, identifier=[{"system": "s", "value": "1"}]), 1, 1)
    two, _ = written(start, patient(active=True, identifier=[{"system": "s", "value": "2"}]), 2, 1)
    both, _ = join_resource(one, two)
    (conflict,) = disagreements(both)
    assert conflict.element.startswith("identifier|")
    assert len(json.loads(read(both))["identifier"]) == 1


def test_an_entry_that_came_unseen_does_not_make_the_order_be_written() -> None:
    """The order names two; a third, added elsewhere, stands last. Sending that back is no change."""
    base = [{"value": v} for v in "321"]
    start = created(patient(telecom=base))
    assert "telecom|" in start.elements or list(keys_of(start, "telecom")) == sorted(keys_of(start, "telecom"))
    swapped, _ = written(start, patient(telecom=base[::-1]), 1, 1)
    added, _ = written(start, patient(telecom=[*base, {"value": "4"}]), 2, 1)
    both, _ = join_resource(swapped, added)
    assert written(both, read(both), 3, 1) == (both, frozenset())


def test_an_order_without_entries_is_no_change_either() -> None:
    base = [{"value": v} for v in "321"]
    start = created(patient(active=True, telecom=base))
    swapped, _ = written(start, patient(active=True, telecom=base[::-1]), 2, 1)
    emptied, _ = written(start, patient(active=True), 1, 1)
    both, _ = join_resource(swapped, emptied)
    assert "telecom" not in json.loads(read(both))
    assert written(both, read(both), 3, 1) == (both, frozenset())


def test_two_forms_of_one_list_never_give_a_member_twice() -> None:
    start = created(patient(active=True))
    values: tuple[object, ...] = ([], None, {"a": 1})
    for odd in values:
        one, _ = written(start, patient(active=True, identifier=odd), 1, 1)
        two, _ = written(start, patient(active=True, identifier=[{"system": "s"}]), 2, 1)
        both, _ = join_resource(one, two)
        assert read(both).count(b'"identifier"') == 1
        assert json.loads(read(both))["identifier"] == [{"system": "s"}]
        assert written(both, read(both), 3, 1) == (both, frozenset())
