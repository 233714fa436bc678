"""Whole worlds, each from one seed: in the end nothing is lost, nothing is made up, and all replicas are the same."""

import os
import subprocess
import sys

import pytest

from tests.simulation.faults import KINDS
from tests.simulation.simulation import simulate

SEEDS_A_TEST = 20


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 300, SEEDS_A_TEST))
def test_worlds_end_well(first: int) -> None:
    for seed in range(first, first + SEEDS_A_TEST):
        simulate(seed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_world_with_one_kind_of_fault_ends_well(kind: str) -> None:
    for seed in range(10_000, 10_004):
        simulate(seed, [kind])


def test_a_seed_is_the_same_world_every_time() -> None:
    assert simulate(5) == simulate(5)


def test_a_seed_is_the_same_world_in_every_process() -> None:
    """Nothing depends on the order of sets of texts, which differs from process to process."""
    code = "from tests.simulation.simulation import simulate; print(simulate(6).trace)"
    traces = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": str(number)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for number in (1, 2)
    }
    assert len(traces) == 1
