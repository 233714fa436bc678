"""`medtech-edge digest`."""

from typing import Any

import click

from edge_node.commands.run import Node, on_node, working
from edge_node.errors import CorruptDatabase


@click.command("digest")
@click.option("--rebuild", is_flag=True, help="Compute it from all rows, and compare.")
@on_node()
def command(node: Node, rebuild: bool) -> dict[str, Any]:
    """Tell the digest of each scope: equal digests are equal records."""
    found = node.store.digests()
    if rebuild:
        with working("computing"):
            computed = node.store.digests(rebuild=True)
        if computed != node.store.digests() and computed != found:
            raise CorruptDatabase("The digests that are kept are not those of the rows")
        found = computed
    return {"scopes": [{"scope": name, "digest": value} for name, value in found.items()]}
