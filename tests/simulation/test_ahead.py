"""Worlds whose hub makes the next page of a feed before it is asked for end as all others do."""

from typing import Any

import pytest

from hub import pulling
from hub.ahead import Ahead, Page, Question
from hub.exchange import exchange
from hub.pulling import make_ahead
from tests.simulation import actors
from tests.simulation.simulation import simulate


def test_worlds_with_pages_made_ahead_end_well(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Page] = []
    take = Ahead.take

    async def exchange_and_go_on(hub: Any, *arguments: Any) -> bytes:
        answer = await exchange(hub, *arguments)
        await make_ahead(hub)
        return answer

    def counted(ahead: Ahead, question: Question) -> Page | None:
        page = take(ahead, question)
        given.extend([page] if page is not None else [])
        return page

    # Pages so small that these little worlds have many; of each exchange the next one is made.
    monkeypatch.setattr(pulling, "POINTERS_MAX", 2)
    monkeypatch.setattr(actors, "exchange", exchange_and_go_on)
    monkeypatch.setattr(Ahead, "take", counted)
    for seed in range(30_000, 30_020):
        simulate(seed)
    assert len(given) > 50
