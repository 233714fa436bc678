"""The table of measurements: a part that is measured anew takes the place of what it was, and of nothing else."""

from tests.bench.report import merged


def test_what_was_not_measured_stays() -> None:
    present = ["| a | 1 |", "| b | 2 |", "| c | 3 |"]
    assert merged(present, ["| b | 5 |", "| new | 6 |"]) == ["| a | 1 |", "| b | 5 |", "| new | 6 |", "| c | 3 |"]
    assert merged(present, []) == present
    assert merged([], ["| b | 5 |"]) == ["| b | 5 |"]
    assert merged(present, ["| new | 6 |"]) == [*present, "| new | 6 |"]
