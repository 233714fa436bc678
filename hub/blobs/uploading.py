"""How a node brings a file: announced, sent in pieces that go on after any break, checked, and only then there.

    pieces    each sealed (AES-256-GCM, a random nonce, its upload and place with it) as an object of its own, and noted after it is written
    the last  is not noted by itself: the whole is put together first, its SHA-256 and kind are checked, and it is noted in the transaction
              that makes the file visible. So an upload never says that all is here before the file is.

Nothing tells a node whether another clinic has the same file: it is sent whole, and compared within its own scope alone.
"""

import os
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from datetime import datetime
from typing import Final

from hub.blobs.cipher import TAG_BYTES
from hub.blobs.keeping import Kept, keep, new_object
from hub.blobs.kinds import SIGN_BYTES, kind_of
from hub.errors import (
    BadRequest,
    Busy,
    ContentDiffers,
    NotFound,
    OffsetWrong,
    TooLarge,
    TooManyUploads,
    WrongType,
)
from hub.keys import KEY_BYTES, NONCE_BYTES, Seal
from hub.places import Place
from hub.postgres.engine import Connection
from hub.store import blobs
from hub.store.blobs import BlobRow, PieceRow, UploadRow
from hub.store.nodes import FacilityRow, NodeRow, read_facility
from hub.store.scopes import ScopeRow, scopes_of_node

PIECE_BYTES: Final = 1 << 20
"""What is kept in memory of a request, and rests as one object."""
PIECE_BYTES_MIN: Final = 16 << 10
"""Less than this is kept of a request that broke off only when it is the end of the file."""
PIECE_OVERHEAD_BYTES: Final = NONCE_BYTES + TAG_BYTES
UPLOADS_OPEN_MAX: Final = 20
ID_BYTES: Final = 16


async def begin(place: Place, node: NodeRow, facility: str, digest: bytes, size: int, now: datetime) -> str:
    """Announces a file of a facility of the node. Returns the upload's id. Raises `TooLarge`, `NotFound`, `TooManyUploads`."""
    if not 0 < size <= place.settings.blob_bytes_max:
        raise TooLarge(f"A file may have 1 to {place.settings.blob_bytes_max} bytes.", hint="Send a smaller picture.")
    async with place.transaction() as connection:
        held = {scope.name: scope for scope in await scopes_of_node(connection, node.id)}
        if (scope := held.get(f"facility/{facility}")) is None:
            raise NotFound("This node has no such facility.", hint="Name the node's own facility, or none.")
        if scope.home is not None:
            raise BadRequest("The facility is at home on another shard.", hint="Its own node brings its files.")
        if await blobs.count_uploads(connection, node.id) >= UPLOADS_OPEN_MAX:
            raise TooManyUploads
        await place.keys.data.prepare([scope.data_key])
        identity = secrets.token_hex(ID_BYTES)
        key = place.seal(scope.data_key).seal(os.urandom(KEY_BYTES), identity.encode())
        name = place.keys.blob_name(digest)
        await blobs.add_upload(
            connection, UploadRow(identity, scope.id, node.id, name, key, size, received=0, pieces=0, touched=now)
        )
    return identity


async def state(place: Place, node: NodeRow, upload: str) -> UploadRow:
    """How far an upload of this node is. Raises `NotFound`."""
    async with place.transaction() as connection:
        row = await blobs.find_upload(connection, upload, node.id)
    if row is None:
        raise NotFound("There is no such upload.", hint="Announce the file anew.")
    return row


async def end(place: Place, node: NodeRow, upload: str) -> None:
    """Forgets an upload. Raises `NotFound`."""
    row = await state(place, node, upload)
    async with place.transaction() as connection:
        await blobs.drop_uploads(connection, [row.id])


async def append(place: Place, node: NodeRow, upload: str, at: int, body: AsyncIterable[bytes], now: datetime) -> int:
    """Takes what comes from the byte `at` on. Returns how much of the file is here now.

    What came before a break is kept. Raises `NotFound`, `OffsetWrong`, `TooLarge`, `WrongType`, `ContentDiffers`, `StoreFault`.
    """
    row = await state(place, node, upload)
    if at != row.received:
        raise OffsetWrong(f"{row.received} bytes are here.")
    if row.received == row.size:
        return row.received
    taking = await _Taking.of(place, row, now)
    return await taking.take(body)


class _Taking:
    """One request that brings a part of a file."""

    def __init__(self, place: Place, row: UploadRow, scope: ScopeRow, facility: FacilityRow, now: datetime) -> None:
        self._place, self._row, self._facility = place, row, facility
        self._now = now
        self._seal = Seal(place.seal(scope.data_key).open(row.key, row.id.encode()))
        self._at, self._pieces = row.received, row.pieces
        self._waiting = bytearray()
        self._broken: Exception | None = None

    @classmethod
    async def of(cls, place: Place, row: UploadRow, now: datetime) -> "_Taking":
        async with place.transaction() as connection:
            (scope,) = await place.on(connection).read_scopes([row.scope])
            facility = await read_facility(connection, scope.name.removeprefix("facility/"))
        return cls(place, row, scope, facility, now)

    async def take(self, body: AsyncIterable[bytes]) -> int:
        """Keeps what comes, also when it breaks off; that is raised afterwards."""
        async for chunk in self._until_it_breaks(body):
            self._waiting += chunk
            if self._at + len(self._waiting) > self._row.size:
                raise TooLarge(f"The file was announced with {self._row.size} bytes.")
            while len(self._waiting) >= PIECE_BYTES and self._at + PIECE_BYTES < self._row.size:
                await self._keep_piece(bytes(self._waiting[:PIECE_BYTES]))
                del self._waiting[:PIECE_BYTES]
        if self._whole():
            await self._finish(bytes(self._waiting))
        elif len(self._waiting) >= (PIECE_BYTES_MIN if self._broken else 1):
            await self._keep_piece(bytes(self._waiting))
        if self._broken is not None:
            raise self._broken
        return self._at

    async def _until_it_breaks(self, body: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        try:
            async for chunk in body:
                yield chunk
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised when what came is safe
            self._broken = error

    def _whole(self) -> bool:
        return self._at + len(self._waiting) == self._row.size

    async def _keep_piece(self, piece: bytes) -> None:
        if self._at == 0 and len(piece) >= SIGN_BYTES:
            kind_of(piece)
        if self._pieces > self._row.size // PIECE_BYTES_MIN:
            raise BadRequest(
                "The pieces of this file are too small.", hint=f"Send at least {PIECE_BYTES_MIN} bytes at once."
            )
        name = new_object(self._facility.region)
        async with self._place.transaction() as connection:
            await blobs.note_loose(connection, [name], self._now)
        await self._place.stores.of(name).put(name, _once(self._seal.seal(piece, self._where(self._at))))
        async with self._place.transaction() as connection:
            await self._advance(connection, len(piece))
            await blobs.add_piece(connection, self._row.id, PieceRow(self._at, len(piece), name))
            await own(connection, name)
        self._at += len(piece)
        self._pieces += 1

    def _where(self, at: int) -> bytes:
        return f"{self._row.id} {at}".encode()

    async def _advance(self, connection: Connection, size: int) -> None:
        if not await blobs.advance_upload(connection, self._row.id, self._at, size, self._now):
            raise OffsetWrong("Another request of this upload was faster.")

    async def _finish(self, last: bytes) -> None:
        """The whole file, checked, becomes visible. One that is not what was announced is forgotten."""
        async with self._place.transaction() as connection:
            pieces = await blobs.read_pieces(connection, self._row.id)
        kept = await keep(self._place, self._facility.region, self._content(pieces, last), self._now)
        try:
            media_type = self._checked(kept)
        except (ContentDiffers, WrongType):
            async with self._place.transaction() as connection:
                await blobs.drop_uploads(connection, [self._row.id])
                await blobs.release(connection, kept.object)
            raise
        await self._show(kept, len(last), media_type)
        self._at = self._row.size

    def _checked(self, kept: Kept) -> str:
        """The media type. Raises `ContentDiffers`, `WrongType`."""
        if self._place.keys.blob_name(kept.digest) != self._row.name:
            raise ContentDiffers
        return kind_of(kept.beginning).media_type

    async def _show(self, kept: Kept, last: int, media_type: str) -> None:
        """The file is there from this transaction on; if it was already, what was written is thrown away."""
        row, now = self._row, self._now
        async with self._place.transaction() as connection:
            await blobs.hold_home(connection, row.scope)
            # Read anew: the scope may have got another key while the file came.
            (scope,) = await self._place.on(connection).read_scopes([row.scope])
            key = self._place.seal(scope.data_key).seal(kept.key, row.name)
            made = BlobRow(row.name, row.scope, kept.object, key, kept.size, media_type, now, now)
            await self._advance(connection, last)
            if await blobs.add_blobs(connection, [made]):
                await own(connection, kept.object)
            else:
                await blobs.note_referred(connection, row.scope, [row.name], now)
                await blobs.release(connection, kept.object)
            await blobs.drop_pieces(connection, [row.id])

    async def _content(self, pieces: Sequence[PieceRow], last: bytes) -> AsyncIterator[bytes]:
        store = self._place.stores
        for piece in pieces:
            fetched = await store.of(piece.object).read(piece.object, 0, piece.size + PIECE_OVERHEAD_BYTES)
            yield self._seal.open(fetched, self._where(piece.at))
        yield last


async def own(connection: Connection, name: str) -> None:
    """An object has a row from now on. Raises `Busy` when it was given up meanwhile: writing it took longer than anything may."""
    if not await blobs.own_objects(connection, [name]):
        raise Busy("A file took too long to be written.")


async def _once(part: bytes) -> AsyncIterator[bytes]:
    yield part
