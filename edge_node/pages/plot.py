"""A chart as SVG inside a page: for eyes, with its words for those who listen. Geometry only; what is drawn and why is
in `charts`.

* No script and no style: colours come from the classes of clinic.css, in light, dark and print; without them all is
  drawn in the text's colour.
* `title` and `desc` name and tell it; it is one picture for a screen reader (`role="img"`), and its points are in the
  table beside it.
* Nothing is told by colour alone: series differ in shape and stroke, points out of range are larger and ringed.
* Time runs from left to right in every language, as on WHO's printed charts in Arabic; `direction` is set so that
  anchors mean the same everywhere.
* 340 units wide: on the narrowest phones letters keep their size.
"""

import itertools
from collections.abc import Iterable
from html import escape
from typing import Final

import msgspec
from markupsafe import Markup

from edge_node.pages.scales import Axis

WIDTH: Final = 340
HEIGHT: Final = 250
LEFT: Final = 36
RIGHT: Final = 30
TOP: Final = 34
BOTTOM: Final = 36
TEXT: Final = 13
SMALL: Final = 12
LABELS_APART: Final = 12
"""Least distance of labels at the curves' ends."""


class Point(msgspec.Struct, frozen=True):
    """One measurement. `text` is told when it is pointed at; `odd`: out of range, so it is ringed."""

    x: float
    y: float
    text: str
    odd: bool = False


class Series(msgspec.Struct, frozen=True):
    """Measurements of one kind, in the order of x. `second`: drawn hollow and dashed beside a first one."""

    name: str
    points: tuple[Point, ...]
    second: bool = False


class Reference(msgspec.Struct, frozen=True):
    """A curve behind the points. `kind`: `middle`, `edge` or `outer`, which is how it is drawn; `label` stands at its
    end."""

    label: str
    points: tuple[tuple[float, float], ...]
    kind: str


class Limit(msgspec.Struct, frozen=True):
    """A level. `kind`: `warn` or `bad`."""

    y: float
    label: str
    kind: str


class Chart(msgspec.Struct, frozen=True):
    """All that is drawn, and the same as a table: `head` and `rows`, in words of the reader's language.

    `inside`: the names (indexes of `references`) of the two curves between which the ground is shaded.
    """

    title: str
    description: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    references: tuple[Reference, ...] = ()
    inside: tuple[int, int] | None = None
    limits: tuple[Limit, ...] = ()


class Picture(msgspec.Struct, frozen=True):
    """A chart as it stands in a page, with its table."""

    title: str
    svg: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def picture(chart: Chart, ident: str) -> Picture:
    """A chart for a page. `ident`: see `draw`."""
    return Picture(chart.title, draw(chart, ident), chart.head, chart.rows)


def draw(chart: Chart, ident: str) -> Markup:
    """The SVG. `ident` begins the ids of its title and description, and is unique in the page."""
    parts = [
        f'<svg class="chart" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" direction="ltr" '
        f'aria-labelledby="{escape(ident)}-title {escape(ident)}-desc" xmlns="http://www.w3.org/2000/svg">',
        f'<title id="{escape(ident)}-title">{escape(chart.title)}</title>',
        f'<desc id="{escape(ident)}-desc">{escape(chart.description)}</desc>',
        *_shade(chart),
        *_grid(chart),
        *_references(chart),
        *_limits(chart),
        *_legend(chart),
        *(part for series in chart.series for part in _series(chart, series)),
        "</svg>",
    ]
    return Markup("".join(parts))  # noqa: S704 -- every text in it has been escaped above and below.


def _x(chart: Chart, value: float) -> float:
    return round(LEFT + chart.x.place(value) * (WIDTH - LEFT - RIGHT), 1)


def _y(chart: Chart, value: float) -> float:
    return round(HEIGHT - BOTTOM - chart.y.place(value) * (HEIGHT - TOP - BOTTOM), 1)


def _text(x: float, y: float, said: str, anchor: str, kind: str = "chart-text", size: int = TEXT) -> str:
    return (
        f'<text class="{kind}" x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="currentColor">'
        f"{escape(said)}</text>"
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str, more: str = "") -> str:
    return f'<line class="{kind}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="currentColor"{more}/>'


def _path(chart: Chart, points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{_x(chart, x):g},{_y(chart, y):g}" for x, y in points)


def _shade(chart: Chart) -> list[str]:
    if chart.inside is None:
        return []
    low, high = (chart.references[at].points for at in chart.inside)
    around = _path(chart, (*low, *reversed(high)))
    return [f'<polygon class="chart-inside" points="{around}" fill="currentColor" fill-opacity="0.08"/>']


def _grid(chart: Chart) -> list[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for value, label in chart.y.marks:
        y = _y(chart, value)
        parts.append(_line(LEFT, y, right, y, "chart-grid", ' stroke-opacity="0.25"'))
        parts.append(_text(LEFT - 5, y + 4, label, "end"))
    for value, label in chart.x.marks:
        x = _x(chart, value)
        parts.append(_line(x, bottom, x, bottom + 4, "chart-axis"))
        # A long label (a date) stays inside the picture: half of it is about three and a half units a letter.
        half = min(len(label) * 3.5, WIDTH / 2)
        parts.append(_text(round(min(max(x, half), WIDTH - half), 1), bottom + 17, label, "middle"))
    parts.append(_line(LEFT, bottom, right, bottom, "chart-axis"))
    parts.append(_text(4, 14, chart.y.unit, "start", size=SMALL))
    parts.append(_text(right, HEIGHT - 4, chart.x.unit, "end", size=SMALL))
    return parts


def _references(chart: Chart) -> list[str]:
    dashes = {"outer": ' stroke-dasharray="4 3"', "edge": "", "middle": ""}
    parts = [
        f'<polyline class="chart-reference chart-{curve.kind}" points="{_path(chart, curve.points)}" fill="none" '
        f'stroke="currentColor" stroke-opacity="0.6"{dashes[curve.kind]}/>'
        for curve in chart.references
    ]
    wanted = [_y(chart, curve.points[-1][1]) for curve in chart.references]
    for curve, y in zip(chart.references, spread(wanted), strict=True):
        parts.append(_text(_x(chart, curve.points[-1][0]) + 3, y + 4, curve.label, "start", "chart-text", SMALL))
    return parts


def spread(wanted: list[float]) -> list[float]:
    """Places as near to those wanted as they can be while LABELS_APART from each other, in the same order."""
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    found = list(wanted)
    for before, after in itertools.pairwise(order):
        found[after] = max(found[after], found[before] + LABELS_APART)
    if found:
        # Half of what the lowest was pushed down is given back by all: they stay about their curves.
        over = max(found[at] - wanted[at] for at in order) / 2
        found = [place - over for place in found]
    return found


def _limits(chart: Chart) -> list[str]:
    parts = []
    for limit in chart.limits:
        y = _y(chart, limit.y)
        parts.append(_line(LEFT, y, WIDTH - RIGHT, y, f"chart-limit-{limit.kind}", ' stroke-dasharray="6 3"'))
        parts.append(_text(WIDTH - RIGHT + 3, y + 4, limit.label, "start", f"chart-text-{limit.kind}", SMALL))
    return parts


def _legend(chart: Chart) -> list[str]:
    """The names of two series, each with its sign; one alone is named by the title."""
    if len(chart.series) < 2:
        return []
    parts, x = [], LEFT + 30
    for series in chart.series:
        parts.append(_sign(x, 10, series.second, ""))
        parts.append(_text(x + 9, 14, series.name, "start", size=SMALL))
        x += (WIDTH - LEFT) // 2 - 10
    return parts


def _series(chart: Chart, series: Series) -> list[str]:
    order = "second" if series.second else "first"
    dash = ' stroke-dasharray="5 3"' if series.second else ""
    path = _path(chart, ((point.x, point.y) for point in series.points))
    parts = [
        f'<polyline class="chart-line chart-{order}" points="{path}" fill="none" stroke="currentColor" '
        f'stroke-width="2"{dash}/>'
    ]
    for point in series.points:
        x, y = _x(chart, point.x), _y(chart, point.y)
        if point.odd:
            parts.append(
                f'<circle class="chart-odd" cx="{x:g}" cy="{y:g}" r="7" fill="none" stroke="currentColor" stroke-width="2"/>'
            )
        parts.append(_sign(x, y, series.second, point.text))
    return parts


def _sign(x: float, y: float, second: bool, text: str) -> str:
    told = f"<title>{escape(text)}</title>" if text else ""
    if second:
        return (
            f'<rect class="chart-point chart-second" x="{x - 3.5:g}" y="{y - 3.5:g}" width="7" height="7" fill="none" '
            f'stroke="currentColor" stroke-width="2">{told}</rect>'
        )
    return f'<circle class="chart-point chart-first" cx="{x:g}" cy="{y:g}" r="4" fill="currentColor">{told}</circle>'
