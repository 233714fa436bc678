"""`make bench`: measures, prints the table as it goes, keeps it as JSON, and writes it into docs/BENCHMARKS.md."""

import os
from importlib import import_module
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console

from tests.bench.report import Machine, print_heading, print_row, write_document
from tests.bench.rows import Measure, Options, Row

MEASUREMENTS: Final = (
    *(
        "writing",
        "importing",
        "first_sync",
        "edits",
        "small_exchanges",
        "ingest",
        "serving",
        "finding",
        "scale",
        "large_clinic",
        "bad_link",
        "console",
        "login",
        "two_shards",
    ),
)
RESULTS: Final = Path(__file__).with_name("results")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(MEASUREMENTS))
@click.option(
    "--runs", default=3, show_default=True, type=click.IntRange(1, 50), help="Runs of each; the median counts."
)
@click.option(
    "--sizes", default="1000,10000,100000", show_default=True, help="Resources stored, for the rows of growth."
)
@click.option(
    "--stored", default="10000,1000000,10000000", show_default=True, help="Resources stored at a hub, for ingest."
)
@click.option("--document/--no-document", default=True, help="Whether to write the table into docs/BENCHMARKS.md.")
def main(names: tuple[str, ...], runs: int, sizes: str, stored: str, document: bool) -> None:
    """Measure all, or the NAMES given."""
    options = Options(runs, *(tuple(int(size) for size in given.split(",")) for given in (sizes, stored)))
    console = Console(width=None if os.isatty(1) else 150, highlight=False)
    print_heading(console)
    found: dict[str, list[Row]] = {}
    for name in names or MEASUREMENTS:
        measure: Measure = import_module(f"tests.bench.{name}").measure
        found[name] = list(measure(options))
        for row in found[name]:
            print_row(console, row)
        _keep(name, found[name])
    if document:
        write_document(_kept(), Machine.here(), whole=not names)


def _keep(name: str, rows: list[Row]) -> None:
    """What was measured, as JSON, with what is judged of it."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / ".gitignore").write_text("*\n")
    told = [{**msgspec.structs.asdict(row), "ratio": row.ratio, "verdict": row.verdict} for row in rows]
    (RESULTS / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1))


def _kept() -> list[Row]:
    """The last results of every measurement, those of earlier runs too."""
    files = [RESULTS / f"{name}.json" for name in MEASUREMENTS]
    return [row for file in files if file.exists() for row in msgspec.json.decode(file.read_bytes(), type=list[Row])]


if __name__ == "__main__":
    main()
