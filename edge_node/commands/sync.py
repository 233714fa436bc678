"""`medtech-edge sync`."""

import os
from functools import partial
from importlib.metadata import version

import click

from edge_node.commands.run import Node, now_ms, on_node, working
from edge_node.pages import agreement
from edge_node.sync.condition import disk_free_percent
from edge_node.sync.exchanging import Progress, Syncing


@click.command("sync")
@on_node()
def command(node: Node) -> Progress:
    """Exchange with the hub until nothing waits on either side. Whatever was exchanged before a failure stays."""
    disk_free = partial(disk_free_percent, node.store.path.parent)
    syncing = Syncing(node.store, now_ms, os.urandom, version("medtech-edge"), disk_free)
    waiting = node.store.status().pending or 1
    try:
        with working("exchanging") as bar:
            progress = syncing.run(lambda done: bar(1 - min(done.pending, waiting) / waiting))
        agreement.note(node.store, progress.digest_equal, now_ms())
        return progress
    finally:
        syncing.close()
