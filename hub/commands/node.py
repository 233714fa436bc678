"""`medtech-hub node`."""

from typing import Any

import click

from hub import fleet
from hub.commands.run import actor, by_command, on_hub
from hub.enrolment import Invitation, Role, invite
from hub.runtime import Hub
from hub.store import nodes


@click.group()
def node() -> None:
    """Nodes: the clinics' servers."""


@node.command("invite")
@click.option("--facility", required=True, help="Facility whose records the node holds.")
@click.option("--role", type=click.Choice(["clinic", "pop"]), default="clinic", show_default=True)
@click.option("--region", help="Region of a point of presence; its facility's if not given.")
@on_hub
async def invite_node(hub: Hub, facility: str, role: Role, region: str | None) -> Invitation:
    """Make a code with which one node can enrol, once. It is shown now and never again."""
    return await invite(hub, facility, role, region, actor())


@node.command("list")
@on_hub
async def list_nodes(hub: Hub) -> list[dict[str, Any]]:
    """All nodes."""
    return [nodes.shown(row) for row in await fleet.list_nodes(hub)]


@node.command("revoke")
@click.argument("node_id", metavar="NODE")
@on_hub
async def revoke(hub: Hub, node_id: str) -> dict[str, Any]:
    """Take a node's credentials back."""
    return nodes.shown(await fleet.change_state(hub, by_command(), node_id, "revoked", "node.revoke"))


@node.command("wipe")
@click.argument("node_id", metavar="NODE")
@on_hub
async def wipe(hub: Hub, node_id: str) -> dict[str, Any]:
    """Mark a node as lost: it gets nothing any more, and is told so. What it holds is not erased from here."""
    return nodes.shown(await fleet.change_state(hub, by_command(), node_id, "wipe", "node.wipe"))
