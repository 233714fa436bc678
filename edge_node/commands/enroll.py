"""`medtech-edge enroll`."""

import platform
from typing import Any

import click

from edge_node.commands.run import Node, on_node
from edge_node.sync.enrolment import enroll


@click.command("enroll")
@click.option("--hub", metavar="URL", required=True, help="The hub's address.")
@click.option("--code", required=True, help="The code that the hub's administrator gave; it works once.")
@click.option("--name", default="", help="This node's name, for people; the machine's if not given.")
@on_node(create=True)
def command(node: Node, hub: str, code: str, name: str) -> dict[str, Any]:
    """Join a hub. What this node holds already becomes its facility's."""
    return enroll(node.store, hub, code, name or platform.node())
