"""Sessions as Redis keeps them: for a few seconds, under a MAC, and never against what was said later.

    session   who she is, as Postgres said it at a revision of her account; or '': ended, for good
    account   the least revision that counts: after a change, what was read before it is not kept and not believed

Both keys of a person lie in one slot. What Postgres says is kept for `LEASE`; so where Redis could not be told of a change, or has lost it
(a failover, an old snapshot), it holds for no longer than that.
"""

import hmac
from typing import Final

import msgspec
from msgspec import Struct

from hub.keys import Keys
from hub.redis.client import Client, script
from hub.sessions.visitor import Visitor

LEASE_MS: Final = 5_000
REMEMBERED_MS: Final = 120_000
"""How long an end or a change is remembered: longer than anything that was read before it may be on its way."""
MAC_BYTES: Final = 16

READ: Final = script("return redis.call('MGET', KEYS[1], KEYS[2])")
KEEP: Final = script("""
if redis.call('GET', KEYS[1]) == '' then return 0 end
if tonumber(redis.call('GET', KEYS[2]) or 0) > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
""")
END: Final = script("return redis.call('SET', KEYS[1], '', 'PX', ARGV[1])")
CHANGE: Final = script("""
if tonumber(redis.call('GET', KEYS[1]) or 0) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1
""")


class Entry(Struct, frozen=True, array_like=True):
    """What is kept of a session. `until_ms`: by the hub's clock, so that an old snapshot of Redis brings nobody back."""

    visitor: Visitor
    revision: int
    until_ms: int


class Kept:
    """Sessions in Redis. `mark`: the keyed hash of a person's name. All raise `RedisFault`."""

    def __init__(self, client: Client, keys: Keys, prefix: str) -> None:
        self._client = client
        self._key = keys.derived("medtech hub kept sessions v1")
        self._prefix = prefix

    async def read(self, session: str, mark: str, now_ms: int) -> Visitor | None:
        """Who it is; None when that is not known here, and Postgres has to be asked."""
        found, least = await self._client.run(READ, self._keys(session, mark))
        if not found:
            return None
        entry = self._opened(session, bytes(found))
        if entry is None or entry.until_ms <= now_ms or entry.revision < int(least or 0):
            return None
        return entry.visitor

    async def keep(self, visitor: Visitor, mark: str, revision: int, now_ms: int, left_ms: int) -> None:
        """Keeps what Postgres said, for as long as that may be believed."""
        if left_ms > 0:
            body = msgspec.msgpack.encode(Entry(visitor, revision, now_ms + left_ms))
            sealed = self._mac(visitor.session, body) + body
            await self._client.run(KEEP, self._keys(visitor.session, mark), [sealed, revision, left_ms])

    async def end(self, session: str, mark: str) -> None:
        """The session is over."""
        await self._client.run(END, self._keys(session, mark)[:1], [REMEMBERED_MS])

    async def change(self, mark: str, revision: int) -> None:
        """What was read of this account before this revision does not count."""
        await self._client.run(CHANGE, self._keys("", mark)[1:], [revision, REMEMBERED_MS])

    def _keys(self, session: str, mark: str) -> list[str]:
        return [f"{self._prefix}:session:{{{mark}}}:{session}", f"{self._prefix}:account:{{{mark}}}"]

    def _opened(self, session: str, sealed: bytes) -> Entry | None:
        mac, body = sealed[:MAC_BYTES], sealed[MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(session, body)):
            return None  # somebody else wrote into Redis
        return msgspec.msgpack.decode(body, type=Entry)

    def _mac(self, session: str, body: bytes) -> bytes:
        return hmac.digest(self._key, session.encode() + b"\0" + body, "sha256")[:MAC_BYTES]
