"""`medtech-edge status`."""

import click

from edge_node.commands.run import Node, on_node
from edge_node.store.model import Status


@click.command("status")
@on_node()
def command(node: Node) -> Status:
    """Tell who this node is, what waits for the hub, and what waits for people."""
    return node.store.status()
