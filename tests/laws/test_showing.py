"""What is shown: decoded at once, it is what its text says."""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from sync_protocol.errors import MalformedJson
from sync_protocol.register import Register, Sibling
from sync_protocol.resource import Resource, shown
from sync_protocol.showing import assemble, shown_object
from tests.laws.documents import bodies, created
from tests.laws.examples import specification_examples
from tests.laws.strategies import resources, stamp_of


def same_both_ways(resource: Resource) -> None:
    view = shown(resource)
    text = assemble(resource.type, resource.id, view)
    try:
        read: Any = msgspec.json.decode(text)
    except msgspec.ValidationError:  # a number that no program can hold
        with pytest.raises(MalformedJson):
            shown_object(resource.type, resource.id, view)
        return
    assert shown_object(resource.type, resource.id, view) == read


def test_examples_of_the_specification() -> None:
    for text in specification_examples():
        same_both_ways(created(text))


@given(bodies())
def test_whatever_is_written(text: bytes) -> None:
    same_both_ways(created(text))


@given(resources(3))
def test_whatever_was_merged(states: list[Resource]) -> None:
    for state in states:
        same_both_ways(state)


@pytest.mark.parametrize("value", [b'{"resourceType":"Patient"}', b'{"id":"other"}', b'{"a":1}{"b":2}', b"7"])
def test_values_that_make_up_no_such_resource_are_told(value: bytes) -> None:
    stamp = stamp_of(1, 1, 1)
    register = Register((Sibling(stamp, value),), {1: 1})
    with pytest.raises(MalformedJson):
        shown_object("Observation", "o1", shown(Resource("Observation", "o1", {"status": register})))
