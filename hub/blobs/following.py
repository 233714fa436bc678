"""What speaks of files, and that a file goes along with the patient whose record speaks of it.

A record speaks of a file by `/blobs/{sha256}` in any of its values, as `DocumentReference.content.attachment.url` does.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from hub.keys import Keys
from hub.places import Place
from hub.store.blobs import BlobRow
from hub.store.scopes import ScopeRow
from hub.store.shard import Shard
from sync_protocol import pack
from sync_protocol.resource import Resource

_MENTION: Final = re.compile(rb"/blobs/([0-9a-f]{64})(?![0-9a-f])")


def mentioned(keys: Keys, values: bytes) -> set[bytes]:
    """The names of the files that packed values speak of."""
    return {keys.blob_name(bytes.fromhex(found.decode())) for found in _MENTION.findall(values)}


async def share(place: Place, shard: Shard, names: Collection[bytes], old: ScopeRow, new: ScopeRow) -> None:
    """Gives those of these files that a scope has to another one too, whose records speak of them now. Nothing is copied but the row,
    its key sealed anew; the old scope's goes when nothing there speaks of it any more."""
    rows = await shard.blobs_named(sorted(names), old.id) if names else []
    if rows:
        await shard.add_blobs([_in_scope(place, row, old, new) for row in rows])


class Travelling(Struct, frozen=True, array_like=True):
    """A file on its way to another shard, in a message that is sealed: its object's key is as it is."""

    name: bytes
    object: str
    key: bytes
    size: int
    media_type: str
    made: datetime
    referred: datetime


async def leaving(place: Place, shard: Shard, records: Sequence[Resource], old: ScopeRow) -> list[Travelling]:
    """The files of a scope that these records speak of, which are about to go to another shard. Their objects stay where they are."""
    names = {name for record in records for name in mentioned(place.keys, pack.pack(record))}
    rows = await shard.blobs_named(sorted(names), old.id) if names else []
    seal = place.seal(old.data_key)
    return [
        Travelling(row.name, row.object, seal.open(row.key, row.name), row.size, row.media_type, row.made, row.referred)
        for row in rows
    ]


async def arrived(place: Place, shard: Shard, files: Sequence[Travelling], scope: ScopeRow) -> None:
    """What came with records from another shard is there for this scope."""
    seal = place.seal(scope.data_key)
    rows = [
        BlobRow(
            one.name,
            scope.id,
            one.object,
            seal.seal(one.key, one.name),
            one.size,
            one.media_type,
            one.made,
            one.referred,
        )
        for one in files
    ]
    if rows:
        await shard.add_blobs(rows)


def _in_scope(place: Place, row: BlobRow, old: ScopeRow, new: ScopeRow) -> BlobRow:
    key = place.seal(old.data_key).open(row.key, row.name)
    return msgspec.structs.replace(row, scope=new.id, key=place.seal(new.data_key).seal(key, row.name))


async def share_late(
    place: Place,
    shard: Shard,
    said: Sequence[tuple[frozenset[int], int, Sequence[Resource]]],
    scopes: Mapping[int, ScopeRow],
) -> None:
    """Files that a clinic speaks of in what it says of a patient who has moved away go to where she is: from which of its scopes, into
    which, and what it said. What others have said of her is not looked at: to speak of a file gives nobody the file."""
    for left, scope, parts in said:
        names = {name for part in parts for name in mentioned(place.keys, pack.pack(part))}
        # To a clinic of another shard only what was there when she went goes along: `leaving`.
        for former in sorted(left) if names and scopes[scope].home is None else ():
            await share(place, shard, names, scopes[former], scopes[scope])
