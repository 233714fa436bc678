"""What a node gets: for each scope, the present registers of what the feed names past its cursor, once for each resource."""

from collections.abc import Sequence
from functools import cache

import structlog
from msgspec.structs import replace

from hub.ahead import Page, Question, Waiting
from hub.errors import HubError
from hub.runtime import Hub
from hub.states import States
from hub.store.feed import Pointer
from hub.store.scopes import ScopeRow
from hub.store.shard import Shard
from sync_protocol import bounds, digest, frame
from sync_protocol.errors import ProtocolError, TooLarge
from sync_protocol.exchange import pulling as rules
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
        self._left = max(1, min(POINTERS_MAX, request.budget_bytes // BYTES_PER_RESOURCE))
        self.expected: list[Question] = []
        """What is going to be asked next: to be told to `ahead` after the commit, since its scopes are as this transaction leaves them."""

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
        question = Question(scope, after, self._request.incarnation, max(1, self._left))
        page = self._hub.ahead.take(question) or await Reader(self._hub, self._shard).page(question)
        self._left = page.left
        more = page.seq < scope.seq
        if more and question.limit == POINTERS_MAX:  # far behind, on a link that is quick enough for the largest frames
            self.expected.append(replace(question, after=page.seq))
        proof = b"" if more else await self._proof(scope, page)
        return Pull(
            scope.name, scope.epoch, page.seq, page.frame, page.evicted, more or not proof, proof, after < cursor.seq
        )

    async def _proof(self, scope: ScopeRow, page: Page) -> bytes:
        """The digest at the seq we served, or nothing when the scope went on while we read states: these may be newer."""
        if page.frame or page.evicted:
            (now,) = await self._shard.read_scopes([scope.id])
            if now.seq != scope.seq:
                return b""
        return digest.to_bytes(scope.digest)


async def make_ahead(hub: Hub) -> list[Waiting]:
    """Makes the pages that are expected to be asked for next. What fails is told to who asks for it."""
    done = []
    while (waiting := hub.ahead.begin()) is not None:
        done.append(waiting)
        try:
            async with hub.shard() as shard:
                waiting.page = await Reader(hub, shard).page(waiting.question)
        except (HubError, ProtocolError) as error:
            log.warning("a page was not made ahead", error=type(error).__name__)
    return done


class Reader:
    """Makes a page of a feed. Not for use by two threads at once."""

    def __init__(self, hub: Hub, shard: Shard) -> None:
        self._shard = shard
        self._states = States(hub)
        # Resources of one type have the same elements: few keys, hashed thousands of times for one page.
        self._element_hash = cache(hub.keys.element_hash)

    async def page(self, question: Question) -> Page:
        """The present registers of what the feed names, once for each resource."""
        scope, after, incarnation, limit = question.scope, question.after, question.incarnation, question.limit
        pointers: list[Pointer] = []
        if after < scope.seq:
            pointers = await self._shard.read_feed(scope.id, after, incarnation, limit)
        seq = pointers[-1].seq if len(pointers) >= limit else scope.seq
        parts, evicted = await self._present(scope, pointers)
        try:
            packed = frame.encode(parts) if parts else b""
            if len(packed) > bounds.FRAME_BYTES_MAX:
                raise TooLarge(f"a frame of {len(packed)} bytes")
        except TooLarge:
            if len(pointers) == 1:
                raise
            half = await self.page(replace(question, limit=len(pointers) // 2))
            return replace(half, left=0)
        return Page(seq, packed, evicted, limit - len(pointers))

    async def _present(
        self, scope: ScopeRow, pointers: Sequence[Pointer]
    ) -> tuple[list[Resource], list[tuple[str, str]]]:
        """The named parts of the resources that are still in the scope, and the names of those that are not."""
        named: dict[int, bytes | None] = {}
        for pointer in pointers:
            before = named.get(pointer.key, b"")
            named[pointer.key] = None if pointer.elements is None or before is None else before + pointer.elements
        rows = await self._shard.read_states(list(named)) if named else {}
        elsewhere = sorted({row.scope for row in rows.values()} - {scope.id})
        owners = {s.id: s for s in await self._shard.read_scopes(elsewhere)} if elsewhere else {}
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
