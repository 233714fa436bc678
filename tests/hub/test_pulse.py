"""Live counters cost one reading a second whatever the number of listeners, tell each her region, and end at once."""

import asyncio

import pytest

from hub.console import pulse
from hub.console.pulse import Counters, Pulse
from hub.errors import Busy, PostgresFault
from hub.store.overview import Live


class Hub:
    """Answers with counters that rise, and counts how often it was asked."""

    def __init__(self) -> None:
        self.reads = 0
        self.now = 0.0
        self.away = False

    async def read(self) -> list[Live]:
        self.reads += 1
        self.now += 1
        if self.away:
            raise PostgresFault
        return [Live("west", 100 + 2 * self.reads, 10, 9, 5), Live("east", 7, 3, 1, 0)]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setattr(pulse, "READ_SECONDS", 0.001)
    return Hub()


async def told(of: Pulse, region: str, count: int) -> list[Counters]:
    listening = of.listen(region)
    found = [await anext(listening) for _ in range(count)]
    await listening.aclose()  # type: ignore[attr-defined]
    return found


async def test_all_listeners_share_the_readings(hub: Hub) -> None:
    of = Pulse(hub.read, lambda: hub.now)
    async with asyncio.timeout(20):
        found = await asyncio.gather(*(told(of, "", 5) for _ in range(50)))
    assert hub.reads < 50, "five a listener would have been 250"
    assert all(len(one) == 5 for one in found)
    await of.close()


async def test_each_is_told_her_region_and_the_rate_when_it_is_known(hub: Hub) -> None:
    of = Pulse(hub.read, lambda: hub.now)
    async with asyncio.timeout(20):
        west, everything = await asyncio.gather(told(of, "west", 6), told(of, "", 6))
    assert (west[-1].nodes, west[-1].online, west[-1].pending) == (10, 9, 5)
    assert (everything[-1].nodes, everything[-1].online) == (13, 10)
    assert west[0].exchanges is None
    assert west[-1].exchanges == 120, "two a second"
    await of.close()


async def test_nobody_looks_on_nothing_is_read(hub: Hub) -> None:
    of = Pulse(hub.read, lambda: hub.now)
    async with asyncio.timeout(20):
        await told(of, "", 2)
        while of._task is not None:
            await asyncio.sleep(0)
        before = hub.reads
        await asyncio.sleep(0.02)
        assert hub.reads == before
        assert await told(of, "", 1)
    await of.close()


async def test_a_stream_ends_after_its_time_and_at_once_when_the_server_ends(hub: Hub) -> None:
    of = Pulse(hub.read, lambda: hub.now)
    async with asyncio.timeout(20):
        found = [one async for one in of.listen("")]
        assert 50 < len(found) <= 61
        listening = asyncio.create_task(told(of, "", 10**6))
        while not of._listeners:
            await asyncio.sleep(0)
        await of.close()
        with pytest.raises(StopAsyncIteration):
            await listening
    with pytest.raises(Busy):
        await anext(of.listen(""))
    assert of._listeners == 0


async def test_more_than_can_be_served_are_told_to_come_later(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "LISTENERS_MAX", 1)
    of = Pulse(hub.read, lambda: hub.now)
    first = of.listen("")
    async with asyncio.timeout(20):
        await anext(first)
        with pytest.raises(Busy):
            await anext(of.listen(""))
        await first.aclose()  # type: ignore[attr-defined]
        assert await told(of, "", 1)
    await of.close()


async def test_a_database_that_is_away_for_a_while_ends_no_stream(hub: Hub) -> None:
    of = Pulse(hub.read, lambda: hub.now)
    async with asyncio.timeout(20):
        listening = of.listen("")
        await anext(listening)
        hub.away = True
        await anext(listening)
        hub.away = False
        await anext(listening)
        await listening.aclose()  # type: ignore[attr-defined]
    await of.close()
