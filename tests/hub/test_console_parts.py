"""The parts of which pages are made: sums, charts, words, files. Pure."""

import csv
import io
import itertools
import re
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.console import charts, sums, wording
from hub.console.blocks import Cell, Column, Table, as_csv
from hub.console.charts import Bars
from hub.console.desk import _seen
from hub.console.reading import Seen
from hub.store.overview import HEALTH
from hub.store.views import Issue

ROWS = st.lists(st.builds(Issue, st.sampled_from("ab"), st.integers(0, 1), st.sampled_from("xy"), st.integers(0, 9)))


@given(shards=st.lists(ROWS, max_size=4))
def test_what_shards_answer_adds_up_however_it_is_divided(shards: list[list[Issue]]) -> None:
    everything = [row for rows in shards for row in rows]
    found = sums.added(everything, ("n",))
    places = [(row.region, row.scope, row.issue) for row in found]
    assert len(places) == len(set(places))
    assert sum(row.n for row in found) == sum(row.n for row in everything)
    again = sums.added([row for rows in shards for row in sums.added(rows, ("n",))], ("n",))
    assert sorted(again, key=repr) == sorted(found, key=repr)
    assert sums.by(found, "issue") == sums.by(everything, "issue")


@given(begin=st.integers(0, 300), count=st.integers(0, 3000), columns=st.integers(1, 80))
def test_few_rectangles_cover_just_the_places_of_a_field(begin: int, count: int, columns: int) -> None:
    found = charts.blocks(begin, count, columns)
    assert len(found) <= 3
    covered = [
        (y + down) * columns + x + right
        for x, y, width, height in found
        for down in range(height)
        for right in range(width)
    ]
    assert sorted(covered) == list(range(begin, begin + count))


@given(value=st.integers(0, 10**12))
def test_an_axis_ends_at_a_round_number_not_far_above(value: int) -> None:
    top = charts.ceiling(value)
    assert value <= top <= max(4, 2.5 * value)
    assert top % 4 == 0


NUMBERS = st.lists(st.integers(0, 10**7), min_size=1, max_size=40)


@given(values=NUMBERS, labels=st.text(max_size=12))
def test_a_chart_is_well_formed_tells_itself_and_keeps_inside_its_picture(values: list[int], labels: str) -> None:
    series = [Bars("one <&>", tuple(values)), Bars("two", tuple(reversed(values)))]
    svg = str(charts.bars("x", "Title <b>", "About & so", ["w"] * len(values), series))
    root = ElementTree.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img"
    assert [root.find(f"{space}{name}").text for name in ("title", "desc")] == ["Title <b>", "About & so"]  # type: ignore[union-attr]
    drawn = [one for one in root.iter(f"{space}rect") if one.get("class") == "bar"]
    assert len(drawn) == sum(value > 0 for one in series for value in one.values)
    for one in drawn:
        low = float(one.get("y", "")) + float(one.get("height", ""))
        assert 0 <= float(one.get("y", "")) <= low <= charts.HEIGHT
        assert float(one.get("x", "")) + float(one.get("width", "")) <= charts.WIDTH
    assert not re.search(r"style=|<script|javascript:", svg)


def test_ten_thousand_facilities_draw_no_larger_than_ten() -> None:
    few = charts.field("a", "few", [(6, 1), (3, 2), (0, 7)])
    many = charts.field("a", "many", [(6, 1_000), (3, 2_000), (0, 7_000)])
    assert len(many) < len(few) + 800
    assert "1,000 × 6" in many


@pytest.mark.parametrize("kind", range(charts.NO_NODE + 1))
def test_every_way_to_be_has_a_sign_of_its_own_shape(kind: int) -> None:
    def shape(of: int) -> str:
        return re.sub(r'class="[^"]*"', "", str(charts.sign(of)))

    assert shape(kind) not in {shape(other) for other in range(charts.NO_NODE + 1) if other != kind}


def test_words_are_there_for_every_state() -> None:
    assert len(wording.HEALTH_WORDS) == len(wording.HEALTH_TONES) == len(HEALTH) == charts.NO_NODE


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7_300, "2 hours ago"),
        (86_400, "1 day ago"),
        (10**8, "1,157 days ago"),
    ],
)
def test_how_long_ago_in_words(seconds: int, said: str) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert wording.ago(now - timedelta(seconds=seconds), now).text == said
    assert wording.ago(None, now).text == "never"


@given(on=st.dates(date(1950, 1, 1), date(2100, 1, 1)), count=st.integers(1, 40))
def test_months_before_follow_each_other(on: date, count: int) -> None:
    months = wording.months_before(on, count)
    assert len(months) == count
    assert months[-1] == on.replace(day=1)
    assert all((later - earlier).days in range(28, 32) for earlier, later in itertools.pairwise(months))


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=9)


@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_a_table_comes_out_of_its_file_as_it_was_and_no_formula_is_among_it(texts: list[str]) -> None:
    table = Table(name="t", title="", columns=tuple(map(Column, "abcd"))[: len(texts)], rows=(tuple(map(Cell, texts)),))
    read = list(csv.reader(io.StringIO(as_csv(table), newline="")))
    assert [
        cell.removeprefix("'") if cell[1:] == text else cell for cell, text in zip(read[1], texts, strict=True)
    ] == texts
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in read[1])


def test_numbers_stay_numbers_in_a_file() -> None:
    columns = (Column("name"), Column("n", True))
    table = Table(
        name="t",
        title="",
        columns=columns,
        rows=((Cell("x"), Cell("-1,234", plain="-1234")), (Cell("y"), wording.number(None))),
    )
    assert as_csv(table).splitlines() == ["name,n", "x,-1234", "y,–"]


@pytest.mark.parametrize(
    ("cookie", "seen"),
    [
        ("2.16/B374D848", Seen(2, "16/B374D848")),
        ("", Seen()),
        ("2", Seen()),
        ("x.1/2", Seen()),
        ("1.1/2'; DROP", Seen()),
        ("1.1/", Seen()),
        ("1./2", Seen()),
        ("1.123456789/2", Seen()),
        ("٣.1/2", Seen()),
        ("1" * 40 + ".1/2", Seen()),
    ],
)
def test_only_a_position_is_taken_for_where_somebody_wrote(cookie: str, seen: Seen) -> None:
    assert _seen(cookie) == seen
