"""Charts as SVG inside a page: geometry only, told by shape and pattern and not by colour alone, without script or style.

Colours come from the classes of console.css, in light, dark and print. Each is one picture for a screen reader; its numbers are in the
table beside it.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

from markupsafe import Markup
from msgspec import Struct

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 48, 8, 16, 40
LETTER: Final = 7
"""About how wide a letter is."""
SIGN: Final = 10
"""The side of a sign on the map, with the space around it."""
COLUMNS: Final = ((60, 15), (400, 25), (2_500, 50))
"""(Up to so many signs, so many of them in a row.)"""
COLUMNS_MAX: Final = 80


class Bars(Struct, frozen=True):
    """One series: a bar for each label."""

    name: str
    values: tuple[int, ...]


def bars(ident: str, title: str, description: str, labels: Sequence[str], series: Sequence[Bars]) -> Markup:
    """Bars by label, those of several series on top of each other. `ident` is unique in the page."""
    totals = [sum(one.values[at] for one in series) for at in range(len(labels))]
    top = ceiling(max(totals, default=0))
    parts = [
        _open(ident, title, description, WIDTH, HEIGHT),
        *_fills(ident, len(series)),
        *_grid(top),
        *_labels(labels),
    ]
    room = (WIDTH - LEFT - RIGHT) / max(len(labels), 1)
    for at in range(len(labels)):
        base = 0
        for place, one in enumerate(series):
            value = one.values[at]
            if value:
                low, high = _y(base, top), _y(base + value, top)
                told = f"{labels[at]}, {one.name}: {value:,}" if len(series) > 1 else f"{labels[at]}: {value:,}"
                left = LEFT + room * (at + 0.12)
                parts.append(
                    f'<rect class="bar" fill="url(#{ident}-f{place})" x="{left:.1f}" y="{high:.1f}" width="{room * 0.76:.1f}" '
                    f'height="{max(low - high, 1):.1f}"><title>{escape(told)}</title></rect>'
                )
            base += value
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 -- every text in it is escaped.


_HATCHES: Final = (
    "",
    '<path class="hatch" d="M0 6 6 0"/>',
    '<path class="hatch" d="M0 3H6"/>',
    '<path class="hatch" d="M3 0V6"/>',
    '<circle class="dot" cx="3" cy="3" r="1.3"/>',
    '<path class="hatch" d="M0 0 6 6"/>',
)
"""What tells one series from another besides its colour."""


def _fills(ident: str, count: int) -> list[str]:
    patterns = [
        f'<pattern id="{ident}-f{place}" width="6" height="6" patternUnits="userSpaceOnUse"><rect class="bar-{place}" width="6" '
        f'height="6"/>{_HATCHES[place]}</pattern>'
        for place in range(count)
    ]
    return ["<defs>", *patterns, "</defs>"]


def keys(ident: str, series: Sequence[Bars]) -> tuple[tuple[Markup, str], ...]:
    """The signs and names of several series; one alone is named by the title."""
    if len(series) < 2:
        return ()
    return tuple(
        (
            Markup(  # noqa: S704 -- from the tables above.
                f'<svg viewBox="0 0 12 12" aria-hidden="true" focusable="false"><rect fill="url(#{ident}-f{place})" '
                'width="12" height="12"/></svg>'
            ),
            one.name,
        )
        for place, one in enumerate(series)
    )


def ceiling(value: int) -> int:
    """The next round number: 1, 2 or 5 and zeros, at least 4, so that its quarters are whole where they can be."""
    size = 1
    while True:
        for step in (4, 8, 20, 40):
            if step * size >= value:
                return step * size
        size *= 10


def _grid(top: int) -> list[str]:
    parts = []
    for quarter in range(5):
        value = top * quarter // 4
        y = _y(value, top)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<text class="mark" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{short(value)}</text>')
    return parts


def _labels(labels: Sequence[str]) -> list[str]:
    """Under the bars, as many as have room."""
    room = (WIDTH - LEFT - RIGHT) / max(len(labels), 1)
    longest = max((len(label) for label in labels), default=1) * LETTER + 8
    every = max(1, round(longest / room + 0.49))
    return [
        f'<text class="mark" x="{LEFT + room * (at + 0.5):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{escape(label)}</text>'
        for at, label in enumerate(labels)
        if at % every == 0
    ]


def short(value: int) -> str:
    """A number that has to be narrow."""
    for size, sign in ((1_000_000, "M"), (10_000, "k")):
        if value >= size:
            unit = 1_000 if sign == "k" else size
            return f"{value / unit:g}{sign}"
    return f"{value:,}"


def _y(value: int, top: int) -> float:
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)


def _open(ident: str, title: str, description: str, width: int, height: int) -> str:
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {width} {height}" aria-labelledby="{ident}-t {ident}-d" '
        f'xmlns="http://www.w3.org/2000/svg"><title id="{ident}-t">{escape(title)}</title>'
        f'<desc id="{ident}-d">{escape(description)}</desc>'
    )


def field(ident: str, title: str, counts: Sequence[tuple[int, int]]) -> Markup:
    """A field of signs, one for each facility, `(how it is, how many)` one after the other: drawn as a few rectangles filled with a
    pattern of that sign, so that ten thousand facilities are no larger than ten. Every way to be has a shape of its own."""
    total = sum(count for _, count in counts)
    columns = next((across for most, across in COLUMNS if total <= most), COLUMNS_MAX)
    rows = max(-(-total // columns), 1)
    words = ", ".join(f"{count:,} × {kind}" for kind, count in counts if count)
    parts = [
        _open(ident, title, words, columns * SIGN, rows * SIGN).replace('class="chart"', 'class="field"'),
        "<defs>",
    ]
    parts += [_pattern(ident, kind) for kind, count in counts if count]
    parts.append("</defs>")
    begin = 0
    for kind, count in counts:
        parts += [
            f'<rect fill="url(#{ident}-p{kind})" x="{x * SIGN}" y="{y * SIGN}" width="{width * SIGN}" height="{height * SIGN}"/>'
            for x, y, width, height in blocks(begin, count, columns)
        ]
        begin += count
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 -- numbers and an escaped title.


def blocks(begin: int, count: int, columns: int) -> list[tuple[int, int, int, int]]:
    """The places `begin` to `begin + count` of a field of so many columns, read row by row: at most three rectangles `(x, y, width,
    height)`."""
    found = []
    while count > 0:
        x, y = begin % columns, begin // columns
        if x == 0 and count >= columns:
            width, height = columns, count // columns
        else:
            width, height = min(count, columns - x), 1
        found.append((x, y, width, height))
        begin, count = begin + width * height, count - width * height
    return found


_SHAPES: Final = (
    '<rect class="sign sign-good" x="3.5" y="3.5" width="3" height="3"/>',
    '<rect class="sign sign-warn" x="2" y="2" width="6" height="6" fill-opacity="0.45"/>',
    '<path class="sign sign-warn" d="M5 1.2 9 8.5H1z"/>',
    '<path class="sign sign-warn" d="M5 1 9 5 5 9 1 5z"/>',
    '<rect class="sign sign-bad" x="1.5" y="1.5" width="7" height="7"/>',
    '<path class="sign-line sign-bad" d="M2 2 8 8M8 2 2 8"/>',
    '<circle class="sign sign-bad" cx="5" cy="5" r="4"/>',
    '<circle class="sign-line sign-none" cx="5" cy="5" r="2.5"/>',
)
"""By `hub.store.overview.HEALTH`; the last one: no node works there."""
NO_NODE: Final = len(_SHAPES) - 1


def _pattern(ident: str, kind: int) -> str:
    return f'<pattern id="{ident}-p{kind}" width="{SIGN}" height="{SIGN}" patternUnits="userSpaceOnUse">{_SHAPES[kind]}</pattern>'


def sign(kind: int) -> Markup:
    """One sign, for the legend."""
    return Markup(  # noqa: S704 -- from the table above.
        f'<svg class="legend-sign" viewBox="0 0 {SIGN} {SIGN}" aria-hidden="true" focusable="false">{_SHAPES[kind]}</svg>'
    )
