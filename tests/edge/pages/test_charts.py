"""Charts: what is drawn lies in the picture, is well-formed, named and told, and stands in the table too."""

import itertools
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.forms.care.growth_words import NAMES
from edge_node.growth.child import HIGH, LOW
from edge_node.growth.standard import Indicator, Sex
from edge_node.pages import charts, dates, growth_charts
from edge_node.pages.chart_words import Reader
from edge_node.pages.charts import Height, Pressure, Weight
from edge_node.pages.growth_charts import Measure
from edge_node.pages.plot import HEIGHT, LABELS_APART, WIDTH, Chart, draw, spread
from edge_node.pages.scales import DAY_MARKS_MOST, MARKS_MOST, around, day_marks, marks, step_for

SVG = "{http://www.w3.org/2000/svg}"
START = date(2025, 9, 1)
BORN = date(2024, 2, 29)
CSS = Path(__file__).parents[3] / "edge_node" / "pages" / "assets" / "clinic.css"

ENGLISH = Reader(
    number=lambda value, decimals: f"{value:.{decimals}f}",
    day=lambda day: dates.day(day.isoformat()),
    mark=lambda day: f"{day:%-d %b}",
    say=lambda text: text,
    clinical=lambda text: text,
)
_DIGITS = str.maketrans("0123456789.-", "٠١٢٣٤٥٦٧٨٩٫−")
ARABIC = Reader(
    number=lambda value, decimals: f"{value:.{decimals}f}".translate(_DIGITS),
    day=lambda day: day.isoformat().translate(_DIGITS),
    mark=lambda day: day.isoformat().translate(_DIGITS),
    say=lambda text: re.sub(r"[^\W\d_]", "ع", text),
    clinical=lambda text: re.sub(r"[^\W\d_]|[0-9]", "ع", text),
)
HOSTILE = Reader(
    number=ENGLISH.number,
    day=ENGLISH.day,
    mark=ENGLISH.mark,
    say=lambda text: f'</svg><script>"{text}&</title>',
    clinical=lambda text: f'</svg><script>"{text}&</title>',
)

HEIGHTS = [Height(START + timedelta(days=days), days, cm) for days, cm in ((115, 16.0), (185, 24.0), (241, 27.0))]
PRESSURES = [
    Pressure(START + timedelta(days=at), *both) for at, both in ((85, (112, 70)), (213, (138, 90)), (248, (164, 112)))
]
WEIGHTS = [Weight(START + timedelta(days=days), kg, days) for days, kg in ((85, 57.0), (185, 62.5))]
GIRL = [Measure(BORN + timedelta(days=days), days, kg) for days, kg in ((0, 3.1), (180, 6.7), (400, 7.0))]


def parsed(chart: Chart, ident: str = "c") -> ElementTree.Element:
    return ElementTree.fromstring(str(draw(chart, ident)))


def made(reader: Reader) -> list[Chart]:
    found = [
        charts.fundal(HEIGHTS, reader),
        charts.fundal(HEIGHTS, reader, judged=False),
        charts.blood_pressure(PRESSURES, reader),
        charts.weight(WEIGHTS, reader),
        charts.pregnancy_weight(WEIGHTS, reader, before=(22.0, 55.0)),
        charts.pregnancy_weight(WEIGHTS, reader),
        *(growth_charts.growth(indicator, Sex.FEMALE, GIRL, reader) for indicator in (Indicator.WEIGHT_FOR_AGE,)),
        growth_charts.growth(Indicator.WEIGHT_FOR_HEIGHT, Sex.MALE, [Measure(BORN, 105.0, 17.0)], reader),
    ]
    return [chart for chart in found if chart is not None]


@pytest.mark.parametrize("reader", [ENGLISH, ARABIC, HOSTILE], ids=["English", "Arabic", "hostile"])
def test_every_chart_is_well_formed_named_and_told_whatever_its_words_are(reader: Reader) -> None:
    drawn = made(reader)
    assert len(drawn) == 8
    for chart in drawn:
        root = parsed(chart, "x")
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-labelledby"] == "x-title x-desc"
        title, told = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
        assert title is not None
        assert told is not None
        assert (title.attrib["id"], title.text) == ("x-title", chart.title)
        assert (told.attrib["id"], told.text) == ("x-desc", chart.description)
        assert root.find(f".//{SVG}script") is None


@pytest.mark.parametrize("reader", [ENGLISH, ARABIC], ids=["English", "Arabic"])
def test_charts_carry_no_style_and_no_script_and_their_classes_are_in_the_style_sheet(reader: Reader) -> None:
    css = CSS.read_text(encoding="utf-8")
    for chart in made(reader):
        text = str(draw(chart, "x"))
        assert "style" not in text
        assert " on" not in re.sub(r">[^<]*<", "><", text)
        for names in re.findall(r'class="([^"]+)"', text):
            for name in names.split():
                assert f".{name} " in css or f".{name}," in css or name in ("chart-first", "chart-edge"), name


def test_time_runs_from_left_to_right_in_every_language() -> None:
    for chart in made(ARABIC):
        root = parsed(chart)
        assert root.attrib["direction"] == "ltr"
        xs = [
            float(point.attrib["cx"])
            for point in root.iter(f"{SVG}circle")
            if point.attrib["class"] == "chart-point chart-first"
        ]
        assert xs == sorted(xs) or len(chart.series) > 1


def test_numbers_and_days_are_written_only_by_the_reader() -> None:
    for chart in made(ARABIC):
        texts = [element.text or "" for element in parsed(chart).iter(f"{SVG}text")]
        assert texts
        assert not [text for text in texts if re.search(r"[0-9]", text)]
        assert not [cell for row in chart.rows for cell in row[:2] if re.search(r"[0-9]", cell)]


def everything_inside(chart: Chart) -> None:
    root = parsed(chart)
    for element in root.iter():
        for name, value in element.attrib.items():
            if name in ("x", "x1", "x2", "cx"):
                assert -1 <= float(value) <= WIDTH + 1
            elif name in ("y", "y1", "y2", "cy"):
                assert -1 <= float(value) <= HEIGHT + 8
            elif name == "points" and value:
                for pair in value.split():
                    x, y = (float(part) for part in pair.split(","))
                    assert -1 <= x <= WIDTH + 1
                    assert -1 <= y <= HEIGHT + 1


DAYS = st.dates(date(1990, 1, 1), date(2040, 12, 31))


@given(st.lists(st.builds(Height, DAYS, st.integers(0, 320), st.floats(1, 60)), min_size=1, max_size=8), st.booleans())
def test_any_fundal_heights_are_drawn_inside_the_picture_and_stand_in_the_table(
    heights: list[Height], judged: bool
) -> None:
    chart = charts.fundal(heights, ENGLISH, judged=judged)
    assert chart is not None
    everything_inside(chart)
    assert len(chart.rows) == len(chart.series[0].points) == len(heights)
    assert all(len(row) == len(chart.head) for row in chart.rows)


@given(st.lists(st.builds(Pressure, DAYS, st.integers(40, 300), st.integers(20, 200)), min_size=1, max_size=8))
def test_any_blood_pressures_are_drawn_inside_the_picture(pressures: list[Pressure]) -> None:
    chart = charts.blood_pressure(pressures, ENGLISH)
    assert chart is not None
    everything_inside(chart)
    assert len(chart.rows) == len(pressures)


@given(
    st.lists(st.builds(Weight, DAYS, st.floats(0.5, 250), st.none() | st.integers(0, 310)), min_size=1, max_size=8),
    st.none() | st.tuples(st.floats(14, 50), st.floats(30, 150)),
)
def test_any_weights_are_drawn_inside_the_picture(weights: list[Weight], before: tuple[float, float] | None) -> None:
    chart = charts.weight(weights, ENGLISH)
    assert chart is not None
    everything_inside(chart)
    pregnant = charts.pregnancy_weight(weights, ENGLISH, before=before)
    assert (pregnant is None) == all(one.days is None for one in weights)
    if pregnant is not None:
        everything_inside(pregnant)


@given(
    st.sampled_from(list(Indicator)),
    st.sampled_from(list(Sex)),
    st.lists(st.builds(Measure, DAYS, st.floats(0, 2000), st.floats(0.5, 130)), max_size=8),
)
def test_any_measurements_of_a_child_are_drawn_inside_the_picture(
    indicator: Indicator, sex: Sex, measures: list[Measure]
) -> None:
    chart = growth_charts.growth(indicator, sex, measures, ENGLISH)
    if chart is not None:
        everything_inside(chart)
        assert all(len(row) == len(chart.head) for row in chart.rows)


@pytest.mark.parametrize("chart", [charts.fundal, charts.weight, charts.blood_pressure, charts.pregnancy_weight])
def test_without_a_point_there_is_no_chart(chart: Any) -> None:
    assert chart([], ENGLISH) is None
    assert growth_charts.growth(Indicator.WEIGHT_FOR_AGE, Sex.MALE, [Measure(BORN, 4000, 20)], ENGLISH) is None


def test_a_height_outside_the_centiles_is_ringed_and_said_in_words() -> None:
    chart = charts.fundal(HEIGHTS, ENGLISH)
    assert chart is not None
    assert [point.odd for point in chart.series[0].points] == [False, False, True]
    assert chart.rows[-1] == ("30 April 2026", "34 weeks and 3 days", "27.0 cm", "below the 3rd centile")
    assert str(draw(chart, "c")).count("chart-odd") == 1
    assert [curve.label for curve in chart.references] == ["3", "10", "50", "90", "97"]


def test_a_pregnancy_dated_by_fundal_height_is_not_judged_by_it() -> None:
    chart = charts.fundal(HEIGHTS, ENGLISH, judged=False)
    assert chart is not None
    assert chart.references == ()
    assert not any(point.odd for point in chart.series[0].points)
    assert [row[3] for row in chart.rows] == ["", "", ""]
    assert "centile" not in chart.description


def test_blood_pressure_is_told_against_both_limits() -> None:
    chart = charts.blood_pressure(PRESSURES, ENGLISH)
    assert chart is not None
    assert [row[1:] for row in chart.rows] == [
        ("112/70 mmHg", ""),
        ("138/90 mmHg", "raised"),
        ("164/112 mmHg", "severely raised"),
    ]
    assert [(limit.y, limit.kind) for limit in chart.limits] == [
        (140, "warn"),
        (90, "warn"),
        (160, "bad"),
        (110, "bad"),
    ]
    upper, lower = chart.series
    assert [point.odd for point in upper.points] == [False, False, True]
    assert [point.odd for point in lower.points] == [False, True, True]
    assert lower.second


def test_a_child_is_told_in_plain_words_how_it_compares() -> None:
    chart = growth_charts.growth(Indicator.WEIGHT_FOR_AGE, Sex.FEMALE, GIRL, ENGLISH)
    assert chart is not None
    assert [row[1] for row in chart.rows] == ["0 weeks", "5 months", "13 months"]
    assert chart.rows[-1][3:] == ("-2.3", "light for age")
    assert [point.odd for point in chart.series[0].points] == [False, False, True]


def test_every_name_of_a_score_has_plain_words_and_an_implausible_one_asks_to_measure_again() -> None:
    names = {name for table in (LOW, HIGH) for limits in table.values() for _, name, _ in limits}
    assert names == set(NAMES) - {""}
    slip = growth_charts.growth(Indicator.WEIGHT_FOR_AGE, Sex.FEMALE, [Measure(BORN, 0, 31.0)], ENGLISH)
    assert slip is not None
    assert slip.rows[0][-1] == "measure again"


def test_an_age_is_told_in_completed_months_of_the_calendar() -> None:
    """Six months after 10 March 2023 is 184 days, after 1 September 2023 182."""
    for born, days in ((date(2023, 3, 10), 184), (date(2023, 9, 1), 182)):
        held = [Measure(born + timedelta(days=at), at, 7.0) for at in (days - 1, days)]
        chart = growth_charts.growth(Indicator.WEIGHT_FOR_AGE, Sex.MALE, held, ENGLISH)
        assert chart is not None
        assert [row[1] for row in chart.rows] == ["5 months", "6 months"]


def test_points_come_in_their_order_whatever_order_they_were_entered_in() -> None:
    assert charts.fundal(HEIGHTS[::-1], ENGLISH) == charts.fundal(HEIGHTS, ENGLISH)
    assert charts.blood_pressure(PRESSURES[::-1], ENGLISH) == charts.blood_pressure(PRESSURES, ENGLISH)


@given(st.lists(st.floats(-50, 300), max_size=12))
def test_labels_at_the_curves_ends_never_lie_on_each_other(wanted: list[float]) -> None:
    found = spread(wanted)
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    gaps = [found[two] - found[one] for one, two in itertools.pairwise(order)]
    assert all(gap >= LABELS_APART - 1e-6 for gap in gaps)


@given(st.lists(st.floats(-1000, 1000), min_size=1, max_size=9))
def test_an_axis_holds_its_values_and_has_few_marks(values: list[float]) -> None:
    low, high, step = around(values)
    assert low <= min(values) + 1e-6
    assert high >= max(values) - 1e-6
    found = marks(low, high, step)
    assert 2 <= len(found) <= MARKS_MOST + 1
    assert found[0] == pytest.approx(low)
    assert found[-1] == pytest.approx(high)


@given(DAYS, st.integers(0, 20000))
def test_an_axis_of_days_has_few_marks_all_between_its_ends(first: date, length: int) -> None:
    last = first + timedelta(days=length)
    found = day_marks(first, last)
    assert 1 <= len(found) <= DAY_MARKS_MOST
    assert list(found) == sorted(set(found)) or first == last
    assert all(first <= day <= last for day in found)


@pytest.mark.parametrize("span", [0.0, -1.0, float("inf"), float("nan")])
def test_an_axis_without_length_is_refused(span: float) -> None:
    with pytest.raises(ValueError, match="length"):
        step_for(span)
