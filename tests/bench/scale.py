"""The same work where a thousand, ten thousand and a hundred thousand resources are stored, and an exchange with nothing to do there.

For each size two nodes and a hub of their own. "All": the store grows from nothing to its size by one import, one push, and one pull at
an empty node. Then the same small work at all sizes in turn, round by round: import 400 new resources, edit 400 stored ones in one
transaction, push both, pull both at the other node, read 400 there, chosen all over the store; the median of the rounds. The floor of a
row is the same part at the smallest size, where 400 resources share their pages, and all pages are in the cache.
"""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median

from edge_node.store.bundles import Item
from tests.bench import nodes, samples
from tests.bench.rows import Options, Row

WORK = 400
IDLE_TIMES = 30
PARTS = ("import", "edit", "push", "pull", "read", "nothing")
GROWTH = ("import all", "push all", "pull all")

Times = dict[str, float]


def measure(options: Options) -> list[Row]:
    with ExitStack() as stack:
        pairs = {size: _pair(stack) for size in options.sizes}
        grown = {size: _grown(*pairs[size], size) for size in options.sizes}
        rounds: dict[int, list[Times]] = {size: [] for size in options.sizes}
        for run in range(2 * options.runs + 1):
            for size, (a, b) in pairs.items():
                rounds[size].append(_round(a, b, size, run))
        found = {
            size: grown[size] | {part: median(one[part] for one in rounds[size]) for part in PARTS} for size in pairs
        }
    least = found[options.sizes[0]]
    return [
        Row(
            name=f"{part} at {size:,}",
            work="an exchange with nothing to do" if part == "nothing" else f"{part}, per resource",
            value=1000 * found[size][part],
            unit="ms",
            floor=1000 * least[part],
            judged="ratio",
            must=1.5,
            aim=1.2,
            note=f"floor: the same at {options.sizes[0]:,}",
        )
        for part in (*GROWTH, *PARTS)
        for size in options.sizes[1:]
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


def _round(a: nodes.Node, b: nodes.Node, size: int, run: int) -> Times:
    fresh = list(samples.items(WORK, generation=size + run))
    chosen = random.Random(run).sample(samples.editable(size // 4, among=size), min(WORK, size // 5))
    again = chosen * (WORK // len(chosen))
    numbered = enumerate(again, start=run * WORK)
    times = {"import": _timed(lambda: a.store.import_resources(fresh, samples.AUTHOR, nodes.now_ms))}
    writes = [samples.edit(a.store, body, number) for number, body in numbered]
    times["edit"] = _timed(lambda: a.store.write(writes, samples.AUTHOR, nodes.now_ms()))
    times["push"] = _timed(a.sync)
    times["pull"] = _timed(b.sync)
    names = [samples.name(body) for body in again]
    times["read"] = _timed(lambda: [b.store.read(*name) for name in names])
    a_resource = {part: seconds / WORK for part, seconds in times.items()}
    return a_resource | {"nothing": median(_timed(b.sync) for _ in range(IDLE_TIMES))}


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
