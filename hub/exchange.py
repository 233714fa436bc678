"""Exchanges with nodes: a transaction in their shard around the decisions of `sync_protocol.exchange.hub`, one for as many as wait.

Locks are taken in one order: nodes by id, resources by key, scopes by id. Of several requests each is taken as if those before it had been
answered already: one after the other in memory, and what comes of all is written together. The answers are made from what was
committed, and leave after the commit: what they acknowledge is durable.

| what fails | what happens |
|---|---|
| a request does not decode | its sender is told before it is taken in (`read`) |
| its facility has just moved to another shard | its sender is told to come again |
| it speaks in another node's life | its sender is told; the others go on |
| two bring something new that needs telling apart (`Entangled`), or nobody foresaw it | all is taken back, then done one by one |
| another process stored first what is new here (`Overtaken`) | all is taken back, and done again |
| the database is away | all are told to come later |
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog
from msgspec import Struct, json
from msgspec.structs import replace

from hub import people
from hub.abroad import compared, held_abroad, pulled
from hub.ahead import Question
from hub.errors import Busy, FacilityMoved, Forbidden, PostgresFault
from hub.ingest import Ingest
from hub.lives import Admitted, Lives, named
from hub.places import Place
from hub.pulling import Asking, Puller
from hub.pushed import Speaker
from hub.reconciling import Comparison, compare
from hub.store.exchanges import Exchange
from hub.store.nodes import NodeRow, Report
from hub.store.scopes import ScopeRow
from hub.store.shard import Shard
from hub.storing import Overtaken
from sync_protocol import frame
from sync_protocol.exchange import hub as rules
from sync_protocol.exchange.messages import Answer, Request, encode, read_request
from sync_protocol.resource import Resource

log = structlog.get_logger()

OVERTAKEN_MAX: Final = 5
"""So often another process may be first; each time, what was new is stored then."""


class Asked(Struct, frozen=True):
    """A request, read. `parts`: what it pushes."""

    node: NodeRow
    request: Request
    parts: list[Resource]
    now_ms: int

    @property
    def alone(self) -> bool:
        """Whether it has a transaction to itself: a round of a reconciliation, which may move patients and read all of a scope."""
        return bool(self.request.compare)


class Answered(Struct, frozen=True):
    """An answer, or why there is none. `behind`: the node is going to ask for more of a feed."""

    answer: bytes | Exception
    behind: bool = False


class _Done(Struct, frozen=True):
    """What came of a transaction: for each request an answer or a fault; what is going to be asked next; whether somebody was referred."""

    answers: list[Answer | Exception]
    behind: set[int]
    """Places of requests that leave something of a feed for the next."""
    expected: list[Question]
    referred: bool
    abroad: dict[int, list[ScopeRow]]
    """Place → scopes of its node that are read on other shards."""


class _Let(Struct, frozen=True):
    """A request that is let in. `place`: among the requests."""

    place: int
    asked: Asked
    admitted: Admitted
    speaker: Speaker


def read(node: NodeRow, body: bytes, now_ms: int) -> Asked:
    """A request as it came. Raises ProtocolError for what cannot be read."""
    request = read_request(body)
    parts = [part for push in request.push if push.frame for part in frame.decode(push.frame)]
    return Asked(node, request, parts, now_ms)


async def exchange(hub: Place, node: NodeRow, body: bytes, now_ms: int) -> bytes:
    """Carry out a request and answer it. Raises ProtocolError for what cannot be read, HubError for what is not allowed."""
    (answered,) = await carry_out(hub, [read(node, body, now_ms)])
    if isinstance(answered.answer, Exception):
        raise answered.answer
    return answered.answer


async def carry_out(hub: Place, asked: Sequence[Asked]) -> list[Answered]:
    """The answers to requests that were read, in the same order, or what became of those that have none.

    Of several none may be one that has to be `alone`, and none gets more than the beginning of a feed that it is far behind in.
    """
    try:
        done = await _together(hub, asked)
    except PostgresFault as fault:
        return [Answered(fault) for _ in asked]
    except Exception as fault:  # noqa: BLE001 - told to whom it concerns, and to nobody else
        if len(asked) == 1:
            return [Answered(fault)]
        log.warning("requests are carried out one by one", count=len(asked), error=type(fault).__name__)
        return [(await carry_out(hub, [one]))[0] for one in asked]
    hub.referred |= done.referred  # after the commit: whoever carries it out now finds it
    for question in done.expected:
        hub.ahead.expect(question)
    for place, scopes in done.abroad.items():
        answer = done.answers[place]
        if isinstance(answer, Answer):
            pulls = [*answer.pulls, *await pulled(hub, asked[place].request, scopes)]
            done.answers[place] = replace(answer, pulls=pulls)
    return [
        Answered(answer if isinstance(answer, Exception) else encode(answer), place in done.behind)
        for place, answer in enumerate(done.answers)
    ]


async def _together(hub: Place, asked: Sequence[Asked]) -> _Done:
    """All of them in one transaction."""
    for _ in range(OVERTAKEN_MAX):
        try:
            async with hub.shard() as shard:
                return await _Batch(hub, shard, asked).run()
        except Overtaken:
            continue
    raise Busy("Others stored the same records all the time.")


class _Batch:
    """Requests that are carried out in one transaction."""

    def __init__(self, hub: Place, shard: Shard, asked: Sequence[Asked]) -> None:
        self._hub, self._shard, self._asked = hub, shard, asked
        self._nodes = sorted({one.node.id for one in asked})
        self._answers: list[Answer | Exception | None] = [None] * len(asked)

    async def run(self) -> _Done:
        let = await self._let_in()
        ingest = Ingest(self._hub, self._shard)
        merging = [one for one in let if one.admitted.decision != "went-back"]
        await ingest.take([(one.speaker, one.asked.parts) for one in merging])
        reports = {one.asked.node.id: _report(one.asked) for one in let}
        if reports:
            await self._shard.note_reports(reports)
        compared = [await self._compared(one, ingest) for one in let]
        await ingest.write()
        await ingest.publish()
        told = await people.tell(self._shard, self._hub, [(one.asked.node, one.asked.request) for one in let])
        puller = Puller(self._hub, self._shard, together=len(self._asked) > 1)
        pulls = await puller.pulls(
            [Asking(one.asked.request, {scope.name for scope in _here(one.speaker)}) for one in let]
        )
        parked = await self._shard.count_parked(self._nodes) if let else {}
        for one, (ranges, leaves, states), (people_, whole), pulled_ in zip(let, compared, told, pulls, strict=True):
            self._answers[one.place] = Answer(
                acked=one.admitted.present.acked,
                safe=one.admitted.present.safe,
                receipt=rules.receipt(one.admitted.present, self._hub.keys.receipt_key, one.admitted.lost_ms),
                clock_ms=one.asked.now_ms,
                notes=one.speaker.notes,
                parked=parked[one.asked.node.id],
                pulls=pulled_,
                scopes=_scopes(one.speaker.scopes.values(), one.asked.request),
                ranges=ranges,
                leaves=leaves,
                states=states,
                people=people_,
                people_whole=whole,
                credit_bytes=self._hub.load.credit_bytes(self._hub.settings.exchange_bytes_max),
            )
        await self._note_exchanges({one.asked.node.id: one.speaker.scopes.values() for one in let})
        answers = [answer for answer in self._answers if answer is not None]
        abroad = {one.place: scopes for one in let if (scopes := held_abroad(one.speaker.scopes))}
        behind = {one.place for one, more in zip(let, puller.behind, strict=True) if more}
        return _Done(answers, behind, puller.expected, ingest.referred, abroad)

    async def _let_in(self) -> list[_Let]:
        """Those that are let in, their lives written as they are from now on; the others have their answers."""
        here = await self._shard.lock_nodes(self._nodes)
        keys = self._hub.keys
        lives = sorted({life for one in self._asked for life in named(one.request, keys)})
        standings = await self._shard.standings(self._nodes, lives)
        known = Lives(keys, standings.lives)
        if strangers := known.strangers((one.node, one.request) for one in self._asked):
            known.reach(await self._shard.reached(strangers))
        let: list[_Let] = []
        for place, asked in enumerate(self._asked):
            if asked.node.id not in here:
                self._answers[place] = FacilityMoved()
                continue
            try:
                admitted = known.admit(asked.node, asked.request, asked.now_ms)
            except Forbidden as refusal:
                self._answers[place] = refusal
                continue
            if admitted.decision == "fork":
                self._answers[place] = Answer(verdict="fork", forked=list(admitted.forked), clock_ms=asked.now_ms)
                continue
            speaker = _speaker(asked, admitted, standings.scopes[asked.node.id])
            let.append(_Let(place, asked, admitted, speaker))
        if known.changed:
            await self._shard.write_incarnations(known.changed)
        return let

    async def _note_exchanges(self, scopes: Mapping[str, Iterable[ScopeRow]]) -> None:
        """What each node did, for who looks after it; of two in one transaction the last. Who was refused did nothing."""
        found = {
            asked.node.id: _summary(asked, answer, scopes.get(asked.node.id, ()))
            for asked, answer in zip(self._asked, self._answers, strict=True)
            if isinstance(answer, Answer)
        }
        if found:
            await self._shard.note_exchanges(found)

    async def _compared(self, one: _Let, ingest: Ingest) -> Comparison:
        """A round of a reconciliation, of a scope that the node holds."""
        request = one.asked.request
        held = [scope for scope in one.speaker.scopes.values() if scope.name == request.compare]
        if not held:
            return Comparison([], [], b"")
        if held_abroad({held[0].id: held[0]}):
            return await compared(self._hub, held[0], request, one.speaker)
        return await compare(self._hub, self._shard, held[0], request, ingest, one.speaker)


def _speaker(asked: Asked, admitted: Admitted, scopes: Sequence[ScopeRow]) -> Speaker:
    request = asked.request
    speaker = Speaker(asked.node, request.incarnation, admitted.own, scopes, forgetful=bool(admitted.lost_ms))
    for type_, id_, scope in request.elsewhere:
        speaker.place(f"{type_}/{id_}", scope)
    return speaker


def _here(speaker: Speaker) -> list[ScopeRow]:
    abroad = {scope.id for scope in held_abroad(speaker.scopes)}
    return [scope for scope in speaker.scopes.values() if scope.id not in abroad]


def _report(asked: Asked) -> Report:
    """What a node says about itself; what an older one does not say stays as it was."""
    request = asked.request
    said = {"disk": request.disk_free_percent, "agreed": request.agreed}
    told = {name: value for name, value in said.items() if value is not None}
    offset = asked.now_ms - request.clock_ms if request.clock_ms else None
    return Report(offset, request.program or None, request.pending, json.encode(told).decode() if told else None)


def _summary(asked: Asked, answer: Answer, scopes: Iterable[ScopeRow]) -> Exchange:
    refused = sum(note.kind == "quarantined" for note in answer.notes)
    pulled = sum(bool(pull.frame or pull.evicted) for pull in answer.pulls)
    reached = {pull.scope: pull.seq for pull in answer.pulls}
    behind = sum(max(scope.seq - reached.get(scope.name, scope.seq), 0) for scope in scopes)
    pending = asked.request.pending
    return Exchange(answer.verdict, len(asked.parts), pulled, refused, answer.parked, pending, behind)


def _scopes(scopes: Iterable[ScopeRow], request: Request) -> list[tuple[str, str]]:
    """All scopes of the node, when they are not those that it asked for."""
    held = [(scope.name, scope.kind) for scope in scopes]
    if request.compare:
        return []
    return [] if {name for name, _ in held} == {cursor.scope for cursor in request.pull} else held
