"""`medtech-edge rotate-key`."""

import os
from pathlib import Path
from typing import Any

import click
import msgspec

from edge_node import keys
from edge_node.commands.run import opened, passphrase, settings_from, shared_options, show, warn
from edge_node.keys import KEY_NAME, PLAIN_WARNING


@click.command("rotate-key")
@click.option(
    "--old-passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The passphrase that it was wrapped under till now, if there was one.",
)
@shared_options
def command(old_passphrase_file: Path | None, data: str | None, config: Path | None, as_json: bool) -> None:
    """Wrap the database's key under the passphrase that is set now. It may be done while a server runs.

    A key that lay in plain text beside the database is protected from then on.
    """
    settings = settings_from(data, config)
    before = settings
    if old_passphrase_file is not None:
        before = msgspec.structs.replace(settings, passphrase_file=str(old_passphrase_file))
    with opened(before) as node:
        secret = passphrase(settings)
        keys.write_file(node.directory / KEY_NAME, keys.keep(node.key.raw, secret, os.urandom), replace=True)
    if secret is None:
        warn(PLAIN_WARNING)
    result: dict[str, Any] = {"rotated": True, "passphrase": secret is not None}
    show(result, as_json)
