"""The table of results: on the terminal as they come, and inside docs/BENCHMARKS.md between its two marks."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import psutil
from rich.console import Console

from tests.bench.rows import Row

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "BENCHMARKS.md"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
COLUMNS: Final = ("what", "value", "floor", "ratio", "must", "aim", "verdict")
WIDTHS: Final = (52, 17, 15, 8, 9, 9, 8)
COLOURS: Final = {"aim": "green", "must": "yellow", "misses": "red", "": "default"}


class Machine(msgspec.Struct, frozen=True):
    """What was measured on."""

    processor: str
    processors: int
    memory_gib: int
    system: str
    python: str

    @classmethod
    def here(cls) -> "Machine":
        """This machine."""
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        memory = round(psutil.virtual_memory().total / (1 << 30))
        system = f"{platform.system()} {platform.release().partition('-')[0]}"
        return cls(
            names[0] if names else platform.machine(), os.cpu_count() or 1, memory, system, platform.python_version()
        )


def print_heading(console: Console) -> None:
    """The names of the columns."""
    console.print("".join(name.ljust(width) for name, width in zip(COLUMNS, WIDTHS, strict=True)), style="bold")


def print_row(console: Console, row: Row) -> None:
    """One line, as soon as it is known."""
    text = "".join(cell.ljust(width) for cell, width in zip(_cells(row), WIDTHS, strict=True))
    console.print(text, style=COLOURS[row.verdict], markup=False)
    if row.note:
        console.print(f"    {row.note}", style="dim", markup=False)


def write_document(rows: Sequence[Row], machine: Machine, *, whole: bool) -> None:
    """The table in the document, in the place of the one before. Of what was not measured, unless this is the `whole`, the lines stay."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    measured = [f"| {' | '.join(_cells(row))} | {row.note} |" for row in rows]
    present = [] if whole else [line for line in table.splitlines() if line.startswith("| ")][1:]
    lines = [
        BEGIN,
        "",
        f"{machine.processors} × {machine.processor}, {machine.memory_gib} GiB, {machine.system}, Python {machine.python}.",
        "",
        f"| {' | '.join(COLUMNS)} | |",
        f"|{'---|' * (len(COLUMNS) + 1)}",
        *merged(present, measured),
        "",
        END,
    ]
    DOCUMENT.write_text(before + "\n".join(lines) + after, encoding="utf-8")


def merged(present: Sequence[str], measured: Sequence[str]) -> list[str]:
    """Lines of a table, those that were measured in the place of what they were before. What is new stands behind the last of them."""
    anew = {_what(line): line for line in measured}
    known = {_what(line) for line in present}
    lines = [anew.get(_what(line), line) for line in present]
    last = max((place for place, line in enumerate(present) if _what(line) in anew), default=len(present) - 1)
    return [*lines[: last + 1], *(line for line in measured if _what(line) not in known), *lines[last + 1 :]]


def _what(line: str) -> str:
    return line.split("|")[1].strip()


def _cells(row: Row) -> tuple[str, ...]:
    sign = "≤" if row.better == "less" or row.judged == "ratio" else "≥"
    unit = "×" if row.judged == "ratio" else ""
    _, growing, size = row.name.partition(" at ")
    what = f"{row.work}, at {size}" if growing else row.work
    return (
        what,
        f"{_number(row.value)} {row.unit}",
        f"{_number(row.floor)} {row.unit}" if row.floor is not None else "",
        f"{row.ratio:.2f}×" if row.ratio is not None else "",
        f"{sign} {_number(row.must)}{unit}" if row.must is not None else "",
        f"{sign} {_number(row.aim)}{unit}" if row.aim is not None else "",
        row.verdict,
    )


def _number(value: float) -> str:
    if value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
