"""Many nodes at once at a hub with a real Postgres: all are served, together, and what is wrong with one harms no other."""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from hub import exchange as exchanges
from hub.errors import Busy, Forbidden, PostgresFault, SealBroken
from hub.exchange import Answered, Asked, carry_out
from hub.gathering import IN_A_THREAD_BYTES, Gathering
from hub.lanes import SMALL_BYTES_MAX
from hub.places import Place
from hub.pulling import LOOK_MAX
from hub.runtime import Hub
from hub.states import States
from hub.store.nodes import NodeRow, add_node
from sync_protocol import frame
from sync_protocol.errors import MalformedMessage
from sync_protocol.exchange.messages import Answer, Cursor, Push, Request, encode, read_answer
from sync_protocol.register import Register, Sibling, Stamp
from sync_protocol.resource import Resource
from tests.hub.conftest import NOW_MS


class Node:
    """A node that writes Patients and asks, in one life."""

    def __init__(self, number: int, facility: str) -> None:
        enrolled = datetime(2026, 1, 1, tzinfo=UTC)
        name = f"n-{number}"
        self.row = NodeRow(name, facility, "clinic", "west", "active", "", enrolled, None, None, None, None, b"", None)
        self.life, self.counter, self.token = 1_000 + number, 0, b""
        self.cursor = Cursor(f"facility/{facility}")

    def patient(self, id_: str, value: bytes = b'{"gender":"female"}') -> Resource:
        self.counter += 1
        stamp = Stamp(self.life, self.counter, NOW_MS, NOW_MS, "ama", "midwife")
        register = Register((Sibling(stamp, value),), {self.life: self.counter})
        return Resource("Patient", id_, {"gender": register})

    def asks(self, *parts: Resource, life: int | None = None) -> bytes:
        before, token = self.counter - len(parts), os.urandom(12)
        push = [Push(before, self.counter, frame.encode(parts))] if parts else []
        known = [self.token] if self.token else []
        self.token = token
        cursors = [self.cursor, Cursor("region/west"), Cursor("global")]
        return encode(
            Request(
                incarnation=life or self.life, token=token, known=known, push=push, pull=cursors, budget_bytes=1 << 20
            )
        )

    def hears(self, raw: bytes) -> Answer:
        answer = read_answer(raw)
        self.cursor = next(
            Cursor(pull.scope, pull.epoch, pull.seq) for pull in answer.pulls if pull.scope == self.cursor.scope
        )
        return answer


async def enrolled(hub: Hub, count: int) -> list[Node]:
    """Nodes of two clinics, in turn."""
    made = [Node(number, f"f{number % 2}") for number in range(count)]
    async with hub.database.transaction() as connection:
        for node in made:
            await add_node(connection, hub.keys, node.row)
    return made


@pytest.fixture
def gathering(hub: Hub) -> Gathering:
    return Gathering(hub.shards.first, lambda: NOW_MS)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many requests each transaction carried out."""
    sizes: list[int] = []

    async def counted(hub: Place, asked: Sequence[Asked]) -> list[Answered]:
        sizes.append(len(asked))
        return await carry_out(hub, asked)

    monkeypatch.setattr("hub.gathering.carry_out", counted)
    return sizes


async def stored(hub: Hub) -> dict[str, int]:
    """Facility's scope → how many resources it has; the feeds and digests are as their rows say."""
    async with hub.database.transaction() as connection:
        rows = await connection.fetch(
            """
            SELECT scope.name, scope.seq, scope.digest, count(resource.key) AS n, array_agg(resource.hash) AS hashes,
                (SELECT count(*) FROM feed WHERE feed.scope = scope.id) AS pointers
            FROM scope JOIN resource ON resource.scope = scope.id GROUP BY scope.id
            """
        )
    for row in rows:
        assert row["seq"] == row["pointers"]
        total = sum(int.from_bytes(one, "big") for one in row["hashes"]) % (1 << 128)
        assert int.from_bytes(row["digest"], "big") == total
    return {row["name"]: row["n"] for row in rows}


async def test_what_comes_while_the_hub_works_is_carried_out_together(
    hub: Hub, gathering: Gathering, batches: list[int]
) -> None:
    nodes = await enrolled(hub, 40)
    asked = [node.asks(node.patient(f"p{number}")) for number, node in enumerate(nodes)]
    answers = await asyncio.gather(*(gathering.exchange(n.row, body) for n, body in zip(nodes, asked, strict=True)))
    assert [node.hears(answer).acked for node, answer in zip(nodes, answers, strict=True)] == [1] * 40
    assert len(batches) <= 2
    assert await stored(hub) == {"facility/f0": 20, "facility/f1": 20}
    answers = await asyncio.gather(*(gathering.exchange(node.row, node.asks()) for node in nodes))
    told = [node.hears(answer) for node, answer in zip(nodes, answers, strict=True)]
    assert all(pull.digest for answer in told for pull in answer.pulls)
    assert batches[-1] == 40 or len(batches) <= 4


async def test_two_processes_that_take_the_same_at_once_end_with_both(hub: Hub) -> None:
    """Each carries out batches of many nodes that write the same Patients, again and again: nobody waits for ever, nothing is lost."""
    nodes = await enrolled(hub, 8)
    processes = [Gathering(hub.shards.first, lambda: NOW_MS) for _ in range(2)]
    for turn in range(5):
        asked = [
            node.asks(*(node.patient(f"p{number}") for number in range(10 * turn, 10 * turn + 20))) for node in nodes
        ]
        some = [processes[number % 4 // 2].exchange(node.row, asked[number]) for number, node in enumerate(nodes)]
        answers = await asyncio.gather(*some, return_exceptions=True)
        for number, answer in enumerate(answers):
            if isinstance(answer, BaseException):  # who waited for each other is told to come again, which it does
                assert isinstance(answer, Busy)
                answer = await processes[0].exchange(nodes[number].row, asked[number])
            assert nodes[number].hears(answer).acked == 20 * (turn + 1)
    counts = await stored(hub)
    assert counts == {"facility/f0": 60, "facility/f1": 60}
    async with hub.shards.first.shard() as shard:
        (scope,) = await shard.named_scopes(["facility/f0"])
        rows = await shard.scan_scope(scope.id, 0, 100)
    opened = [States(hub.shards.first).open(scope, row.rkey, row.state) for row in rows]
    assert all(len(one.elements["gender"].siblings) == 4 for one in opened)


async def test_one_that_cannot_be_read_is_refused_and_no_other(
    hub: Hub, gathering: Gathering, batches: list[int]
) -> None:
    nodes = await enrolled(hub, 4)
    bodies = [node.asks(node.patient(f"p{number}")) for number, node in enumerate(nodes)]
    bodies[1] = bodies[1][:-1] + bytes([bodies[1][-1] ^ 1])
    bodies[2] = nodes[2].asks(nodes[2].patient("stolen"), life=nodes[0].life)
    some = (gathering.exchange(node.row, body) for node, body in zip(nodes, bodies, strict=True))
    answers = await asyncio.gather(*some, return_exceptions=True)
    assert [type(answer) for answer in answers] == [bytes, MalformedMessage, Forbidden, bytes]
    assert sum(batches) == 3
    assert sum((await stored(hub)).values()) == 2


async def test_who_harms_is_carried_out_alone_until_she_harms_no_more(
    hub: Hub, gathering: Gathering, batches: list[int]
) -> None:
    """A stored record is damaged: each exchange that touches it fails, and after the first nobody else's is done twice for it."""
    # Nobody else of her clinic: who pulls what is damaged fails as well.
    nodes = [node for number, node in enumerate(await enrolled(hub, 10)) if not number or number % 2]
    nodes[0].hears(await gathering.exchange(nodes[0].row, nodes[0].asks(nodes[0].patient("broken"))))
    async with hub.database.transaction() as connection:
        sound = await connection.fetchval("SELECT state FROM resource")
        await connection.execute("UPDATE resource SET state = $1", sound[:-1] + bytes([sound[-1] ^ 1]))

    async def round_() -> list[type]:
        before = nodes[0].token, nodes[0].counter
        bodies = [node.asks(node.patient("broken" if node is nodes[0] else f"p-{node.life}")) for node in nodes]
        some = (gathering.exchange(node.row, body) for node, body in zip(nodes, bodies, strict=True))
        answers = await asyncio.gather(*some, return_exceptions=True)
        if isinstance(answers[0], Exception):
            nodes[0].token, nodes[0].counter = before
        return [type(answer) for answer in answers]

    said = [SealBroken, *[bytes] * 5]
    assert await round_() == said
    batches.clear()
    assert await round_() == said
    assert sorted(batches) == [1, 5]
    async with hub.database.transaction() as connection:
        await connection.execute(
            "UPDATE resource SET state = $1 WHERE rkey = $2", sound, hub.keys.resource_key("Patient/broken")
        )
    assert await round_() == [bytes] * 6
    batches.clear()
    assert await round_() == [bytes] * 6
    assert batches == [6]


async def test_who_is_far_behind_gets_a_beginning_and_then_as_much_as_she_takes(
    hub: Hub, gathering: Gathering, batches: list[int]
) -> None:
    nodes = await enrolled(hub, 5)
    writer, behind, other = nodes[0], nodes[2], nodes[1]
    parts = [writer.patient(f"p{number}") for number in range(3 * LOOK_MAX)]
    writer.hears(await gathering.exchange(writer.row, writer.asks(*parts)))
    first, _ = await asyncio.gather(
        gathering.exchange(behind.row, behind.asks()), gathering.exchange(other.row, other.asks())
    )
    (page, *_) = behind.hears(first).pulls
    assert (len(frame.decode(page.frame)), page.more) == (LOOK_MAX, True)
    second, _ = await asyncio.gather(
        gathering.exchange(behind.row, behind.asks()), gathering.exchange(other.row, other.asks())
    )
    (page, *_) = behind.hears(second).pulls
    assert (len(frame.decode(page.frame)), page.more) == (2 * LOOK_MAX, False)
    assert batches == [1, 2, 1, 1] or sorted(batches) == [1, 1, 1, 2]


async def test_large_and_small_are_worked_on_side_by_side(hub: Hub, gathering: Gathering) -> None:
    """A request so large that it is decoded in a thread is begun first, and a small one is answered before it."""
    nodes = await enrolled(hub, 2)
    parts = [nodes[0].patient(os.urandom(16).hex()) for _ in range(4_000)]
    large = nodes[0].asks(*parts)
    assert len(large) > max(IN_A_THREAD_BYTES, SMALL_BYTES_MAX)
    order: list[str] = []

    async def ask(name: str, node: Node, body: bytes) -> None:
        node.hears(await gathering.exchange(node.row, body))
        order.append(name)

    await asyncio.gather(ask("large", nodes[0], large), ask("small", nodes[1], nodes[1].asks(nodes[1].patient("q"))))
    assert order == ["small", "large"]
    assert await stored(hub) == {"facility/f0": 4_000, "facility/f1": 1}


async def test_a_database_that_is_away_is_told_to_all_and_asked_once(
    hub: Hub, gathering: Gathering, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = await enrolled(hub, 4)
    tried: list[int] = []

    async def away(_place: Place, asked: Sequence[Asked]) -> Any:
        tried.append(len(asked))
        raise PostgresFault

    monkeypatch.setattr(exchanges, "_together", away)
    some = (gathering.exchange(node.row, node.asks()) for node in nodes)
    answers = await asyncio.gather(*some, return_exceptions=True)
    assert [type(answer) for answer in answers] == [PostgresFault] * 4
    assert tried == [4]


async def test_whoever_gives_up_waiting_stops_nobody(hub: Hub, gathering: Gathering) -> None:
    nodes = await enrolled(hub, 3)
    tasks = [
        asyncio.create_task(gathering.exchange(node.row, node.asks(node.patient(f"p{node.life}")))) for node in nodes
    ]
    await asyncio.sleep(0)
    tasks[0].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [asyncio.CancelledError, bytes, bytes]
    answer = await gathering.exchange(nodes[1].row, nodes[1].asks())
    assert read_answer(answer).verdict == "merged"


async def test_a_hub_in_work_tells_how_much_to_send(hub: Hub, gathering: Gathering) -> None:
    (node,) = await enrolled(hub, 1)
    assert read_answer(await gathering.exchange(node.row, node.asks())).credit_bytes == 0
    hub.load.exchanges, hub.load.bytes = 100, hub.settings.exchange_bytes_max
    assert (
        read_answer(await gathering.exchange(node.row, node.asks())).credit_bytes
        == hub.load.credit_bytes(hub.settings.exchange_bytes_max)
        > 0
    )
