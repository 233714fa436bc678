"""`medtech-hub node`."""

from typing import Any

import click

from hub.commands.run import actor, on_hub
from hub.enrolment import Invitation, Role, invite
from hub.runtime import Hub
from hub.store import nodes
from hub.store.audit import note_act


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
    async with hub.database.transaction() as connection:
        return [nodes.shown(row) for row in await nodes.list_nodes(connection)]


@node.command("revoke")
@click.argument("node_id", metavar="NODE")
@on_hub
async def revoke(hub: Hub, node_id: str) -> dict[str, Any]:
    """Take a node's credentials back."""
    return await change_state(hub, node_id, "revoked", "node.revoke")


@node.command("wipe")
@click.argument("node_id", metavar="NODE")
@on_hub
async def wipe(hub: Hub, node_id: str) -> dict[str, Any]:
    """Mark a node as lost: it gets nothing any more, and is told so. What it holds is not erased from here."""
    return await change_state(hub, node_id, "wipe", "node.wipe")


async def change_state(hub: Hub, node_id: str, state: str, act: str) -> dict[str, Any]:
    async with hub.database.transaction() as connection:
        changed = await nodes.set_node_state(connection, node_id, state)
        await note_act(connection, actor(), act, node_id)
    return nodes.shown(changed)
