"""`medtech-edge backup`."""

from pathlib import Path

import click

from edge_node import keys
from edge_node.commands.run import Node, author, now_ms, on_node, warn, working
from edge_node.keys import KEY_NAME
from edge_node.store import backup
from edge_node.store.backup import Backup


@click.command("backup")
@click.option("--out", metavar="FILE", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The copy.")
@on_node()
def command(node: Node, out: Path) -> Backup:
    """Write an encrypted copy of the database, consistent though others write, and read it again to be sure."""
    with working("copying"):
        written = backup.write(node.store, keys.read_file(node.directory / KEY_NAME), out.absolute())
    node.store.record(author(), now_ms(), "backup")
    if written.key_file is not None:
        warn(f"Keep {written.key_file} apart from the backup: it opens it. {keys.PLAIN_WARNING}")
    return written
