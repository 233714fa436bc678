"""What names somebody who was found, so that nobody can admit whom she has not found: short-lived, for one node and one user.

    resource key   16 bytes, a keyed hash that tells the node nothing
    expires        8 bytes, ms since 1970, big-endian
    MAC            16 bytes, HMAC-SHA256 over both, the node and the user

Nothing is kept of them at the hub, and one may be shown again until it expires: admitting is harmless when it is repeated.
"""

import hmac
import struct
from typing import Final

from hub.errors import CandidateRefused
from hub.keys import CANDIDATE_MAC_BYTES, Keys

VALID_MS: Final = 15 * 60_000
"""Long enough to look at a list, ask the patient, and send it again over a link that comes and goes."""
_SIGNED = struct.Struct(">16sQ")


def issue(keys: Keys, rkey: bytes, node: str, user: str, now_ms: int) -> bytes:
    """The token of a record by its key, for a user of a node."""
    signed = _SIGNED.pack(rkey, now_ms + VALID_MS)
    return signed + keys.candidate_mac(_about(signed, node, user))


def redeem(keys: Keys, token: bytes, node: str, user: str, now_ms: int) -> bytes:
    """The key of the record that a token names. Raises CandidateRefused."""
    signed, mac = token[:-CANDIDATE_MAC_BYTES], token[-CANDIDATE_MAC_BYTES:]
    if len(signed) != _SIGNED.size or not hmac.compare_digest(mac, keys.candidate_mac(_about(signed, node, user))):
        raise CandidateRefused
    rkey, expires = _SIGNED.unpack(signed)
    if expires < now_ms:
        raise CandidateRefused("It is too long ago that she was looked for.")
    return bytes(rkey)


def _about(signed: bytes, node: str, user: str) -> bytes:
    # No node's id has a zero byte, and no user's name does (`sync_protocol.exchange.finding`).
    return signed + f"{node}\0{user}".encode()
