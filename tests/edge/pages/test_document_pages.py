"""How large a file is, as its page says it."""

import pytest
from babel import Locale

from edge_node.language.readers import reading
from edge_node.pages.document_pages import size_said


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (None, ""),
        (0, ""),
        (-5, ""),
        ("large", ""),
        (1, "1 kB"),
        (1_024, "1 kB"),
        (1_025, "2 kB"),
        (40_000, "40 kB"),
        (1_022_000, "999 kB"),
        (1_023_500, "1.0 MB"),
        (1024**2, "1.0 MB"),
        (25 * 1024**2, "25.0 MB"),
        (3000 * 1024**2, "3,000.0 MB"),
    ],
)
def test_a_size_is_said_in_the_unit_that_shows_it(size: object, said: str) -> None:
    assert size_said(size) == said


def test_a_size_is_said_with_the_readers_digits() -> None:
    with reading("ar", Locale("ar", "EG")):
        assert "٤٠" in size_said(40_000)
        assert "١٫٤" in size_said(1_500_000)
