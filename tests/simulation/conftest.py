"""Scripted worlds for tests."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.simulation.scripted import Script

MakeScript = Callable[..., Script]


@pytest.fixture
def script(tmp_path: Path) -> Iterator[MakeScript]:
    """Makes one scripted world."""
    made: list[Script] = []

    def make(facilities: Mapping[str, str], presences: Sequence[str] = ()) -> Script:
        made.append(Script(tmp_path, facilities, presences))
        return made[-1]

    yield make
    for one in made:
        one.close()
