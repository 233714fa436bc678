"""One exchange with a node: a transaction in its shard around the decisions of `sync_protocol.exchange.hub`.

Locks are taken in one order: the node, resources by key, scopes by id. The answer is made from what was committed, and leaves
after the commit: what it acknowledges is durable.
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from hub.errors import Forbidden
from hub.ingest import Ingest
from hub.pulling import Puller
from hub.reconciling import Comparison, compare
from hub.runtime import Hub
from hub.store.nodes import IncarnationRow, NodeRow, Report
from hub.store.scopes import ScopeRow
from hub.store.shard import Shard
from sync_protocol import frame
from sync_protocol.exchange import hub as rules
from sync_protocol.exchange.messages import Answer, Request, encode, read_request
from sync_protocol.resource import Resource


async def exchange(hub: Hub, node: NodeRow, body: bytes, now_ms: int) -> bytes:
    """Carry out a request and answer it. Raises ProtocolError for what cannot be read, HubError for what is not allowed."""
    request = read_request(body)
    parts = [part for push in request.push if push.frame for part in frame.decode(push.frame)]
    async with hub.shard() as shard:
        answer = await _within(shard, hub, node, request, parts, now_ms)
    return encode(answer)


async def _within(
    shard: Shard, hub: Hub, node: NodeRow, request: Request, parts: list[Resource], now_ms: int
) -> Answer:
    row = await shard.lock_incarnation(node.id, request.incarnation)
    admission = rules.admit(_memory(row), request, hub.keys.receipt_key)
    if admission.decision == "fork":
        return Answer(verdict="fork", clock_ms=now_ms)
    scopes = await shard.scopes_of_node(node.id)
    own = frozenset({request.incarnation, *await _lives(shard, node, request)})
    memory = admission.row
    ingest = Ingest(hub, shard, node, request.incarnation, own, scopes)
    for type_, id_, scope in request.elsewhere:
        ingest.place(f"{type_}/{id_}", scope)
    if parts:
        await ingest.take(parts)
    memory = replace(memory, acked=rules.watermark(memory.acked, request.push))
    await shard.write_incarnation(_row(node, memory))
    report = Report(now_ms - request.clock_ms if request.clock_ms else None, request.program or None, request.pending)
    await shard.note_report(node.id, report)
    compared = await _compared(shard, hub, request, scopes, ingest)
    await ingest.publish()
    puller = Puller(hub, shard, request)
    return Answer(
        acked=memory.acked,
        safe=memory.safe,
        receipt=rules.receipt(memory, hub.keys.receipt_key),
        clock_ms=now_ms,
        notes=ingest.notes,
        parked=await ingest.parked_count(),
        pulls=await puller.pulls([scope.name for scope in scopes]),
        scopes=_scopes(scopes, request),
        ranges=compared.ranges,
        leaves=compared.leaves,
        states=compared.states,
    )


async def _lives(shard: Shard, node: NodeRow, request: Request) -> set[int]:
    """The earlier lives that a node remembers; a copy of it has others. Those that this hub never heard of are written down."""
    known = {row.id for row in (await shard.incarnations_of([node.id]))[node.id]}
    found = set()
    for life in request.lives:
        if life not in known:
            try:
                await shard.lock_incarnation(node.id, life)
            except Forbidden:
                continue  # what is said in its name goes to quarantine
            await shard.write_incarnation(_row(node, rules.Incarnation(life)))
        found.add(life)
    return found


async def _compared(shard: Shard, hub: Hub, request: Request, scopes: Sequence[ScopeRow], ingest: Ingest) -> Comparison:
    """A round of a reconciliation, of a scope that the node holds."""
    held = [scope for scope in scopes if scope.name == request.compare]
    return await compare(hub, shard, held[0], request, ingest) if held else Comparison([], [], b"")


def _memory(row: IncarnationRow | None) -> rules.Incarnation | None:
    if row is None:
        return None
    return rules.Incarnation(row.id, row.base_counter, row.acked, row.safe, row.token or b"", row.exchanges)


def _row(node: NodeRow, memory: rules.Incarnation) -> IncarnationRow:
    return IncarnationRow(memory.id, node.id, memory.base, memory.acked, memory.safe, memory.token, memory.exchanges)


def _scopes(scopes: Iterable[ScopeRow], request: Request) -> list[tuple[str, str]]:
    """All scopes of the node, when they are not those that it asked for."""
    held = [(scope.name, scope.kind) for scope in scopes]
    if request.compare:
        return []
    return [] if {name for name, _ in held} == {cursor.scope for cursor in request.pull} else held
