"""New resources are taken by a shorter way, which comes to the same as the long one."""

import pytest

from sync_protocol.exchange import hub
from sync_protocol.frame import WITHHELD
from sync_protocol.register import Register, Sibling, Stamp
from sync_protocol.resource import ALIVE, DELETION, Resource, is_one_write

OWN = frozenset({5, 6})


def stamp(node: int = 5, counter: int = 3) -> Stamp:
    return Stamp(node, counter, 1_000, 1_000, "ama", "midwife")


def resource(values: dict[str, bytes | None], by: Stamp, context: dict[int, int]) -> Resource:
    return Resource("Patient", "p", {key: Register((Sibling(by, value),), context) for key, value in values.items()})


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
