"""10,000 one-element edits of different resources: from the edge that made them to the hub, then to another edge that has the resources.

Each edit is a write of its own against the version its author saw, before the measurement. A leg is one `Syncing.run`, as in
`first_sync`. The floor sends the whole changed rows and writes them over the old ones, at both ends.
"""

from statistics import median

from tests.bench import first_sync, floor, nodes, samples
from tests.bench.rows import Options, Row
from tests.bench.timing import Clock, middle, timed

EDITS = 10_000


def measure(options: Options) -> list[Row]:
    ups: list[Clock] = []
    downs: list[Clock] = []
    with (
        nodes.folder() as place,
        nodes.hub(place) as hub,
        nodes.node(place / "a", hub, place) as a,
        nodes.node(place / "b", hub, place) as b,
    ):
        a.store.import_resources(samples.items(first_sync.RESOURCES), samples.AUTHOR, nodes.now_ms)
        a.sync()
        b.sync()
        chosen = samples.editable(EDITS, among=first_sync.RESOURCES)
        size = 0
        for run in range(options.runs):
            writes = [samples.edit(a.store, body, run * EDITS + i) for i, body in enumerate(chosen)]
            for start in range(0, len(writes), 500):
                a.store.write(writes[start : start + 500], samples.AUTHOR, nodes.now_ms())
            with timed(hub.process) as up:
                pushed = a.sync()
            with timed(hub.process) as down:
                pulled = b.sync()
            assert pushed.pushed == pulled.pulled == len(chosen)
            assert pulled.digest_equal
            size = pushed.bytes_sent + pushed.bytes_received
            ups.append(up)
            downs.append(down)
        packed = first_sync.packed_states(a.store)[: len(chosen)]
        floors = [_floor_legs(packed) for _ in range(options.runs)]
    up, down = middle(ups), middle(downs)
    return [
        _rate("edits up", f"{EDITS:,} one-element edits, edge to hub", up, median(up for up, _ in floors), len(chosen)),
        _rate("edits down", "the same, hub to another edge", down, median(down for _, down in floors), len(chosen)),
        Row(name="edits bytes", work="bytes on the wire of one edit, up", value=size / len(chosen), unit="B/edit"),
    ]


def _floor_legs(packed: floor.Frame) -> tuple[float, float]:
    """Seconds of the floor where all rows are at both ends already."""
    with nodes.folder() as here:
        server = floor.start(here)
        try:
            a, b = floor.FloorNode(here / "a", server.url), floor.FloorNode(here / "b", server.url)
            keys = range(1, len(packed) + 1)
            for one in (a, b):
                one.fill(packed)
            a.push(keys)
            changed = [(id_, state[::-1]) for id_, state in packed]
            a.fill(changed)
            up, down = floor.seconds(lambda: a.push(keys)), floor.seconds(lambda: b.pull(keys))
            a.close()
            b.close()
        finally:
            server.stop()
    return up, down


def _rate(name: str, work: str, clock: Clock, floor_seconds: float, edits: int) -> Row:
    return Row(
        name=name,
        work=work,
        value=edits / clock.wall,
        unit="/s",
        better="more",
        must=8_000,
        aim=20_000,
        floor=edits / floor_seconds,
        cpu=clock.cpu / clock.wall,
        note=f"{clock.wall:.2f} s; processor: edge {clock.own:.2f} s, hub and Postgres {clock.others:.2f} s",
    )
