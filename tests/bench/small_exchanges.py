"""Small exchanges, as a day brings them: one changed resource up and down, twenty edits, and one with nothing to do.

Two edges in this process, one hub as a process, HTTP on the loopback, everything durable; each exchange is one `Syncing.run`, from
asking the database what waits until the digests were compared. Bytes are those of both bodies. Nothing else is going on, and
the stores hold 2,000 resources.
"""

from statistics import median

from edge_node.sync.exchanging import Progress
from tests.bench import nodes, samples
from tests.bench.rows import Options, Row
from tests.bench.timing import timed

STORED = 2_000
TIMES = 20


def measure(options: Options) -> list[Row]:
    with (
        nodes.folder() as place,
        nodes.hub(place) as hub,
        nodes.node(place / "a", hub, place) as a,
        nodes.node(place / "b", hub, place) as b,
    ):
        a.store.import_resources(samples.items(STORED), samples.AUTHOR, nodes.now_ms)
        a.sync()
        b.sync()
        bodies = samples.editable(40, among=STORED)
        ups: list[tuple[float, Progress]] = []
        downs: list[tuple[float, Progress]] = []
        twenties: list[tuple[float, Progress]] = []
        for turn in range(TIMES * options.runs):
            _edit(a, bodies[:1], turn)
            ups.append(_synced(a))
            downs.append(_synced(b))
        for turn in range(4 * options.runs):
            _edit(a, bodies[1:21], turn)
            twenties.append(_synced(a))
    return [
        *_rows("one up", "one changed resource, up", ups),
        *_rows("one down", "one changed resource, down", downs),
        *_twenty(twenties),
    ]


def _edit(node: nodes.Node, bodies: list[bytes], turn: int) -> None:
    writes = [samples.edit(node.store, body, turn * len(bodies) + i) for i, body in enumerate(bodies)]
    node.store.write(writes, samples.AUTHOR, nodes.now_ms())


def _synced(node: nodes.Node) -> tuple[float, Progress]:
    with timed() as clock:
        done = node.sync()
    assert done.digest_equal
    return clock.wall, done


def _rows(name: str, work: str, done: list[tuple[float, Progress]]) -> list[Row]:
    size = median(one.bytes_sent + one.bytes_received for _, one in done)
    trips = max(one.round_trips for _, one in done)
    ms = 1000 * median(seconds for seconds, _ in done)
    return [
        Row(name=name, work=work, value=ms, unit="ms", must=10, aim=2),
        Row(name=f"{name} bytes", work="bytes of that, both ways", value=size, unit="B", must=1_000),
        Row(name=f"{name} requests", work="requests of that", value=trips, unit="", must=1),
    ]


def _twenty(done: list[tuple[float, Progress]]) -> list[Row]:
    size = median(one.bytes_sent + one.bytes_received for _, one in done)
    trips = max(one.round_trips for _, one in done)
    return [
        Row(
            name="twenty bytes", work="one exchange of 20 edits, both ways", value=size, unit="B", must=2_000, aim=1_000
        ),
        Row(name="twenty requests", work="requests of that", value=trips, unit="", must=1),
    ]
