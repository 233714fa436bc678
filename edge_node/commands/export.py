"""`medtech-edge export`."""

import sys

import click

from edge_node.commands.run import Node, author, now_ms, on_node


@click.command("export")
@click.option("--type", "type_", metavar="TYPE", help="Only resources of this type.")
@on_node()
def command(node: Node, type_: str | None) -> None:
    """Print all resources as NDJSON, as they are at one moment."""
    node.store.record(author(), now_ms(), "export")
    out = sys.stdout.buffer
    for body in node.store.export(type_):
        out.write(body + b"\n")
    out.flush()
