"""Worlds whose hub makes the next page of a feed before it is asked for end as all others do."""

from typing import Any

import pytest

from hub import pulling
from hub.ahead import Ahead, Page, Question
from hub.exchange import exchange
from hub.pulling import make_ahead
from tests.simulation import actors
from tests.simulation.conftest import MakeScript
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


def test_a_page_is_expected_only_after_the_commit(script: MakeScript, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its scope is as the transaction leaves it: made before the commit, it would end there and lack what the transaction wrote."""
    monkeypatch.setattr(pulling, "POINTERS_MAX", 2)
    world = script({"a": "f0", "b": "f0"})
    for number in range(5):
        world.write("a", f"Patient/{number}", birthDate="1990-01-01")
    world.sync("a")
    hub = world.hub.hub
    early: list[int] = []
    late: list[Question] = []
    monkeypatch.setattr(hub, "committing", lambda: early.append(len(late)))
    monkeypatch.setattr(hub.ahead, "expect", late.append)
    world.sync("b")
    assert early == [0, 1, 2]
