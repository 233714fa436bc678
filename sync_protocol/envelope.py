"""Sealed bundles: for a stick, a phone, a LAN. Signed by the author in the clear, then sealed to one receiver.

    envelope = "MTE1" | sender's Ed25519 key (32) | signature (64) | sealed
    sealed   = ephemeral X25519 key (32) | AES-256-GCM(key, nonce 0, payload, aad = mark | sender | ephemeral)
    key      = HKDF-SHA256(X25519(ephemeral, receiver), salt = ephemeral | receiver, info = "medtech bundle 1")

The signature covers the mark, the receiver's key and the sealed bytes, so that an envelope can be checked by who carries it, and cannot be
sealed again to someone else in the sender's name. The key is new for each envelope, so a constant nonce is safe (RFC 5116; RFC 9180
does the same). Keys and randomness are arguments.
"""

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sync_protocol.errors import BadSignature, MalformedEnvelope

_MARK = b"MTE1"
_INFO = b"medtech bundle 1"
_HEADER_BYTES = len(_MARK) + 32 + 64
_NONCE = bytes(12)


def seal(payload: bytes, sender: Ed25519PrivateKey, receiver: X25519PublicKey, ephemeral: X25519PrivateKey) -> bytes:
    """The envelope. `ephemeral` must be fresh for each one."""
    sender_key = sender.public_key().public_bytes_raw()
    ephemeral_key = ephemeral.public_key().public_bytes_raw()
    key = _key(ephemeral.exchange(receiver), ephemeral_key, receiver.public_bytes_raw())
    aad = _MARK + sender_key + ephemeral_key
    sealed = ephemeral_key + AESGCM(key).encrypt(_NONCE, payload, aad)
    signature = sender.sign(_MARK + receiver.public_bytes_raw() + sealed)
    return _MARK + sender_key + signature + sealed


def sender_of(envelope: bytes, receiver: X25519PublicKey) -> bytes:
    """The Ed25519 key of who signed this envelope to this receiver. Raises MalformedEnvelope or BadSignature."""
    if len(envelope) < _HEADER_BYTES + 32 + 16 or not envelope.startswith(_MARK):
        raise MalformedEnvelope("not a bundle of this format")
    sender_key = envelope[4:36]
    signature, sealed = envelope[36:100], envelope[100:]
    try:
        Ed25519PublicKey.from_public_bytes(sender_key).verify(signature, _MARK + receiver.public_bytes_raw() + sealed)
    except (InvalidSignature, ValueError) as error:
        raise BadSignature("the bundle was changed, or is not for this receiver") from error
    return sender_key


def open_(envelope: bytes, receiver: X25519PrivateKey) -> tuple[bytes, bytes]:
    """`(sender's key, payload)`. Whether the sender may say what is inside is for the caller. Raises MalformedEnvelope, BadSignature."""
    sender_key = sender_of(envelope, receiver.public_key())
    sealed = envelope[100:]
    ephemeral_key, box = sealed[:32], sealed[32:]
    try:
        shared = receiver.exchange(X25519PublicKey.from_public_bytes(ephemeral_key))
        key = _key(shared, ephemeral_key, receiver.public_key().public_bytes_raw())
        return sender_key, AESGCM(key).decrypt(_NONCE, box, _MARK + sender_key + ephemeral_key)
    except (InvalidTag, ValueError) as error:
        raise MalformedEnvelope("a bundle that does not open with this key") from error


def _key(shared: bytes, ephemeral: bytes, receiver: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=ephemeral + receiver, info=_INFO).derive(shared)
