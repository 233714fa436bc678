"""Many seeds, unattended: `python -m tests.simulation --seeds 20000 --from 0`. Ends with status 1 when one failed."""

import argparse
import io
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout

import msgspec

from tests.simulation.simulation import simulate

SEEDS_A_TASK = 20


class Outcome(msgspec.Struct):
    """What a task's seeds came to. `failed`: seed → what was said."""

    seeds: int
    counts: dict[str, int]
    exchanges: int
    failed: dict[int, str]


def run_some(first: int, count: int, kinds: Sequence[str] | None) -> Outcome:
    """Runs some seeds one after the other, whatever comes of them."""
    counts: Counter[str] = Counter()
    outcome = Outcome(count, {}, 0, {})
    for seed in range(first, first + count):
        said = io.StringIO()
        try:
            with redirect_stdout(said):
                report = simulate(seed, kinds)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this seed's, and the others go on
            where = traceback.extract_tb(error.__traceback__)[-1]
            name = os.path.basename(where.filename)
            outcome.failed[seed] = f"{type(error).__name__}: {error} ({name}:{where.lineno})\n{said.getvalue()}"
        else:
            counts.update(report.counts)
            outcome.exchanges += report.exchanges
    outcome.counts = dict(counts)
    return outcome


def main() -> int:
    """Runs the seeds that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first")
    parser.add_argument("--kinds", help="kinds of faults, with commas; without it each seed chooses")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes")
    parser.add_argument("--verbose", action="store_true", help="print what happened in a seed that fails")
    options = parser.parse_args()
    kinds = options.kinds.split(",") if options.kinds is not None else None
    began, done, failed = time.monotonic(), 0, 0
    counts: Counter[str] = Counter()
    starts = range(options.first, options.first + options.seeds, SEEDS_A_TASK)
    end = options.first + options.seeds
    with ProcessPoolExecutor(options.jobs) as pool:
        tasks = [pool.submit(run_some, first, min(SEEDS_A_TASK, end - first), kinds) for first in starts]
        for task in tasks:
            outcome = task.result()
            done += outcome.seeds
            counts.update(outcome.counts)
            counts["exchanges"] += outcome.exchanges
            for seed, text in outcome.failed.items():
                failed += 1
                print(f"seed {seed}: {text if options.verbose else text.splitlines()[0]}")
                print(f"  again: python -m tests.simulation --seeds 1 --from {seed} --jobs 1 --verbose", flush=True)
            if sys.stdout.isatty() or done % 1_000 < SEEDS_A_TASK:
                rate = (time.monotonic() - began) / done
                print(f"{done} of {options.seeds} seeds, {failed} failed, {rate:.2f} s each", flush=True)
    print(" ".join(f"{kind}={n}" for kind, n in sorted(counts.items())))
    print(f"{done} seeds, {failed} failed, {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
