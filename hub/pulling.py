"""What a node gets: for each scope, the present registers of what the feed names past its cursor, once for each resource."""

from collections.abc import Sequence
from functools import cache

import structlog

from hub.runtime import Hub
from hub.states import States
from hub.store.feed import Pointer
from hub.store.scopes import ScopeRow
from hub.store.shard import Shard
from sync_protocol import bounds, digest, frame
from sync_protocol.errors import TooLarge
from sync_protocol.exchange import hub as rules
from sync_protocol.exchange.messages import Cursor, Pull, Request
from sync_protocol.resource import Resource

log = structlog.get_logger()

BYTES_PER_RESOURCE = 64
"""What a resource takes in a large frame, about; the pull's budget is told in bytes, the feed is read in rows."""
POINTERS_MAX = 4_000


class Puller:
    """The pulls of one request, read in its transaction after its own changes."""

    def __init__(self, hub: Hub, shard: Shard, request: Request) -> None:
        self._hub, self._shard, self._request = hub, shard, request
        self._states = States(hub)
        # Resources of one type have the same elements: few keys, hashed thousands of times in one answer.
        self._element_hash = cache(hub.keys.element_hash)
        self._left = max(1, min(POINTERS_MAX, request.budget_bytes // BYTES_PER_RESOURCE))

    async def pulls(self, held: Sequence[str]) -> list[Pull]:
        """One pull for each cursor of a scope that the node holds."""
        cursors = [cursor for cursor in self._request.pull if cursor.scope in held]
        scopes = {scope.name: scope for scope in await self._shard.named_scopes([c.scope for c in cursors])}
        lineage = await self._shard.read_lineage([s.id for s in scopes.values()], bounds.LINEAGE_EPOCHS_MAX)
        found = []
        for cursor in cursors:
            scope = scopes[cursor.scope]
            known = [(epoch.epoch, epoch.start_seq) for epoch in lineage[scope.id]]
            found.append(await self._pull(scope, cursor, rules.pull_from(cursor, scope.seq, known)))
        return found

    async def _pull(self, scope: ScopeRow, cursor: Cursor, after: int) -> Pull:
        pointers: list[Pointer] = []
        if after < scope.seq:
            limit = max(1, self._left)
            pointers = await self._shard.read_feed(scope.id, after, self._request.incarnation, limit)
        full = len(pointers) >= max(1, self._left)
        seq = pointers[-1].seq if full else scope.seq
        self._left -= len(pointers)
        parts, evicted = await self._present(scope, pointers)
        try:
            packed = frame.encode(parts) if parts else b""
            if len(packed) > bounds.FRAME_BYTES_MAX:
                raise TooLarge(f"a frame of {len(packed)} bytes")
        except TooLarge:
            if len(pointers) == 1:
                raise
            self._left = len(pointers) // 2
            return await self._pull(scope, cursor, after)
        more = seq < scope.seq
        proof = b"" if more else await self._proof(scope)
        return Pull(scope.name, scope.epoch, seq, packed, evicted, more or not proof, proof, after < cursor.seq)

    async def _proof(self, scope: ScopeRow) -> bytes:
        """The digest at the seq we served, or nothing when the scope went on while we read states: these may be newer."""
        (now,) = await self._shard.read_scopes([scope.id])
        return digest.to_bytes(scope.digest) if now.seq == scope.seq else b""

    async def _present(
        self, scope: ScopeRow, pointers: Sequence[Pointer]
    ) -> tuple[list[Resource], list[tuple[str, str]]]:
        """The named parts of the resources that are still in the scope, and the names of those that are not."""
        named: dict[int, bytes | None] = {}
        for pointer in pointers:
            before = named.get(pointer.key, b"")
            named[pointer.key] = None if pointer.elements is None or before is None else before + pointer.elements
        rows = await self._shard.read_states(list(named)) if named else {}
        owners = {s.id: s for s in await self._shard.read_scopes(sorted({r.scope for r in rows.values()} - {scope.id}))}
        parts: list[Resource] = []
        evicted: list[tuple[str, str]] = []
        for key, hashes in named.items():
            if (row := rows.get(key)) is None:
                log.error("a pointer without its resource", scope=scope.name, key=key)
                continue
            resource = self._states.open(owners.get(row.scope, scope), row.rkey, row.state)
            if row.scope != scope.id:
                evicted.append((resource.type, resource.id))
            elif (part := rules.named(resource, hashes, self._element_hash)).elements:
                parts.append(part)
        return parts, evicted
