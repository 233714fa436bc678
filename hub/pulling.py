"""What a node gets: for each scope, the present registers of what the feed names past its cursor, once for each resource."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache

import structlog
from msgspec import Struct
from msgspec.structs import replace

from hub.ahead import Page, Question, Waiting
from hub.errors import HubError
from hub.places import Place
from hub.states import States
from hub.store.feed import Pointer, Position
from hub.store.resources import ResourceRow
from hub.store.scopes import Epoch, ScopeRow
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
LOOK_MAX = 64
"""Pointers of a feed that are read for all questions together; who is further behind is read for alone."""


class Asking(Struct, frozen=True):
    """A request that pulls, and the names of the scopes that its node holds."""

    request: Request
    held: Collection[str]


class _Wanted(Struct, frozen=True):
    """A cursor, the scope as it is now, and from where it is served."""

    cursor: Cursor
    scope: ScopeRow
    after: int

    def question(self, request: Request) -> Question:
        return Question(self.scope, self.after, request.incarnation, POINTERS_MAX)


class _Served(Struct, frozen=True):
    """A page for a cursor."""

    wanted: _Wanted
    page: Page

    def pull(self, now: Mapping[int, int]) -> Pull:
        """What is answered. `now`: seqs of the scopes of which states were read."""
        scope, page = self.wanted.scope, self.page
        more = page.seq < scope.seq
        stood = not (page.frame or page.evicted) or now[scope.id] == scope.seq
        proof = digest.to_bytes(scope.digest) if stood and not more else b""
        cut = self.wanted.after < self.wanted.cursor.seq
        if scope.sending:  # what the node has said is not in it yet
            return Pull(scope.name, scope.epoch, page.seq, page.frame, page.evicted, more, b"", cut)
        return Pull(scope.name, scope.epoch, page.seq, page.frame, page.evicted, more or not proof, proof, cut)


class Puller:
    """The pulls of the requests of one transaction, read in it after their changes."""

    def __init__(self, hub: Place, shard: Shard, *, together: bool) -> None:
        """`together`: several are answered, so none gets more than the beginning of a feed that it is far behind in."""
        self._hub, self._shard = hub, shard
        self._pointers_max = LOOK_MAX if together else POINTERS_MAX
        self.expected: list[Question] = []
        """What is going to be asked next: to be told to `ahead` after the commit, since its scopes are as this transaction leaves them."""

        self.behind: list[bool] = []
        """Of each request whether it leaves something of a feed for the next."""

    async def pulls(self, asking: Sequence[Asking]) -> list[list[Pull]]:
        """For each request one pull for each cursor of a scope that its node holds."""
        cursors = [[cursor for cursor in one.request.pull if cursor.scope in one.held] for one in asking]
        names = sorted({cursor.scope for of_one in cursors for cursor in of_one})
        scopes = {scope.name: scope for scope in await self._shard.named_scopes(names)} if names else {}
        known = await self._lineage(cursors, scopes)
        wanted = [
            [_Wanted(cursor, scopes[cursor.scope], _after(cursor, scopes, known)) for cursor in of_one]
            for of_one in cursors
        ]
        reader = Reader(self._hub, self._shard)
        await reader.look(
            [one.question(request.request) for request, row in zip(asking, wanted, strict=True) for one in row]
        )
        found = [await self._served(reader, one.request, row) for one, row in zip(asking, wanted, strict=True)]
        self.behind = [any(one.page.seq < one.wanted.scope.seq for one in of_one) for of_one in found]
        return await self._proven(found)

    async def _lineage(
        self, cursors: Sequence[Sequence[Cursor]], scopes: Mapping[str, ScopeRow]
    ) -> dict[int, list[Epoch]]:
        """The epochs of those scopes of which a node has seen another than the present one."""
        wanted = {c.scope for of_one in cursors for c in of_one if c.epoch != scopes[c.scope].epoch}
        ids = sorted(scopes[name].id for name in wanted)
        return await self._shard.read_lineage(ids, bounds.LINEAGE_EPOCHS_MAX) if ids else {}

    async def _served(self, reader: "Reader", request: Request, wanted: Sequence[_Wanted]) -> list[_Served]:
        """The pages of one request, which share its budget."""
        left = max(1, min(self._pointers_max, request.budget_bytes // BYTES_PER_RESOURCE))
        found = []
        for one in wanted:
            question = replace(one.question(request), limit=max(1, left))
            page = self._hub.ahead.take(question) or await reader.page(question)
            left = page.left
            if page.seq < one.scope.seq and question.limit == POINTERS_MAX:
                # Far behind, on a link that is quick enough for the largest frames.
                self.expected.append(replace(question, after=page.seq))
            found.append(_Served(one, page))
        return found

    async def _proven(self, served: Sequence[Sequence[_Served]]) -> list[list[Pull]]:
        """With the digest at the seq that was served; without it when the scope went on while we read states: these may be newer."""
        read = {one.wanted.scope.id for of_one in served for one in of_one if one.page.frame or one.page.evicted}
        now = {scope.id: scope.seq for scope in await self._shard.read_scopes(sorted(read))} if read else {}
        return [[one.pull(now) for one in of_one] for of_one in served]


def _after(cursor: Cursor, scopes: Mapping[str, ScopeRow], lineage: Mapping[int, Sequence[Epoch]]) -> int:
    scope = scopes[cursor.scope]
    if cursor.epoch == scope.epoch:
        return min(cursor.seq, scope.seq)
    return rules.pull_from(cursor, scope.seq, [(one.epoch, one.start_seq) for one in lineage[scope.id]])


async def make_ahead(hub: Place) -> list[Waiting]:
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
    """Makes pages of feeds. Not for use by two threads at once."""

    def __init__(self, hub: Place, shard: Shard) -> None:
        self._shard = shard
        self._states = States(hub)
        # Resources of one type have the same elements: few keys, hashed thousands of times for one page.
        self._element_hash = cache(hub.keys.element_hash)
        self._seen: dict[Position, list[Pointer]] = {}
        self._rows: dict[int, ResourceRow] = {}
        self._opened: dict[int, Resource] = {}

    async def look(self, questions: Sequence[Question]) -> None:
        """Reads what is new for those who are nearly up to date: one statement for the feeds of all, and one for the states."""
        positions = list({_position(one): None for one in questions if one.after < one.scope.seq})
        if not positions:
            return
        for position, pointers in zip(positions, await self._shard.read_feeds(positions, LOOK_MAX), strict=True):
            if len(pointers) < LOOK_MAX:
                self._seen[position] = pointers
        keys = {pointer.key for pointers in self._seen.values() for pointer in pointers}
        self._rows = await self._shard.read_states(sorted(keys)) if keys else {}

    async def page(self, question: Question) -> Page:
        """The present registers of what the feed names, once for each resource."""
        scope, limit = question.scope, question.limit
        pointers = await self._pointers(question)
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

    async def _pointers(self, question: Question) -> list[Pointer]:
        if question.after >= question.scope.seq:
            return []
        position = _position(question)
        if (seen := self._seen.get(position)) is not None:
            return seen[: question.limit]
        return await self._shard.read_feed(position.scope, position.after_seq, position.not_source, question.limit)

    async def _present(
        self, scope: ScopeRow, pointers: Sequence[Pointer]
    ) -> tuple[list[Resource], list[tuple[str, str]]]:
        """The named parts of the resources that are still in the scope, and the names of those that are not."""
        named: dict[int, bytes | None] = {}
        for pointer in pointers:
            before = named.get(pointer.key, b"")
            named[pointer.key] = None if pointer.elements is None or before is None else before + pointer.elements
        rows = await self._states_of(list(named))
        elsewhere = sorted({row.scope for row in rows.values()} - {scope.id})
        owners = {s.id: s for s in await self._shard.read_scopes(elsewhere)} if elsewhere else {}
        parts: list[Resource] = []
        evicted: list[tuple[str, str]] = []
        for key, hashes in named.items():
            if (row := rows.get(key)) is None:
                log.error("a pointer without its resource", scope=scope.name, key=key)
                continue
            resource = self._open(owners.get(row.scope, scope), row)
            if row.scope != scope.id:
                evicted.append((resource.type, resource.id))
            elif (part := rules.named(resource, hashes, self._element_hash)).elements:
                parts.append(part)
        return parts, evicted

    async def _states_of(self, keys: Sequence[int]) -> Mapping[int, ResourceRow]:
        if all(key in self._rows for key in keys):
            return {key: self._rows[key] for key in keys}
        return await self._shard.read_states(keys)

    def _open(self, scope: ScopeRow, row: ResourceRow) -> Resource:
        """A state; those that several nodes may be told of are opened once."""
        if self._rows.get(row.key) is not row:
            return self._states.open(scope, row.rkey, row.state)
        if (opened := self._opened.get(row.key)) is None:
            opened = self._opened[row.key] = self._states.open(scope, row.rkey, row.state)
        return opened


def _position(question: Question) -> Position:
    return Position(question.scope.id, question.after, question.incarnation)
