"""A clinic's day gets through a link of 600 ms, 5 % loss and 30 kbit/s that is cut ten times on the way."""

import os
import secrets
from pathlib import Path

import pytest

from tests.link.day import CUTS, measure
from tests.link.places import Place, place_for, together
from tests.link.quality import Cuts

SECONDS_MAX = 300.0
BYTES_MAX = 300_000


def told(capsys: pytest.CaptureFixture[str], text: object) -> None:
    """For people, though the test passes."""
    with capsys.disabled():
        print(f"\nlink: {text}")


@pytest.mark.slow
def test_a_day_arrives_over_a_bad_link_that_is_cut_ten_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("LINK_SEED") or secrets.randbits(32))
    told(capsys, f"LINK_SEED={seed}")
    with place_for(seed) as place:
        numbers = measure(tmp_path, place, seed=seed)
    told(capsys, numbers)
    assert numbers.cuts == CUTS.times
    assert numbers.seconds_to_both < SECONDS_MAX
    assert numbers.bytes_up + numbers.bytes_down < BYTES_MAX


@pytest.mark.slow
def test_the_same_on_loopback_where_namespaces_are_not_permitted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place: Place
    with together(7) as place:
        numbers = measure(tmp_path, place, cuts=Cuts(times=3, seconds=2.0, after_bytes=1_500))
    told(capsys, numbers)
    assert numbers.cuts == 3
    assert numbers.seconds_to_both < SECONDS_MAX
