"""`medtech-edge import`."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from edge_node.commands.run import Node, author, now_ms, on_node, warn, working
from edge_node.errors import InvalidResource
from edge_node.store.bundles import Item, resources
from edge_node.store.stale import end_reminders


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
    for path in files:
        if not path.is_file():
            raise click.UsageError(f"{path} is no file that can be read twice, as an import has to. Save it to one.")
    started = time.monotonic()
    reading = Reading(files)
    with working("importing") as bar:
        report = node.store.import_resources(reading.items(), author(), now_ms, bar, reading.part)
    end_reminders(node.store, now_ms(), os.urandom)
    if report.quarantined:
        warn(f"{report.quarantined} resources are not valid; they are kept in quarantine with the reason.")
    if report.quarantined and not report.resources:
        raise InvalidResource([], "Nothing could be taken in")
    told: dict[str, Any] = {"resources": report.resources, "seconds": round(time.monotonic() - started, 3)}
    return {**told, "changed": report.changed, "quarantined": report.quarantined}


class Reading:
    """The resources of some files, and how far they are read."""

    def __init__(self, files: tuple[Path, ...]) -> None:
        self._files = files
        self._bytes = sum(path.stat().st_size for path in files) or 1
        self._read = 0

    def items(self) -> Iterator[Item]:
        """All resources, file after file."""
        for path in self._files:
            yield from resources(path, self._count)

    def part(self) -> float:
        """From 0 to 1."""
        return min(1.0, self._read / self._bytes)

    def _count(self, read: int) -> None:
        self._read += read
