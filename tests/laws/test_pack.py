"""Packed states are canonical, hostile bytes are named, and a digest is the sum of what is there."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import bounds, compression, digest, pack
from sync_protocol.errors import MalformedData, MalformedState, TooLarge, UnknownDictionary
from sync_protocol.register import Register, Sibling
from sync_protocol.resource import Resource, join_resource
from tests.laws.examples import msgpack_suite
from tests.laws.strategies import fails_only_with, mutated, registers, resources, stamp_of


def shuffled(resource: Resource, seed: int) -> Resource:
    """An equal state whose dicts were filled in another order."""
    chance = random.Random(seed)

    def again(register: Register) -> Register:
        context = list(register.context.items())
        chance.shuffle(context)
        return Register(register.siblings, dict(context))

    elements = [(key, again(register)) for key, register in resource.elements.items()]
    chance.shuffle(elements)
    return Resource(resource.type, resource.id, dict(elements))


@given(resources(2), st.integers())
def test_equal_states_are_equal_bytes_and_nothing_else_is(ab: list[Resource], seed: int) -> None:
    a, b = ab
    assert pack.pack(a) == pack.pack(shuffled(a, seed))
    assert (pack.pack(a) == pack.pack(b)) == (a.elements == b.elements)
    assert pack.pack(join_resource(a, b)[0]) == pack.pack(join_resource(shuffled(b, seed), a)[0])


@given(resources(1))
def test_states_come_back(one: list[Resource]) -> None:
    (a,) = one
    assert pack.unpack(a.type, a.id, pack.pack(a)) == a
    assert pack.pack(pack.unpack(a.type, a.id, pack.pack(a))) == pack.pack(a)


@given(registers(3), st.permutations(["a", "b", "~"]))
def test_any_registers_come_back(several: list[Register], keys: list[str]) -> None:
    a = Resource("P", "1", dict(zip(keys, several, strict=True)))
    assert pack.unpack("P", "1", pack.pack(a)) == a
    assert pack.pack(a) == pack.pack(Resource("Q", "2", dict(sorted(a.elements.items()))))


def test_elements_of_one_write_that_had_seen_different_things_come_back() -> None:
    sibling = Sibling(stamp_of(1, 5, 0), b'{"a":1}')
    a = Resource("P", "1", {"a": Register((sibling,), {1: 5}), "b": Register((sibling,), {1: 5, 7: 2})})
    assert pack.unpack("P", "1", pack.pack(a)) == a
    swapped = Resource("P", "1", {"a": a.elements["b"], "b": a.elements["a"]})
    assert pack.pack(swapped) != pack.pack(a)


@given(resources(2))
def test_versions_are_equal_for_equal_states_alone(ab: list[Resource]) -> None:
    hashes = [pack.hash_of(r.type, r.id, pack.pack(r)) for r in ab]
    versions = [pack.version_of(h) for h in hashes]
    assert (versions[0] == versions[1]) == (ab[0] == ab[1])
    assert [len(h) for h in hashes] == [pack.HASH_BYTES] * 2
    assert [len(v) for v in versions] == [pack.VERSION_CHARS] * 2
    assert pack.hash_of("P", "1", b"") != pack.hash_of("P", "2", b"")


def unpack(raw: bytes) -> Resource:
    return pack.unpack("P", "1", raw)


@given(st.binary(max_size=60))
def test_garbage_is_named(raw: bytes) -> None:
    fails_only_with((MalformedState,), unpack, raw)


@pytest.mark.parametrize(
    "columns",
    [
        ([], [[]], ["a"], None, [b"1"]),
        ([[1, 1, 0, 0, "u", "r"]], [[1, 1]], ["a"], [[0, 0]], []),
        ([[1, 1, 0, 0, "u", "r"]], [[1, 1]], ["a"], [[0]], [b"1"]),
        ([[1, 1, 0, 0, "u", "r"]], [[1, 1]], ["a"], [[0, -1]], [b"1"]),
        ([[1, 1, 0, 0, "u", "r"]], [[1, 1]], ["a"], [[-1, 0]], [b"1"]),
        ([[1, 1, 0, 0, "u", "r"]], [[1, 1]], ["a"], [[1, 0]], [b"1"]),
        ([[1, 1, 0, 0, "u", "r"]], [[1, 1]], ["a", "b"], [[0, 0]], [b"1", b"2"]),
        ([[1, 1, 0, 0, "u", "r"]], [[1, -1]], ["a"], [[0, 0]], [b"1"]),
        ([[1, 1, 0, 0, "u", "r"]], [[1]], ["a"], [[0, 0]], [b"1"]),
    ],
)
def test_columns_that_do_not_fit_together_are_named(columns: tuple[object, ...]) -> None:
    with pytest.raises(MalformedState):
        unpack(msgspec.msgpack.encode(columns))


@given(resources(1), st.data())
def test_hostile_states_are_named(one: list[Resource], data: st.DataObject) -> None:
    fails_only_with((MalformedState,), unpack, data.draw(mutated(pack.pack(one[0]))))


@given(resources(1), st.data())
def test_cut_and_changed_states_are_named(one: list[Resource], data: st.DataObject) -> None:
    raw = pack.pack(one[0])
    at = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(MalformedState):
        unpack(raw[:at])
    fails_only_with(
        (MalformedState,), unpack, raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :]
    )


def test_every_msgpack_value_in_place_of_a_state_or_a_column_is_named() -> None:
    for _, encodings in msgpack_suite():
        for raw in encodings:
            assert not fails_only_with((MalformedState,), unpack, raw)
            for at in range(5):
                columns = [b"\x90"] * 5
                columns[at] = raw
                fails_only_with((MalformedState,), unpack, b"\x95" + b"".join(columns))


def test_fewer_values_than_siblings_are_named() -> None:
    with pytest.raises(MalformedState):
        unpack(
            bytes.fromhex("95")
            + b"\x91\x96\x01\x01\x00\x00\xa0\xa0"
            + b"\x91\x92\x01\x01"
            + b"\x91\xa1a\x91\x92\x00\x00\x90"
        )


# --- digest -----------------------------------------------------------------------------------------------------------

HASHES = st.binary(min_size=16, max_size=16)


@given(st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), HASHES)), max_size=30))
def test_a_digest_kept_is_the_digest_rebuilt(changes: list[tuple[int, bytes | None]]) -> None:
    rows: dict[int, bytes] = {}
    kept = digest.EMPTY
    for row, new in changes:
        kept = digest.add(kept, new=new, old=rows.get(row))
        if new is None:
            rows.pop(row, None)
        else:
            rows[row] = new
        assert kept == digest.total(rows.values())
        assert 0 <= kept < digest.MODULUS
    assert digest.from_bytes(digest.to_bytes(kept)) == kept
    assert len(digest.to_bytes(kept)) == 16


@given(st.lists(HASHES, max_size=8), st.randoms(use_true_random=False))
def test_order_is_nothing_to_a_digest(hashes: list[bytes], chance: random.Random) -> None:
    mixed = list(hashes)
    chance.shuffle(mixed)
    assert digest.total(mixed) == digest.total(hashes)


# --- compression ------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=300), st.sampled_from(sorted(compression.VERSIONS)))
def test_compressed_bytes_come_back_and_are_bounded(raw: bytes, version: int) -> None:
    codec = compression.Codec(version)
    packed = codec.compress(raw)
    assert codec.decompress(packed, len(raw)) == raw
    if raw:
        with pytest.raises(TooLarge):
            codec.decompress(packed, len(raw) - 1)


@given(st.binary(max_size=80))
def test_garbage_does_not_decompress(raw: bytes) -> None:
    fails_only_with((MalformedData, TooLarge), lambda b: compression.Codec().decompress(b, 1000), raw)


def test_an_unknown_dictionary_is_named() -> None:
    with pytest.raises(UnknownDictionary):
        compression.Codec(max(compression.VERSIONS) + 1)
    assert bounds.FRAME_RAW_BYTES_MAX < 1 << 32
