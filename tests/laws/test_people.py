"""Who may log in: statements come back as they were made, nobody else makes one, and any two sides that keep on telling agree."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import bounds, passwords
from sync_protocol.errors import MalformedMessage
from sync_protocol.exchange import people
from sync_protocol.exchange.people import Mark, Person

KEY = bytes(range(32))
NAMES = st.sampled_from(["ama", "efua", "esi", "kofi", "yaw"])
PEOPLE = st.builds(
    Person,
    name=NAMES,
    facility=st.sampled_from(["", "f0"]),
    role=st.sampled_from([*passwords.ROLES, "of-tomorrow"]),
    secret=st.just("$argon2id$x"),
    revision=st.integers(0, 20),
    disabled=st.booleans(),
    patient=st.sampled_from(["", "p-1"]),
    gone=st.booleans(),
)


def latest(held: Sequence[Person]) -> dict[str, Person]:
    """Of each name the statement that counts."""
    found: dict[str, Person] = {}
    for person in sorted(held, key=lambda one: one.revision):
        found[person.name] = person
    return found


def mark_of(held: dict[str, Person]) -> Mark:
    return people.mark((person.name, person.revision) for person in held.values())


@given(PEOPLE)
def test_a_statement_says_what_was_stated_and_proves_who_stated_it(person: Person) -> None:
    statement = people.state(person, KEY)
    assert people.read(statement) == person
    assert people.proven(statement, KEY) == person
    assert people.proven(statement, bytes(32)) is None


@given(PEOPLE, st.data())
def test_no_changed_statement_is_proven(person: Person, data: st.DataObject) -> None:
    statement = bytearray(people.state(person, KEY))
    place = data.draw(st.integers(0, len(statement) - 1))
    statement[place] ^= data.draw(st.integers(1, 255))
    assert people.proven(bytes(statement), KEY) in (None, person)


@given(st.binary(max_size=100))
def test_bytes_that_are_no_statement_are_named_so(raw: bytes) -> None:
    with pytest.raises(MalformedMessage):
        people.read(raw)
    assert people.proven(raw, KEY) is None


def test_the_largest_person_has_a_statement_and_a_larger_one_is_refused() -> None:
    largest = Person(
        "ǂ" * bounds.USER_CHARS_MAX,
        "f" * bounds.ID_CHARS_MAX,
        "ǂ" * bounds.ROLE_CHARS_MAX,
        "s" * bounds.SECRET_CHARS_MAX,
        bounds.COUNTER_MAX,
        patient="p" * bounds.ID_CHARS_MAX,
    )
    assert people.read(people.state(largest, KEY)) == largest
    for wrong in (msgspec.structs.replace(largest, name=""), msgspec.structs.replace(largest, secret="s" * 3_000)):
        with pytest.raises(MalformedMessage):
            people.read(people.state(wrong, KEY))


@given(st.lists(PEOPLE, max_size=5), st.integers(0, 20))
def test_who_holds_all_up_to_a_moment_gets_what_came_since_and_nothing_twice(told: list[Person], moment: int) -> None:
    hub = latest(told)
    node = {name: person for name, person in hub.items() if person.revision <= moment}
    missing, whole = people.missing(list(hub.values()), mark_of(node))
    assert not whole
    assert {person.name for person in missing} == hub.keys() - node.keys()
    assert people.missing(list(hub.values()), mark_of(hub)) == ([], False)


@given(st.lists(PEOPLE, max_size=5), st.lists(PEOPLE, max_size=5))
def test_a_node_and_a_hub_that_went_back_agree_after_each_told_the_other(
    ours: list[Person], theirs: list[Person]
) -> None:
    hub, node = latest(ours), latest(theirs)
    for _ in range(3):
        missing, whole = people.missing(list(hub.values()), mark_of(node))
        before = dict(node)
        node = latest([*missing, *node.values()])
        if not whole:
            break
        forgotten = [person for name, person in before.items() if person.revision > _revision(hub, name)]
        hub = latest([*hub.values(), *forgotten])
    assert mark_of(hub) == mark_of(node)
    greatest = latest([*ours, *theirs])
    assert {name: person.revision for name, person in node.items()} == {
        name: person.revision for name, person in greatest.items()
    }


def _revision(held: dict[str, Person], name: str) -> int:
    return held[name].revision if name in held else -1


def test_an_answer_tells_of_no_more_people_than_its_bound_and_goes_on_the_next_time() -> None:
    hub = [Person(f"n{number}", "f0", "midwife", "x", number) for number in range(bounds.PEOPLE_MAX + 7)]
    first, _ = people.missing(hub, Mark())
    assert len(first) == bounds.PEOPLE_MAX
    held = people.mark((person.name, person.revision) for person in first)
    rest, whole = people.missing(hub, held)
    assert (len(rest), whole) == (7, False)


def test_a_password_is_kept_so_that_it_opens_and_nothing_else_does() -> None:
    secret = passwords.sealed("correct horse", bytes(passwords.SALT_BYTES))
    assert secret.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert passwords.opens("correct horse", secret)
    assert not passwords.opens("wrong horse", secret)
    assert not passwords.opens("", "")
    assert not passwords.opens("x", "no PHC string")


@pytest.mark.parametrize(
    ("name", "role", "password"),
    [
        ("", "admin", "long enough"),
        (" ama", "admin", "long enough"),
        ("ama", "king", "long enough"),
        ("ama", "admin", "short"),
    ],
)
def test_what_makes_no_person_is_said_in_words(name: str, role: str, password: str) -> None:
    assert passwords.fault(name, role, password)
    assert passwords.fault("ama", "admin", "long enough") is None
