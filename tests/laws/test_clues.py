"""Clues: whoever describes somebody as her record does finds her; who says too little may not ask; no message breaks its reader."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sync_protocol import bounds
from sync_protocol.errors import ProtocolError
from sync_protocol.exchange import finding
from sync_protocol.exchange.finding import Admit, Admitted, Candidate, Find, Found, described
from sync_protocol.exchange.messages import encode
from sync_protocol.matching import clues
from sync_protocol.matching.person import NAME_WORDS_MAX, Person

WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=9)
DATES = st.one_of(
    st.just(""), st.dates().map(lambda day: day.isoformat()), st.integers(1900, 2030).map(str), st.just("1990-01-01")
)
DIGITS = st.text("0123456789", min_size=6, max_size=9)
PEOPLE = st.builds(
    Person,
    names=st.lists(WORDS, max_size=NAME_WORDS_MAX, unique=True).map(tuple),
    born=DATES,
    estimated=st.booleans(),
    sex=st.sampled_from(["", "female", "male"]),
    phones=st.lists(DIGITS, max_size=2).map(tuple),
    places=st.lists(WORDS, max_size=2).map(tuple),
    identifiers=st.lists(st.tuples(WORDS, st.text("abc0123456789", min_size=1, max_size=12)), max_size=2).map(tuple),
)


@given(PEOPLE)
def test_whoever_may_ask_asks_for_something_that_a_record_as_described_has(person: Person) -> None:
    asked = clues.asked_by(person)
    assert len(asked) <= clues.QUESTION_CLUES_MAX
    if clues.enough(person) and all(len(phone) >= clues.PHONE_DIGITS for phone in person.phones):
        assert asked.keys() & clues.left_by(person)


@given(PEOPLE, PEOPLE)
def test_saying_more_is_never_less(person: Person, more: Person) -> None:
    fuller = replace(
        person,
        names=person.names or more.names,
        born=person.born or more.born,
        phones=(*person.phones, *more.phones),
        places=(*person.places, *more.places),
        identifiers=(*person.identifiers, *more.identifiers),
    )
    assert clues.enough(fuller) or not clues.enough(person)


@given(PEOPLE)
def test_no_clue_is_a_name_alone(person: Person) -> None:
    named = Person(names=person.names, sex=person.sex)
    assert all(clue.kind == "name-year" for clue in clues.left_by(named))
    assert clues.asked_by(named) == {}
    assert not clues.enough(named)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Person(names=("diallo",), born="1990"), Person(names=("jallow",), born="1992-05-06")),
        (Person(names=("fatoumata",), born="1990-02-03"), Person(names=("fatuma",), born="")),
        (Person(names=("adaeze",), phones=("97123456",)), Person(names=("x",), phones=("997123456",))),
        (Person(names=("mohamed",), places=("bouake",)), Person(names=("muhammad",), places=("buake",))),
        (Person(names=("kwame",), born="1991-03-14"), Person(names=("other",), born="1991-03-14")),
    ],
)
def test_what_is_spelled_or_remembered_otherwise_meets(one: Person, other: Person) -> None:
    assert clues.asked_by(one).keys() & clues.left_by(other)


FINDS = st.builds(
    Find,
    user=WORDS,
    role=WORDS,
    identifier=WORDS,
    names=st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40),
    born=st.sampled_from(["", "1990", "1990-05", "1990-05-03"]),
    sex=st.sampled_from(["", "female", "male"]),
)
CANDIDATES = st.builds(Candidate, st.binary(max_size=40), st.floats(0, 9), st.just("certain"))
MESSAGES: tuple[tuple[Any, Any], ...] = (
    (finding.read_find, FINDS),
    (finding.read_found, st.builds(Found, candidates=st.lists(CANDIDATES, max_size=bounds.CANDIDATES_MAX))),
    (finding.read_admit, st.builds(Admit, st.binary(max_size=64), WORDS, WORDS, st.sampled_from(["here", "moved"]))),
    (finding.read_admitted, st.builds(Admitted, WORDS, resources=st.integers(0, 99))),
)


@pytest.mark.parametrize(("read", "messages"), MESSAGES)
@given(st.data())
def test_a_message_is_read_as_it_was_written(read: Any, messages: Any, data: st.DataObject) -> None:
    message = data.draw(messages)
    assert read(encode(message)) == message


@pytest.mark.parametrize("read", [read for read, _ in MESSAGES])
@given(raw=st.binary(max_size=200))
def test_anything_else_is_named_as_what_it_is(read: Any, raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(raw)


def test_what_is_over_its_bound_is_turned_away() -> None:
    for find in (Find("u", "r", names="x" * 201), Find("", "r"), Find("u\n", "r"), Find("u", "r", born="14.3.1991")):
        with pytest.raises(ProtocolError):
            finding.read_find(encode(find))


@given(FINDS)
def test_any_question_is_a_description_of_bounded_size(find: Find) -> None:
    person = described(find)
    assert len(person.names) <= NAME_WORDS_MAX
    assert len(clues.asked_by(person)) <= clues.QUESTION_CLUES_MAX
