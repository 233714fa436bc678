"""The same work where a thousand, ten thousand and a hundred thousand resources are stored, and an exchange with nothing to do there.

"All": the store grows from one size to the next by one import, one push and one pull at an empty or as large other edge. Then, at
each size, the same small work: import 400 new resources, edit 400 stored ones in one transaction, push both, pull both at the
other edge, read 400 there, chosen all over the store; the median of several rounds. The floor of a row is the same part at the smallest
size, where 400 resources share their pages, and all pages are in the cache.
"""

import random
import time
from collections.abc import Callable
from itertools import pairwise
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
    found: dict[int, Times] = {}
    with (
        nodes.folder() as place,
        nodes.hub(place) as hub,
        nodes.node(place / "a", hub, place) as a,
        nodes.node(place / "b", hub, place) as b,
    ):
        for before, size in pairwise((0, *options.sizes)):
            grown = _grown(a, b, before, size)
            rounds = [_round(a, b, size, run) for run in range(2 * options.runs + 1)]
            found[size] = grown | {part: median(one[part] for one in rounds) for part in PARTS}
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


def _grown(a: nodes.Node, b: nodes.Node, before: int, size: int) -> Times:
    """From one size to the next, all at once: seconds a resource."""
    fresh = [Item(body) for body in samples.bodies(size)[before:]]
    times = {
        "import all": _timed(lambda: a.store.import_resources(fresh, samples.AUTHOR, nodes.now_ms)),
        "push all": _timed(a.sync),
        "pull all": _timed(b.sync),
    }
    return {part: seconds / len(fresh) for part, seconds in times.items()}


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
