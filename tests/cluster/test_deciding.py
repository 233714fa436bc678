"""What is decided without asking anybody: what a server's folder means, and what a promotion may lose."""

from pathlib import Path

import asyncpg
import msgspec
import pytest

from hub.cluster.postgres import Disk, task_of
from hub.cluster.shape import Server as ClusterServer
from hub.cluster.shards import STALLED_SECONDS, Shard, is_old
from hub.postgres import failover
from hub.postgres.failover import (
    Standing,
    acknowledged_by,
    everything_is_there,
    most_advanced,
    primary_among,
    rows,
)
from hub.postgres.programs import RunAs
from hub.postgres.servers import Server


def disk(number: int, kind: str, timeline: int = 1) -> Disk:
    """`kind`: nothing, primary, standby, or again (to be copied)."""
    return Disk(number, kind != "nothing", kind == "standby", timeline, kind == "again")


@pytest.mark.parametrize(
    ("disks", "tasks"),
    [
        ([disk(1, "nothing"), disk(2, "nothing")], ["make", "copy"]),
        ([disk(1, "primary"), disk(2, "nothing")], ["start", "copy"]),
        ([disk(1, "primary"), disk(2, "standby")], ["start", "start"]),
        ([disk(1, "primary", 1), disk(2, "primary", 2)], ["copy", "start"]),
        ([disk(1, "primary", 3), disk(2, "standby", 2)], ["start", "start"]),
        ([disk(1, "again"), disk(2, "primary", 2)], ["copy", "start"]),
        ([disk(1, "standby"), disk(2, "standby"), disk(3, "nothing")], ["start", "start", "copy"]),
    ],
)
def test_what_a_server_s_folder_means(disks: list[Disk], tasks: list[str]) -> None:
    assert [task_of(one.number, disks) for one in disks] == tasks


def one(
    name: str, *, standby: bool, timeline: int = 1, position: int = 100, names: str = "ANY 1 (a, b, c)"
) -> Standing:
    server = Server(name, 6432, {})
    return Standing(server, 7, standby, timeline, position, position, 0.0, standby, 0, names, False)


@pytest.mark.parametrize(
    ("names", "standbys"),
    [("", 0), ("  ", 0), ("*", 1), ("a, b", 1), ("FIRST 2 (a, b)", 2), ("any 3 (*)", 3), ("2 (a, b, c)", 2)],
)
def test_by_how_many_a_commit_is_had(names: str, standbys: int) -> None:
    assert acknowledged_by(names) == standbys


@pytest.mark.parametrize(
    ("names", "servers", "complete"),
    [("ANY 1 (a, b)", 2, True), ("ANY 1 (a, b, c)", 3, False), ("ANY 2 (a, b, c)", 3, True), ("", 2, False)],
)
def test_what_may_be_lost(names: str, servers: int, complete: bool) -> None:
    """One standby answers; the primary and all others do not."""
    candidate = one("a", standby=True, names=names)
    assert everything_is_there([candidate], candidate, servers) is complete


def test_who_is_the_primary_and_who_comes_next() -> None:
    old, new = one("old", standby=False, timeline=1, position=900), one("new", standby=False, timeline=2)
    behind, ahead = (
        one("behind", standby=True, timeline=2, position=5),
        one("ahead", standby=True, timeline=2, position=6),
    )
    stale = one("stale", standby=True, timeline=1, position=999)
    found = [old, behind, new, stale, ahead]
    assert primary_among(found) is new
    assert most_advanced(found) is ahead
    assert (primary_among([ahead]), most_advanced([old])) == (None, None)
    shown = rows([Server("gone", 6432, {}), *(each.server for each in found)], found)
    assert [row.role for row in shown] == ["away", "old primary", "standby", "primary", "standby", "standby"]
    assert [row.lag_bytes for row in shown] == [None, None, 95, 0, 0, 94]


async def test_a_standby_that_does_not_follow_is_given_time_and_then_copied_anew() -> None:
    place = hub_server(1), hub_server(2)
    shard = Shard(place, RunAs("me", 1, 1, switched=False), [], synchronous=True)
    lost = msgspec.structs.replace(one("a", standby=True), streaming=False)
    assert not shard.is_stalled(lost, 2, 100.0)
    assert not shard.is_stalled(lost, 2, 100.0 + STALLED_SECONDS - 1)
    assert not shard.is_stalled(one("a", standby=True), 2, 101.0), "it follows"
    assert not shard.is_stalled(lost, 2, 102.0), "the time begins anew"
    assert shard.is_stalled(lost, 2, 102.0 + STALLED_SECONDS)
    assert not shard.is_stalled(lost, 2, 103.0 + STALLED_SECONDS), "it is being copied"


def hub_server(number: int) -> ClusterServer:
    folder = Path("nowhere")
    return ClusterServer(1, number, folder / f"server-{number}", folder / f"pooler-{number}", folder / f"1-{number}")


def test_an_old_primary_is_told_from_the_one_there_is() -> None:
    old, new = one("old", standby=False, timeline=1), one("new", standby=False, timeline=2)
    assert is_old(old, new)
    assert not is_old(new, new)
    assert not is_old(one("a", standby=True), new)


async def test_a_server_that_ends_while_it_is_asked_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncpg says InternalClientError when a connection breaks between two messages: it ended the cluster that looked."""
    answers = one("a", standby=False)

    async def standing(server: Server) -> Standing:
        if server.host == "b":
            raise asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")
        return answers

    monkeypatch.setattr(failover, "standing", standing)
    assert await failover.standings([Server("a", 6432, {}), Server("b", 6432, {})]) == [answers]
