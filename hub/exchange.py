"""One exchange with a node: a transaction in its shard around the decisions of `sync_protocol.exchange.hub`.

Locks are taken in one order: the node, resources by key, scopes by id. The answer is made from what was committed, and leaves
after the commit: what it acknowledges is durable.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from hub import people
from hub.ahead import Question
from hub.errors import Forbidden
from hub.ingest import Ingest, memory
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

FORGOTTEN_MS: Final = 90 * 24 * 3_600_000
"""So long after a node has proved that this hub went back it may remind the hub of moves that it forgot."""


async def exchange(hub: Hub, node: NodeRow, body: bytes, now_ms: int) -> bytes:
    """Carry out a request and answer it. Raises ProtocolError for what cannot be read, HubError for what is not allowed."""
    request = read_request(body)
    parts = [part for push in request.push if push.frame for part in frame.decode(push.frame)]
    async with hub.shard() as shard:
        answer, expected, referred = await _within(shard, hub, node, request, parts, now_ms)
    hub.referred |= referred  # after the commit: whoever carries it out now finds it
    for question in expected:
        hub.ahead.expect(question)
    return encode(answer)


async def _within(
    shard: Shard, hub: Hub, node: NodeRow, request: Request, parts: list[Resource], now_ms: int
) -> tuple[Answer, list[Question], bool]:
    """The answer, what is going to be asked next, and whether somebody was referred."""
    await shard.lock_node(node.id)
    receipt = rules.read_receipt(request.receipt, hub.keys.receipt_key) if request.receipt else None
    lives = await _lives(shard, node, request, [receipt.incarnation] if receipt is not None else [])
    memories = {life: memory(row) for life, row in lives.items()}
    reached = await shard.reached(node.id) if rules.is_new(memories, request.incarnation) else 0
    admission = rules.admit(memories, reached, request, hub.keys.receipt_key)
    if admission.decision == "fork":
        return Answer(verdict="fork", forked=list(admission.forked), clock_ms=now_ms), [], False
    scopes = await shard.scopes_of_node(node.id)
    own = frozenset({request.incarnation, *_named(request)}) - {
        life for life, row in lives.items() if row.node != node.id
    }
    present = admission.row
    if admission.proof is not None and (admission.proof.id not in lives or lives[admission.proof.id].node == node.id):
        await shard.write_incarnation(_row(node, admission.proof))
        memories[admission.proof.id] = admission.proof
    await _keep_lives(shard, node, request, memories, own)
    # When the node last proved that this hub went back: just now, or as the receipt tells that it brings; else long ago.
    lost_ms = now_ms if admission.proven else receipt.lost_ms if receipt is not None else 0
    lost = now_ms - lost_ms < FORGOTTEN_MS
    ingest = Ingest(hub, shard, node, request.incarnation, own, scopes, forgetful=lost)
    for type_, id_, scope in request.elsewhere:
        ingest.place(f"{type_}/{id_}", scope)
    if admission.decision != "went-back":  # else it is asked again, once it is known where everything was
        if parts:
            await ingest.take(parts)
        present = replace(present, acked=rules.watermark(present.acked, request.push))
    await shard.write_incarnation(_row(node, present))
    report = Report(now_ms - request.clock_ms if request.clock_ms else None, request.program or None, request.pending)
    await shard.note_report(node.id, report)
    compared = await _compared(shard, hub, request, scopes, ingest)
    await ingest.publish()
    puller = Puller(hub, shard, request)
    told, whole = await people.tell(shard, hub, node, request)
    answer = Answer(
        acked=present.acked,
        safe=present.safe,
        receipt=rules.receipt(present, hub.keys.receipt_key, lost_ms if lost else 0),
        clock_ms=now_ms,
        notes=ingest.notes,
        parked=await ingest.parked_count(),
        pulls=await puller.pulls([scope.name for scope in scopes]),
        scopes=_scopes(scopes, request),
        ranges=compared.ranges,
        leaves=compared.leaves,
        states=compared.states,
        people=told,
        people_whole=whole,
    )
    return answer, puller.expected, ingest.referred


async def _lives(shard: Shard, node: NodeRow, request: Request, proven: Sequence[int]) -> dict[int, IncarnationRow]:
    """What is remembered of the lives that a request names, and of those that its receipt has `proven`. Raises `Forbidden` when the
    present one is another node's."""
    found = await shard.incarnations(sorted({request.incarnation, *_named(request), *proven}))
    present = found.get(request.incarnation)
    if present is not None and present.node != node.id:
        raise Forbidden(
            "This incarnation belongs to another node.",
            hint="Two nodes were enrolled over one store. Restore one of them, which gives it a life of its own.",
        )
    return found


def _named(request: Request) -> list[int]:
    return [*request.unfinished, *request.lives]


async def _keep_lives(
    shard: Shard, node: NodeRow, request: Request, memories: Mapping[int, rules.Incarnation], own: frozenset[int]
) -> None:
    """Earlier lives that this hub never heard of are written down; those that go on in this one have its token from now on."""
    unfinished = set(request.unfinished)
    for life in sorted(own - {request.incarnation}):
        before = memories.get(life, rules.Incarnation(life))
        after = replace(before, token=request.token) if life in unfinished else before
        if life not in memories or after != before:
            await shard.write_incarnation(_row(node, after))


async def _compared(shard: Shard, hub: Hub, request: Request, scopes: Sequence[ScopeRow], ingest: Ingest) -> Comparison:
    """A round of a reconciliation, of a scope that the node holds."""
    held = [scope for scope in scopes if scope.name == request.compare]
    return await compare(hub, shard, held[0], request, ingest) if held else Comparison([], [], b"")


def _row(node: NodeRow, life: rules.Incarnation) -> IncarnationRow:
    return IncarnationRow(life.id, node.id, life.base, life.acked, life.safe, life.token, life.exchanges)


def _scopes(scopes: Iterable[ScopeRow], request: Request) -> list[tuple[str, str]]:
    """All scopes of the node, when they are not those that it asked for."""
    held = [(scope.name, scope.kind) for scope in scopes]
    if request.compare:
        return []
    return [] if {name for name, _ in held} == {cursor.scope for cursor in request.pull} else held
