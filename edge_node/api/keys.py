"""The API's own keys: derived from one secret in the store's `meta`, so that logins and cursors outlive a restart."""

from collections.abc import Callable

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from edge_node.store.store import Store

SECRET_BYTES = 32
_SECRET, _REVOKED = "api_secret", "api_revoked_tokens"


def secret(store: Store, chance: Callable[[int], bytes]) -> bytes:
    """The secret of this node; made at the first call. It lies in the encrypted database and nowhere else."""
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", (_SECRET, chance(SECRET_BYTES))
        )
        return bytes(connection.execute("SELECT value FROM meta WHERE name = ?", (_SECRET,)).fetchone()[0])


def derived(master: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose (HKDF, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"medtech-edge {purpose}".encode()).derive(master)


def revoked_tokens(store: Store) -> dict[str, int]:
    """Names of tokens that were given back before their time, with their end."""
    with store.reading() as connection:
        row = connection.execute("SELECT value FROM meta WHERE name = ?", (_REVOKED,)).fetchone()
    return msgspec.json.decode(row[0], type=dict[str, int]) if row is not None else {}


def keep_revoked(store: Store, revoked: dict[str, int]) -> None:
    """Writes them down."""
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (_REVOKED, msgspec.json.encode(revoked)),
        )
