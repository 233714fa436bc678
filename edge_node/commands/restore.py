"""`medtech-edge restore`."""

from pathlib import Path

import click

from edge_node.commands.run import passphrase, settings_from, shared_options, show, working
from edge_node.store import backup


@click.command("restore")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@shared_options
def command(file: Path, data: str | None, config: Path | None, as_json: bool) -> None:
    """Bring a backup back, as a new incarnation: it exchanges with the hub again, and nothing is lost or doubled.

    A database that is in the folder is kept beside it. Stop the server first.
    """
    settings = settings_from(data, config)
    with working("restoring"):
        restored = backup.restore(file.absolute(), Path(settings.data), passphrase(settings))
    show(restored, as_json)
