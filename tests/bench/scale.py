"""The same work where a thousand, ten thousand and a hundred thousand resources are stored, and an exchange with nothing to do there.

For each size two nodes and a hub of their own. "All": the store grows from nothing to its size by one import, one push, and one pull at
an empty node. Then the same small work at all sizes in turn, round by round: import 400 new resources, write one, edit 200 stored ones
twice in one transaction, push them, pull them at the other node, read them there twice, chosen all over the store; the median of the
rounds. The floor of a row is the same part at the smallest size.

400 new resources at once are two fifths of the smallest store, and share its pages; among a hundred thousand each random id falls on a
page of its own. That is so for a bare table with a unique id too, and what it costs there, at the same sizes with the same resources, is
the floor of these two rows ("new"): how much more ours grows than that.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from statistics import median

from edge_node.store.bundles import Item
from edge_node.store.connection import Connection, connect, transaction
from edge_node.store.model import Write
from tests.bench import nodes, samples
from tests.bench.rows import Options, Row

WORK = 400
IDLE_TIMES = 30
ONES = 60
CHOSEN = 200
PARTS = ("write", "edit", "push", "read", "nothing")
NEW = ("import", "pull")
GROWTH = ("import all", "push all", "pull all")

Times = dict[str, float]


def measure(options: Options) -> list[Row]:
    with ExitStack() as stack:
        pairs = {size: _pair(stack) for size in options.sizes}
        grown = {size: _grown(*pairs[size], size) for size in options.sizes}
        tables = {size: _bare(stack, size) for size in options.sizes}
        rounds: dict[int, list[Times]] = {size: [] for size in options.sizes}
        for run in range(2 * options.runs + 1):
            for size, (a, b) in pairs.items():
                rounds[size].append(_round(a, b, tables[size], size, run))
        parts = (*PARTS, *NEW, "bare")
        found = {
            size: grown[size] | {part: median(one[part] for one in rounds[size]) for part in parts} for size in pairs
        }
    return [*_rows(options.sizes, found), *_new_rows(options.sizes, found)]


def _rows(sizes: Sequence[int], found: Mapping[int, Times]) -> list[Row]:
    return [
        Row(
            name=f"{part} at {size:,}",
            work="an exchange with nothing to do" if part == "nothing" else f"{part}, per resource",
            value=1000 * found[size][part],
            unit="ms",
            floor=1000 * found[sizes[0]][part],
            judged="ratio",
            must=1.5,
            aim=1.2,
            note=f"floor: the same at {sizes[0]:,}",
        )
        for part in (*GROWTH, *PARTS)
        for size in sizes[1:]
    ]


def _new_rows(sizes: Sequence[int], found: Mapping[int, Times]) -> list[Row]:
    least = found[sizes[0]]
    return [
        Row(
            name=f"{part} of {WORK} new at {size:,}",
            work=f"{part} of {WORK} new at once, per resource",
            value=1000 * found[size][part],
            unit="ms",
            floor=1000 * least[part] * found[size]["bare"] / least["bare"],
            judged="ratio",
            must=1.5,
            aim=1.2,
            note=f"{found[size][part] / least[part]:.2f}× that at {sizes[0]:,};"
            f" a bare table's rows: {found[size]['bare'] / least['bare']:.2f}×, the floor's growth",
        )
        for part in NEW
        for size in sizes[1:]
    ]


def _pair(stack: ExitStack) -> tuple[nodes.Node, nodes.Node]:
    """Two empty nodes of one facility, and a hub of their own."""
    place = stack.enter_context(nodes.folder())
    hub = stack.enter_context(nodes.hub(place))
    a, b = (stack.enter_context(nodes.node(place / name, hub, place)) for name in "ab")
    return a, b


def _grown(a: nodes.Node, b: nodes.Node, size: int) -> Times:
    """From nothing to a size, all at once: seconds a resource."""
    fresh = [Item(body) for body in samples.bodies(size)]
    times = {
        "import all": _timed(lambda: a.store.import_resources(fresh, samples.AUTHOR, nodes.now_ms)),
        "push all": _timed(a.sync),
        "pull all": _timed(b.sync),
    }
    return {part: seconds / size for part, seconds in times.items()}


def _bare(stack: ExitStack, size: int) -> Connection:
    """A bare table with a unique id, in SQLCipher with our pragmas, and as many rows."""
    table = connect(stack.enter_context(nodes.folder()) / "bare.db", bytes(32), writer=True)
    stack.callback(table.close)
    table.execute("CREATE TABLE packed (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL)")
    _insert(table, samples.bodies(size))
    return table


def _insert(table: Connection, bodies: Sequence[bytes]) -> None:
    rows = [("/".join(samples.name(body)), body) for body in bodies]
    with transaction(table) as connection:
        connection.executemany("INSERT INTO packed (id, body) VALUES (?, ?)", rows)


def _round(a: nodes.Node, b: nodes.Node, bare: Connection, size: int, run: int) -> Times:
    fresh = samples.bodies(WORK, generation=size + run)
    chosen = random.Random(run).sample(samples.editable(size // 4, among=size), CHOSEN)
    again = chosen * (WORK // CHOSEN)
    numbered = enumerate(again, start=run * WORK)
    times = {
        "import": _timed(lambda: a.store.import_resources(map(Item, fresh), samples.AUTHOR, nodes.now_ms)),
        "bare": _timed(lambda: _insert(bare, fresh)),
    }
    a.sync()
    times["pull"] = _timed(b.sync)
    writes = [samples.edit(a.store, body, number) for number, body in numbered]
    times["edit"] = _timed(lambda: a.store.write(writes, samples.AUTHOR, nodes.now_ms()))
    times["push"] = _timed(a.sync)
    b.sync()
    names = [samples.name(body) for body in again]
    times["read"] = _timed(lambda: [b.store.read(*name) for name in names])
    a_resource = {part: seconds / WORK for part, seconds in times.items()}
    a_resource["write"] = median(_written(a, samples.again(body)) for body in fresh[:ONES])
    return a_resource | {"nothing": median(_timed(b.sync) for _ in range(IDLE_TIMES))}


def _written(node: nodes.Node, body: bytes) -> float:
    write = Write(*samples.name(body), body)
    return _timed(lambda: node.store.write([write], samples.AUTHOR, nodes.now_ms()))


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
