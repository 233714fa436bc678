"""Resources as they rest at the hub: name and registers, compressed, sealed with the scope's data key."""

from typing import Final

from hub.places import Place
from hub.store.scopes import ScopeRow
from sync_protocol import bounds, digest, pack
from sync_protocol.compression import Codec
from sync_protocol.errors import MalformedState
from sync_protocol.resource import Resource

_NAME_BYTES_MAX = bounds.TYPE_CHARS_MAX * 4 + bounds.ID_CHARS_MAX * 4 + 2


NOTHING: Final = digest.to_bytes(digest.EMPTY)
"""The hash of a stub: it adds nothing to a digest."""


class States:
    """Seals and opens states of one hub. Not for use by two threads at once."""

    def __init__(self, hub: Place) -> None:
        self._hub = hub
        self._codec = Codec()

    def seal(self, scope: ScopeRow, rkey: bytes, named: bytes) -> bytes:
        """A resource (`pack.named`) as it is stored."""
        packed = bytes((self._codec.version,)) + self._codec.compress(named)
        return self._hub.seal(scope.data_key).seal(packed, rkey)

    def open(self, scope: ScopeRow, rkey: bytes, sealed: bytes) -> Resource:
        """The inverse. Raises SealBroken or MalformedData."""
        name, zero, state = self._named(scope, rkey, sealed).partition(b"\0")
        type_, slash, id_ = name.decode().partition("/")
        if not zero or not slash:
            raise MalformedState("a stored state without its name")
        return pack.unpack(type_, id_, state)

    def name_of(self, scope: ScopeRow, rkey: bytes, sealed: bytes) -> str:
        """`Type/id` of what is sealed, without unpacking its registers. Raises as `open`."""
        return self._named(scope, rkey, sealed).partition(b"\0")[0].decode()

    def packed(self, scope: ScopeRow, rkey: bytes, sealed: bytes) -> bytes:
        """The packed registers of what is sealed. Raises as `open`."""
        return self._named(scope, rkey, sealed).partition(b"\0")[2]

    def plain(self, scope: ScopeRow, rkey: bytes, sealed: bytes) -> bytes:
        """What is sealed, whatever it is. Raises SealBroken."""
        return self._hub.seal(scope.data_key).open(sealed, rkey)

    def resealed(self, scope: ScopeRow, rkey: bytes, plain: bytes) -> bytes:
        """The inverse, under another scope or key."""
        return self._hub.seal(scope.data_key).seal(plain, rkey)

    def stub(self, scope: ScopeRow, rkey: bytes, name: str) -> bytes:
        """What stands for a record that is elsewhere: its name, sealed, and nothing else."""
        type_, _, id_ = name.partition("/")
        return self.seal(scope, rkey, pack.named(Resource(type_, id_)))

    def is_of(self, type_: str, scope: ScopeRow, rkey: bytes, sealed: bytes) -> bool:
        """Whether what is sealed is of a type, without unpacking its registers. Raises as `open`."""
        return self._named(scope, rkey, sealed).startswith(f"{type_}/".encode())

    def mentions(self, name: str, scope: ScopeRow, rkey: bytes, sealed: bytes) -> bool:
        """Whether what is sealed may be the resource of this name or speak of it, without unpacking its registers: its name or one of
        its values has the text. Raises as `open`."""
        return name.encode() in self._named(scope, rkey, sealed)

    def values(self, scope: ScopeRow, rkey: bytes, sealed: bytes) -> bytes:
        """What is sealed, not unpacked: all values stand in it as they are. Raises as `open`."""
        return self._named(scope, rkey, sealed)

    def _named(self, scope: ScopeRow, rkey: bytes, sealed: bytes) -> bytes:
        packed = self._hub.seal(scope.data_key).open(sealed, rkey)
        codec = self._codec if packed[0] == self._codec.version else Codec(packed[0])
        return codec.decompress(packed[1:], 2 * bounds.RESOURCE_STATE_BYTES_MAX + _NAME_BYTES_MAX)
