"""Two records of one person: merged and parted with nothing lost, and shown the same whatever shape the links of several nodes have."""

import json
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node import same_person
from edge_node.errors import InvalidResource
from edge_node.store import reading
from edge_node.store.model import Stored, Write
from edge_node.store.store import Store
from tests.edge.store import nodes
from tests.edge.store.nodes import AMA, KOFI, NOW, observation, patient, put, shown


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with nodes.opened(tmp_path / "node") as opened:
        put(opened, "Patient", "a", patient(name=[{"family": "Mensah", "given": ["Ama"]}], birthDate="1990-05-04"))
        put(opened, "Patient", "b", patient(name=[{"family": "Owusu", "given": ["Amma"]}], active=True))
        put(opened, "Observation", "of-a", observation("Patient/a"))
        put(opened, "Observation", "of-b", observation("Patient/b"))
        yield opened
        nodes.search_index_is_that_of_the_rows(opened)


def of(store: Store, id_: str) -> Stored:
    found = store.read("Patient", id_)
    assert found is not None
    return found


def merge(store: Store, kept: str, other: str) -> None:
    store.write(same_person.merge(of(store, kept), of(store, other)), AMA, NOW)


def part(store: Store, kept: str, other: str) -> None:
    store.write(same_person.part(of(store, kept), of(store, other)), AMA, NOW)


def everything(store: Store, id_: str) -> list[str]:
    return [one.id for one in store.everything(id_)]


def found(store: Store, text: str) -> list[tuple[str, str]]:
    return [(one.id, one.same_as) for one in store.find_patients(text)]


def test_merging_links_both_ways_and_keeps_all_else(store: Store) -> None:
    before = shown(of(store, "b"))
    merge(store, "a", "b")
    assert shown(of(store, "a"))["link"] == [{"other": {"reference": "Patient/b"}, "type": "replaces"}]
    after = shown(of(store, "b"))
    assert after.pop("link") == [{"other": {"reference": "Patient/a"}, "type": "replaced-by"}]
    assert after == {**before, "active": False}


def test_what_was_written_under_either_is_shown_together_under_the_one_that_goes_on(store: Store) -> None:
    merge(store, "a", "b")
    assert everything(store, "a")[0] == "a"
    assert sorted(everything(store, "a")) == ["a", "b", "of-a", "of-b"]
    assert "of-a" not in everything(store, "b")


def test_a_merged_record_is_found_as_the_one_that_goes_on_and_told_so(store: Store) -> None:
    merge(store, "a", "b")
    assert found(store, "owusu") == [("a", "b")]
    assert found(store, "ama") == [("a", "")]


def test_who_is_like_a_merged_record_is_like_the_one_that_goes_on(store: Store) -> None:
    telephone = {
        "name": [{"family": "Owusu", "given": ["Amma"]}],
        "telecom": [{"system": "phone", "value": "0241234567"}],
    }
    put(store, "Patient", "b", patient(**telephone), seen=of(store, "b").version)
    merge(store, "a", "b")
    assert [(one.patient.id, one.same_as) for one in store.similar(telephone)] == [("a", "b")]


def test_parting_restores_both(store: Store) -> None:
    before = shown(of(store, "a")), shown(of(store, "b"))
    merge(store, "a", "b")
    part(store, "a", "b")
    assert (shown(of(store, "a")), shown(of(store, "b"))) == before
    assert everything(store, "a") == ["a", "of-a"]
    assert found(store, "owusu") == [("b", "")]


def test_what_a_colleague_wrote_meanwhile_stays(store: Store) -> None:
    writes = same_person.merge(of(store, "a"), of(store, "b"))
    edited = shown(of(store, "b")) | {"birthDate": "1990-05-04"}
    put(store, "Patient", "b", json.dumps(edited).encode(), seen=of(store, "b").version, by=KOFI)
    store.write(writes, AMA, NOW)
    assert shown(of(store, "b"))["birthDate"] == "1990-05-04"
    assert shown(of(store, "b"))["active"] is False


def test_other_links_and_digits_stay_as_they_were(store: Store) -> None:
    link = {"other": {"reference": "RelatedPerson/r"}, "type": "seealso"}
    place = b'[{"url":"urn:x","valueDecimal":5.100}]'
    put(store, "Patient", "c", patient(link=[link])[:-1] + b',"extension":' + place + b"}")
    merge(store, "c", "b")
    assert link in shown(of(store, "c"))["link"]
    assert place in (of(store, "c").body or b"")
    part(store, "c", "b")
    assert shown(of(store, "c"))["link"] == [link]


@pytest.mark.parametrize(("kept", "other"), [("a", "a"), ("b", "c"), ("c", "b"), ("a", "b")])
def test_what_is_merged_already_is_not_merged_again(store: Store, kept: str, other: str) -> None:
    put(store, "Patient", "c", patient())
    merge(store, "a", "b")
    with pytest.raises(InvalidResource):
        same_person.merge(of(store, kept), of(store, other))


def test_what_is_not_merged_is_not_parted(store: Store) -> None:
    with pytest.raises(InvalidResource):
        same_person.part(of(store, "a"), of(store, "b"))


def test_half_a_merge_is_enough_for_both_to_be_shown_as_one(store: Store) -> None:
    replaced, replacing = same_person.merge(of(store, "a"), of(store, "b"))[::-1]
    store.write([replaced], AMA, NOW)
    assert found(store, "owusu") == [("a", "b")]
    assert sorted(everything(store, "a")) == ["a", "b", "of-a", "of-b"]
    store.write([replacing], AMA, NOW)
    assert sorted(everything(store, "a")) == ["a", "b", "of-a", "of-b"]


# --- any shape --------------------------------------------------------------------------------------------------------


def record(id_: str, replaced_by: str = "", replaces: str = "") -> Stored:
    links: list[dict[str, Any]] = [
        {"other": {"reference": f"Patient/{one}"}, "type": "replaced-by"} for one in replaced_by
    ]
    links += [{"other": {"reference": f"Patient/{one}"}, "type": "replaces"} for one in replaces]
    body = json.dumps({"resourceType": "Patient", "id": id_, "link": links}).encode()
    return Stored(ord(id_), "Patient", id_, "v", 0, False, False, body)


def shape(*merges: str) -> dict[str, Stored]:
    """Records after merges, each `other>kept`, whoever made them where."""
    pairs = [merge.split(">") for merge in merges]
    names = sorted({name for pair in pairs for name in pair})
    return {
        name: record(
            name,
            "".join(kept for other, kept in pairs if other == name),
            "".join(other for other, kept in pairs if kept == name),
        )
        for name in names
    }


def survivors(records: dict[str, Stored], id_: str) -> str:
    return "".join(one.id for one in same_person.survivors(records[id_], records.get))


def together(records: dict[str, Stored], id_: str) -> str:
    def referring(one: Stored) -> list[Stored]:
        return [other for other in records.values() if one.id in same_person.linked(other, "replaced-by")]

    return "".join(one.id for one in same_person.merged_into(records[id_], records.get, referring))


@pytest.mark.parametrize(
    ("merges", "shown_as", "with_it"),
    [
        (["c>b", "b>a"], {"a": "a", "b": "a", "c": "a"}, {"a": "bc", "b": "", "c": ""}),
        (["a>b", "b>a"], {"a": "a", "b": "a"}, {"a": "b", "b": ""}),
        (["a>c", "b>c", "c>b"], {"a": "b", "b": "b", "c": "b"}, {"b": "ac", "c": "", "a": ""}),
        (["b>a", "b>c"], {"a": "a", "b": "ac", "c": "c"}, {"a": "b", "c": "b", "b": ""}),
        (["a>b", "b>c", "c>a"], {"a": "a", "b": "a", "c": "a"}, {"a": "bc"}),
        (["b>a", "c>a"], {"b": "a", "c": "a"}, {"a": "bc"}),
    ],
    ids=["chain", "cycle", "into a cycle", "two", "ring", "star"],
)
def test_links_of_several_nodes_mean_the_same_everywhere(
    merges: list[str], shown_as: dict[str, str], with_it: dict[str, str]
) -> None:
    for order in permutations(merges):
        records = shape(*order)
        assert {id_: survivors(records, id_) for id_ in shown_as} == shown_as
        assert {id_: together(records, id_) for id_ in with_it} == with_it


links = st.sets(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), min_size=1, max_size=9)


@given(links)
def test_every_record_is_shown_with_somebody_who_goes_on_in_any_shape(pairs: set[tuple[str, str]]) -> None:
    records = shape(*(f"{other}>{kept}" for other, kept in sorted(pairs)))
    going_on = {id_ for id_ in records if survivors(records, id_) == id_}
    for id_ in records:
        ends = survivors(records, id_)
        assert ends
        assert set(ends) <= going_on
        assert all(id_ == end or id_ in together(records, end) for end in ends)


def test_a_link_to_nobody_leads_nowhere() -> None:
    assert survivors({"b": record("b", "z")}, "b") == "b"
    odd = Stored(1, "Patient", "x", "v", 0, False, False, b'{"link":[{"other":"a"}]}')
    assert same_person.linked(odd, "replaced-by") == []


def replaced(store: Store, following: dict[str, list[str]]) -> None:
    """Patients, each replaced by others, as any program may write them."""
    said = {
        id_: [{"other": {"reference": f"Patient/{other}"}, "type": "replaced-by"} for other in others]
        for id_, others in following.items()
    }
    bodies = {
        id_: {**json.loads(patient(name=[{"family": "Sow"}])), **({"link": link} if link else {})}
        for id_, link in said.items()
    }
    store.write(
        [Write("Patient", id_, json.dumps({**body, "id": id_}).encode()) for id_, body in bodies.items()], AMA, NOW
    )


def test_nobody_is_led_in_a_circle_or_missing_when_links_lead_to_too_many(store: Store) -> None:
    count = 2 * same_person.MERGED_MAX + 1
    replaced(store, {f"p{at}": [f"p{(at + 1) % count}"] for at in range(count)})
    for at in (0, 1, same_person.MERGED_MAX, count - 1):
        assert [one.id for one in store.survivors(f"p{at}")] == [f"p{at}"]
    assert all(not one.same_as for one in store.find_patients("Sow"))


def test_links_from_each_to_each_are_followed_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"p{at:03}" for at in range(same_person.MERGED_MAX)]
    replaced(store, {name: names[at + 1 :] for at, name in enumerate(names)})
    read, reads = reading.read, list[str]()

    def counting(connection: Any, type_: str, id_: str) -> Stored | None:
        reads.append(id_)
        return read(connection, type_, id_)

    monkeypatch.setattr(reading, "read", counting)
    for first in (names[0], names[100]):
        assert [one.id for one in store.survivors(first)] == [names[-1]]
    assert [one.id for one in store.find_patients("Sow")] == [names[-1]]
    assert len(reads) < 4 * len(names)
    reads.clear()
    assert everything(store, names[-1])[0] == names[-1]
    assert len(reads) < 2 * len(names)
