"""`medtech-edge import`."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from edge_node.commands.run import Node, author, now_ms, on_node, warn, working
from edge_node.errors import InvalidResource
from edge_node.store.bundles import Item, resources


@click.command("import")
@click.argument(
    "files",
    metavar="FILE…",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
)
@on_node(create=True)
def command(node: Node, files: tuple[Path, ...]) -> dict[str, Any]:
    """Take in FHIR Bundles of any type, one a file or one a line, or NDJSON of resources; .gz too.

    Ids are kept, and it may be repeated. References `urn:uuid:…` that resolve within a file are rewritten. A resource that is
    not valid is put into quarantine and blocks nothing.
    """
    started = time.monotonic()
    with working("importing") as bar:
        report = node.store.import_resources(_all(files, bar), author(), now_ms)
    if report.quarantined:
        warn(f"{report.quarantined} resources are not valid; they are kept in quarantine with the reason.")
    if report.quarantined and not report.resources:
        raise InvalidResource([], "Nothing could be taken in")
    told: dict[str, Any] = {"resources": report.resources, "seconds": round(time.monotonic() - started, 3)}
    return {**told, "changed": report.changed, "quarantined": report.quarantined}


def _all(files: tuple[Path, ...], bar: Callable[[float], None]) -> Iterator[Item]:
    total = sum(path.stat().st_size for path in files) or 1
    done = 0

    def read(count: int) -> None:
        nonlocal done
        done += count
        bar(done / total)

    for path in files:
        yield from resources(path, read)
