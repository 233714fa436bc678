"""The authority and the server's certificate, kept in the encrypted store: made when they are needed, and anew when they no longer do."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from edge_node.errors import SettingsWrong
from edge_node.store.connection import Connection
from edge_node.store.store import Store
from edge_node.tls import authority, interfaces
from edge_node.tls.authority import Pair

_AUTHORITY, _SERVER = "tls_authority", "tls_server"
PLACE_UNKNOWN: Final = "clinic"


class Kept(msgspec.Struct, frozen=True):
    """What the server shows, and who vouches for it. `names`: what it is called now."""

    authority: Pair
    server: Pair
    names: tuple[str, ...]


def given_names(text: str) -> list[str]:
    """The setting `tls_names`: host names and addresses with commas. Raises SettingsWrong for what is neither."""
    given = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in given:
        if interfaces.as_address(name) is None and not interfaces.is_host(name):
            raise SettingsWrong(f"{name!r} in tls_names is neither a host name nor an address")
    return given


def look(store: Store, now_ms: int, given: Sequence[str], told: Callable[[], list[str]] = interfaces.names) -> Kept:
    """The present authority and a server's certificate that will do, both made if need be.

    `given` are names that people chose, `told` tells those of the machine. Raises SettingsWrong for a given name that the authority was
    made without: trusting another authority is a walk to every device, which nobody should begin by changing a setting.
    """
    names = tuple(dict.fromkeys([*given, *told()]))
    with store.transaction() as connection:
        now = authority.believed(now_ms, _offset_ms(connection))
        issuer = _read(connection, _AUTHORITY)
        if issuer is None:
            issuer = authority.make_authority(_place(connection), now, names)
            _write(connection, _AUTHORITY, issuer)
        _check(issuer, given)
        server = _read(connection, _SERVER)
        if server is None or not authority.serves(server, issuer, now, names):
            server = authority.issue(issuer, now, names)
            _write(connection, _SERVER, server)
    return Kept(issuer, server, names)


def replace(store: Store) -> None:
    """Forgets the authority: the next look makes another, which every device has to be told to trust."""
    with store.transaction() as connection:
        connection.execute("DELETE FROM meta WHERE name IN (?, ?)", (_AUTHORITY, _SERVER))


def _check(issuer: Pair, given: Sequence[str]) -> None:
    for name in given:
        if not authority.allows(issuer.parsed(), name):
            raise SettingsWrong(
                f"This clinic's certificate authority was made without the name {name}",
                hint="Leave it out of tls_names; or run `medtech-edge trust --new`, after which every device has to trust anew.",
            )


def _place(connection: Connection) -> str:
    facility, node = connection.execute("SELECT facility, node FROM sync").fetchone()
    return str(facility or node or PLACE_UNKNOWN)


def _offset_ms(connection: Connection) -> int | None:
    offset: int | None = connection.execute("SELECT clock_offset_ms FROM sync").fetchone()[0]
    return offset


def _read(connection: Connection, name: str) -> Pair | None:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return msgspec.msgpack.decode(row[0], type=Pair) if row is not None else None


def _write(connection: Connection, name: str, pair: Pair) -> None:
    connection.execute(
        "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, msgspec.msgpack.encode(pair)),
    )
