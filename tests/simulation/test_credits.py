"""A hub that has much to do says how much may be sent next, and the edge keeps to it."""

import pytest

from hub.store.nodes import NodeRow
from sync_protocol import bounds
from sync_protocol.exchange.messages import read_request
from tests.simulation.conftest import MakeScript


def test_an_edge_sends_at_most_what_the_hub_has_room_for_until_it_has_more(
    script: MakeScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = script({"a": "f0"})
    load = world.hub.hub.load
    load.exchanges, load.bytes = 1_000, world.hub.hub.settings.exchange_bytes_max
    world.sync("a")
    for number in range(200):
        world.write("a", f"Patient/{number}", name=[{"family": world.world.chance.randbytes(100).hex()}])
    sizes: list[int] = []
    receive = world.hub.receive

    def measure(node: NodeRow, body: bytes, intact: bool, answer: object) -> None:
        sizes.append(sum(len(push.frame) for push in read_request(body).push))
        if len(sizes) == 6:
            load.bytes = 0  # others are done
        receive(node, body, intact, answer)  # type: ignore[arg-type]

    monkeypatch.setattr(world.hub, "receive", measure)
    world.sync("a")
    *told, freed = [size for size in sizes if size]
    assert len(told) == 6
    assert all(size <= bounds.FRAME_BYTES_FLOOR for size in told)
    assert freed > 4 * bounds.FRAME_BYTES_FLOOR
    world.check()
