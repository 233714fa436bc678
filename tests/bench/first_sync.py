"""First sync: 31,287 resources from one edge to an empty hub, then from the hub to an empty edge.

Both edges are this process, which opens their encrypted stores as a server does; the hub is a process with its own Postgres; between
them is HTTP on the loopback. A leg is one `Syncing.run`: every exchange until nothing waits and digests are equal, all of it durable
at both ends. Bytes are those of request and answer bodies; HTTP headers (about 300 bytes an exchange) are not counted. The floor
takes turns with it, run by run, each on fresh databases.
"""

from pathlib import Path

from edge_node.store import rows as stored_rows
from edge_node.store.store import Store
from tests.bench import floor, nodes, samples
from tests.bench.rows import Options, Row
from tests.bench.timing import Clock, middle, timed

RESOURCES = 31_287
FACILITIES = 1
"""The name of each comes along, in the region's scope."""


def measure(options: Options) -> list[Row]:
    with nodes.folder() as place:
        with nodes.opened(place / "source") as store:
            store.import_resources(samples.items(RESOURCES), samples.AUTHOR, nodes.now_ms)
            packed = packed_states(store)
        ups: list[Clock] = []
        downs: list[Clock] = []
        floors_up: list[float] = []
        floors_down: list[float] = []
        sizes = (0, 0)
        for _ in range(options.runs):
            with nodes.folder() as here:
                sizes = _legs(place / "source", here, ups, downs)
                least = floor_legs(here, packed)
                floors_up.append(least[0])
                floors_down.append(least[1])
    up, down = middle(ups), middle(downs)
    return [
        _rate("first up", "first sync, edge to hub", up, floors_up),
        _rate("first down", "first sync, hub to an empty edge", down, floors_down),
        _bytes("first up bytes", "bytes on the wire of that, up", sizes[0]),
        _bytes("first down bytes", "bytes on the wire of that, down", sizes[1]),
    ]


def _legs(source: Path, here: Path, ups: list[Clock], downs: list[Clock]) -> tuple[int, int]:
    nodes.copy(source, here / "a")
    with (
        nodes.hub(here) as hub,
        nodes.node(here / "a", hub, here) as a,
        nodes.node(here / "b", hub, here) as b,
    ):
        with timed(hub.process) as up:
            pushed = a.sync()
        with timed(hub.process) as down:
            pulled = b.sync()
    assert pushed.pushed == RESOURCES
    assert pulled.pulled == RESOURCES + FACILITIES
    assert pushed.digest_equal
    assert pulled.digest_equal
    ups.append(up)
    downs.append(down)
    return pushed.bytes_sent + pushed.bytes_received, pulled.bytes_sent + pulled.bytes_received


def packed_states(store: Store) -> floor.Frame:
    """What the floor carries: the same registers, packed."""
    query = "SELECT key, state FROM resource WHERE state IS NOT NULL ORDER BY key"
    with store.snapshot() as connection:
        return [(f"{key:036d}", stored_rows.expand(state)) for key, state in connection.execute(query)]


def floor_legs(here: Path, packed: floor.Frame) -> tuple[float, float]:
    """Seconds of the floor, up and down."""
    server = floor.start(here)
    try:
        a, b = floor.FloorNode(here / "floor-a", server.url), floor.FloorNode(here / "floor-b", server.url)
        a.fill(packed)
        keys = range(1, len(packed) + 1)
        up, down = floor.seconds(lambda: a.push(keys)), floor.seconds(lambda: b.pull(keys))
        a.close()
        b.close()
    finally:
        server.stop()
    return up, down


def _rate(name: str, work: str, clock: Clock, floors: list[float]) -> Row:
    floors.sort()
    return Row(
        name=name,
        work=work,
        value=RESOURCES / clock.wall,
        unit="/s",
        better="more",
        must=8_000,
        aim=20_000,
        floor=RESOURCES / floors[len(floors) // 2],
        cpu=clock.cpu / clock.wall,
        note=f"{clock.wall:.2f} s; processor: edge {clock.own:.2f} s, hub and Postgres {clock.others:.2f} s",
    )


def _bytes(name: str, work: str, total: int) -> Row:
    return Row(name=name, work=work, value=total / RESOURCES, unit="B/resource", must=90, aim=55)
