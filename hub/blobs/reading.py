"""Who may read which file: a node what its scopes have, a person what her region's facilities have, an address what it was made for."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from hub.blobs import links
from hub.errors import NotFound, PostgresFault
from hub.places import Place
from hub.runtime import Hub
from hub.sessions.visitor import Visitor
from hub.store import blobs
from hub.store.audit import note_act
from hub.store.blobs import BlobRow
from hub.store.nodes import NodeRow
from hub.store.scopes import ScopeRow, scopes_of_node

ASKED_AGAIN: Final = timedelta(days=1)
"""That a file was asked for is noted once in so long."""


class Found(Struct, frozen=True):
    """A file and where it is."""

    sha256: str
    row: BlobRow
    scope: ScopeRow
    place: Place


async def found_by_node(place: Place, node: NodeRow, sha256: str, now_ms: int) -> Found:
    """A file that one of the node's scopes has. Raises `NotFound`, whether it is not there or not the node's.

    A node that asks is going to speak of it, or does: it is not erased next.
    """
    name = place.keys.blob_name(bytes.fromhex(sha256))
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    async with place.transaction() as connection:
        row = await blobs.blob_of_node(connection, name, node.id)
        if row is None:
            return await _found_abroad(place, sha256, name, await scopes_of_node(connection, node.id))
        (scope,) = await place.on(connection).read_scopes([row.scope])
        if row.referred < now - ASKED_AGAIN:
            await blobs.note_referred(connection, row.scope, [name], now)
    return Found(sha256, row, scope, place)


async def _found_abroad(place: Place, sha256: str, name: bytes, held: Sequence[ScopeRow]) -> Found:
    """A file of a facility that a point of presence holds, and that is at home on another shard. Raises `NotFound`, `PostgresFault`."""
    abroad = [scope for scope in held if scope.home is not None and scope.kind == "facility"]
    for home in sorted({scope.home for scope in abroad if scope.home is not None}):
        there = place.others.at(home)
        async with there.transaction() as connection:
            named = [scope.name for scope in abroad if scope.home == home]
            scopes = await there.on(connection).named_scopes(named)
            for scope in scopes:
                if (row := await blobs.blob_of_scope(connection, name, scope.id)) is not None:
                    return Found(sha256, row, scope, there)
    raise nothing_there()


async def found_by_visitor(hub: Hub, visitor: Visitor, sha256: str) -> Found:
    """A file that a facility of the visitor's region has, noted in the audit.

    Raises `NotFound`, or `PostgresFault` when a shard that may have it does not answer.
    """
    name = hub.keys.blob_name(bytes.fromhex(sha256))
    away: PostgresFault | None = None
    for place in hub.shards.of_region(visitor.region) if visitor.region else hub.shards:
        try:
            async with place.transaction() as connection:
                row = await blobs.blob_of_region(connection, name, visitor.region)
                shard = place.on(connection)
                scopes = await shard.read_scopes([row.scope]) if row is not None else []
        except PostgresFault as error:
            away = error
            continue
        if row is not None:
            async with hub.database.transaction() as connection:
                await note_act(connection, visitor.name, "blob.read", f"{scopes[0].name} {name.hex()}")
            return Found(sha256, row, scopes[0], place)
    raise away or nothing_there()


async def found_by_link(hub: Hub, sha256: str, shard: int, scope: int, expires: int, mac: str, now_ms: int) -> Found:
    """The file of a signed address. Raises `Forbidden`, or `NotFound` when it was erased or moved meanwhile."""
    links.check(hub.keys, sha256, shard, scope, expires, mac, now_ms)
    place = hub.shards.at(shard)
    async with place.transaction() as connection:
        row = await blobs.blob_of_scope(connection, hub.keys.blob_name(bytes.fromhex(sha256)), scope)
        if row is None:
            raise nothing_there()
        (of,) = await place.on(connection).read_scopes([scope])
    return Found(sha256, row, of, place)


def key_of(found: Found) -> bytes:
    """The key of the file's object. Raises `SealBroken`."""
    return found.place.seal(found.scope.data_key).open(found.row.key, found.row.name)


def nothing_there() -> NotFound:
    return NotFound("There is no such file here.", hint="Ask for a file that a record of yours speaks of.")
