"""What one write made is kept without registers, and is nothing else than the registers that it stands for; new resources, which come so,
are taken by a shorter way, which comes to the same as the long one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import elements, frame, pack
from sync_protocol.exchange import hub
from sync_protocol.frame import WITHHELD
from sync_protocol.one_write import OneWrite, one_write
from sync_protocol.register import Register, Sibling, Stamp
from sync_protocol.resource import (
    ALIVE,
    DELETION,
    Resource,
    context_of,
    deletion_disputed,
    disagreements,
    gone,
    is_one_write,
    join_resource,
    last_stamp_ms,
    shown,
)
from tests.laws.strategies import resources

OWN = frozenset({5, 6})


def stamp(node: int = 5, counter: int = 3) -> Stamp:
    return Stamp(node, counter, 1_000, 1_000, "ama", "midwife")


def resource(values: dict[str, bytes | None], by: Stamp, context: dict[int, int]) -> Resource:
    return kept(
        Resource("Patient", "p", {key: Register((Sibling(by, value),), context) for key, value in values.items()})
    )


def kept(resource: Resource) -> Resource:
    """The same as one write, if it is one."""
    return Resource(resource.type, resource.id, one_write(resource.elements) or resource.elements)


def spelt_out(resource: Resource) -> Resource:
    """The same, register by register."""
    return Resource(resource.type, resource.id, dict(resource.elements.items()))


PLAIN = resource({"gender": b'{"gender":"female"}', "name": None}, stamp(), {5: 3})
TWO_STAMPS = Resource("Patient", "p", {**PLAIN.elements, "id": Register((Sibling(stamp(6, 9), b"1"),), {6: 9})})
TWO_CONTEXTS = Resource("Patient", "p", {**PLAIN.elements, "id": Register((Sibling(stamp(), b"1"),), {5: 4})})
TWO_SIBLINGS = Resource(
    "Patient", "p", {"id": Register((Sibling(stamp(), b"1"), Sibling(stamp(6, 1), b"2")), {5: 3, 6: 1})}
)


@pytest.mark.parametrize(
    ("part", "short"),
    [
        (PLAIN, True),
        (resource({"gender": b"{}"}, stamp(6, 1), {6: 1}), True),
        (TWO_STAMPS, False),
        (TWO_CONTEXTS, False),
        (TWO_SIBLINGS, False),
        (resource({"gender": b"{}"}, stamp(7), {7: 3}), False),
        (resource({"gender": b"{}"}, stamp(), {5: 3, 7: 1}), False),
        (resource({"gender": WITHHELD}, stamp(), {5: 3}), False),
        (resource({"gender": b"{}", DELETION: ALIVE}, stamp(), {5: 3}), False),
        (resource({"gender": b"{}", DELETION: b'{"gender":{"7":9}}'}, stamp(), {5: 3}), False),
        (Resource("Patient", "p", {}), False),
    ],
)
def test_the_shorter_way_comes_to_the_same(part: Resource, short: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_one_write(part, OWN) is short
    taken = hub.merge(None, part, OWN)
    monkeypatch.setattr(hub, "is_one_write", lambda *_: False)
    assert taken == hub.merge(None, part, OWN)


@given(resources(2), st.data())
def test_it_is_nothing_else_than_its_registers(states: list[Resource], data: st.DataObject) -> None:
    one, other = map(spelt_out, states)
    key = data.draw(st.sampled_from([*one.elements, "absent"]))
    one = data.draw(st.sampled_from([one, one.part([key])]))
    short = kept(one)
    assert isinstance(short.elements, OneWrite) is _is_plain(one)
    assert short == one
    assert spelt_out(short) == one
    assert list(short.elements) == (sorted(one.elements) if _is_plain(one) else list(one.elements))
    for read in (pack.pack, shown, gone, disagreements, deletion_disputed, last_stamp_ms, context_of):
        assert read(short) == read(one)
    assert short.value(key) == one.value(key)
    assert (key in short.elements) is (key in one.elements)
    assert join_resource(short, other) == join_resource(one, other)
    assert join_resource(other, short) == join_resource(other, one)
    assert elements.check_each([short]) == elements.check_each([one])
    if one.elements:
        assert frame.encode([short, other]) == frame.encode([one, other])
        assert isinstance(frame.decode(frame.encode([one]))[0].elements, OneWrite) is _is_plain(one)
        assert isinstance(pack.unpack("Patient", "p", pack.pack(one)).elements, OneWrite) is _is_plain(one)


def _is_plain(resource: Resource) -> bool:
    registers = list(resource.elements.values())
    stamps = {sibling.stamp for register in registers for sibling in register.siblings}
    return (
        len(stamps) == 1
        and all(len(register.siblings) == 1 for register in registers)
        and all(register.context == registers[0].context for register in registers)
    )
