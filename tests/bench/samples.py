"""The resources that are measured with: the Synthea patients of `tests/data`, and as many more like them as are wanted."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import count, islice
from pathlib import Path
from typing import Final

import msgspec

from edge_node.store.bundles import Item, resources
from edge_node.store.model import Author, Write
from edge_node.store.store import Store

FILE: Final = Path(__file__).resolve().parents[1] / "data" / "synthea_r4_120_patients.ndjson.gz"
AUTHOR: Final = Author("ama", "clinician")
EDITABLE: Final = "Observation"
_uuid = re.compile(rb"[0-9a-f]{8}(?=-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")


class _Name(msgspec.Struct):
    resourceType: str
    id: str


@cache
def originals() -> tuple[bytes, ...]:
    """The 31,287 resources, references among them rewritten to `Type/id`."""
    return tuple(item.body for item in resources(FILE))


def bodies(number: int, generation: int = 0) -> list[bytes]:
    """That many resources: the originals, then copies with other ids. Generations have no id in common."""
    return list(islice(_endless(generation), number))


def items(number: int, generation: int = 0) -> Iterator[Item]:
    """The same, as an import takes them."""
    return (Item(body) for body in bodies(number, generation))


def name(body: bytes) -> tuple[str, str]:
    """Type and id of a resource."""
    found = msgspec.json.decode(body, type=_Name)
    return found.resourceType, found.id


def again(body: bytes) -> bytes:
    """The same resource under another id: one more about patients who are there already."""
    own = name(body)[1].encode()
    return body.replace(own, _uuid.sub(lambda found: b"%08x" % (int(found[0], 16) ^ 0xFFFFFFFF), own))


def edit(store: Store, body: bytes, number: int) -> Write:
    """One element of a stored resource changed, as someone who sees the present version does."""
    type_, id_ = name(body)
    stored = store.read(type_, id_)
    assert stored is not None
    assert stored.body is not None
    members = msgspec.json.decode(stored.body, type=dict[str, msgspec.Raw])
    members["issued"] = msgspec.Raw(b'"2024-05-01T%02d:%02d:%02d.%03dZ"' % _moment(number))
    return Write(type_, id_, msgspec.json.encode(members), seen=stored.version)


def editable(number: int, generation: int = 0, *, among: int | None = None) -> list[bytes]:
    """Bodies of that many different observations among the first so many resources."""
    found = [body for body in bodies(among or number * 4, generation) if name(body)[0] == EDITABLE]
    step = max(1, len(found) // number)
    return found[::step][:number]


def _moment(number: int) -> tuple[int, int, int, int]:
    seconds, ms = divmod(number, 1000)
    return seconds // 3600 % 24, seconds // 60 % 60, seconds % 60, ms


def _endless(generation: int) -> Iterator[bytes]:
    for copy in count(generation << 16):
        if not copy:
            yield from originals()
            continue
        mask = copy * 0x9E3779B1 & 0xFFFFFFFF
        for body in originals():
            yield _uuid.sub(lambda found, mask=mask: b"%08x" % (int(found[0], 16) ^ mask), body)  # type: ignore[misc]
