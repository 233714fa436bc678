"""Envelopes open for their receiver alone, name their author, and show any change."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_protocol import envelope
from sync_protocol.errors import BadSignature, MalformedEnvelope

SENDER, OTHER_SENDER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
RECEIVER, OTHER_RECEIVER, EPHEMERAL = (X25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (3, 4, 5))
NAMED = (BadSignature, MalformedEnvelope)


def sealed(payload: bytes, sender: Ed25519PrivateKey = SENDER) -> bytes:
    return envelope.seal(payload, sender, RECEIVER.public_key(), EPHEMERAL)


@given(st.binary(max_size=200))
def test_what_is_sealed_opens_and_names_its_author(payload: bytes) -> None:
    raw = sealed(payload)
    author = SENDER.public_key().public_bytes_raw()
    assert envelope.open_(raw, RECEIVER) == (author, payload)
    assert envelope.sender_of(raw, RECEIVER.public_key()) == author
    assert len(payload) < 8 or payload not in raw


def test_every_changed_bit_and_every_cut_is_seen() -> None:
    raw = sealed(b"a few records")
    for at in range(len(raw)):
        for bit in (0, 3, 7):
            with pytest.raises(NAMED):
                envelope.open_(raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :], RECEIVER)
        with pytest.raises(NAMED):
            envelope.open_(raw[:at], RECEIVER)
    with pytest.raises(BadSignature):
        envelope.open_(raw + b"\0", RECEIVER)


def test_it_opens_for_nobody_else() -> None:
    raw = sealed(b"a few records")
    with pytest.raises(BadSignature):
        envelope.open_(raw, OTHER_RECEIVER)
    with pytest.raises(BadSignature):
        envelope.sender_of(raw, OTHER_RECEIVER.public_key())


def test_nobody_can_put_their_name_on_it_or_pass_it_on_in_its_authors() -> None:
    raw, other = sealed(b"a few records"), sealed(b"a few records", OTHER_SENDER)
    # Another's key, with her own signature over the same sealed bytes: the author is part of what is sealed.
    body = raw[100:]
    signature = OTHER_SENDER.sign(b"MTE1" + RECEIVER.public_key().public_bytes_raw() + body)
    stolen = b"MTE1" + OTHER_SENDER.public_key().public_bytes_raw() + signature + body
    with pytest.raises(MalformedEnvelope):
        envelope.open_(stolen, RECEIVER)
    for mixed in (raw[:36] + other[36:], raw[:100] + other[100:], other[:36] + raw[36:]):
        with pytest.raises(NAMED):
            envelope.open_(mixed, RECEIVER)


def test_a_shared_secret_of_nothing_is_refused() -> None:
    """An ephemeral key of low order would make the same key for every receiver."""
    body = bytes(32) + sealed(b"x")[132:]
    signature = SENDER.sign(b"MTE1" + RECEIVER.public_key().public_bytes_raw() + body)
    with pytest.raises(MalformedEnvelope):
        envelope.open_(b"MTE1" + SENDER.public_key().public_bytes_raw() + signature + body, RECEIVER)


@settings(max_examples=50)
@given(st.one_of(st.binary(max_size=200), st.binary(min_size=140, max_size=200).map(lambda b: b"MTE1" + b)))
def test_garbage_is_named(raw: bytes) -> None:
    with pytest.raises(NAMED):
        envelope.open_(raw, RECEIVER)
