"""All nodes of the hub, wherever they are: listed, revoked, reported lost."""

from hub.runtime import Hub
from hub.sessions.visitor import Visitor
from hub.store import nodes
from hub.store.audit import note_act
from hub.store.nodes import NodeRow


async def list_nodes(hub: Hub, region: str = "") -> list[NodeRow]:
    """All nodes, or those of a region, in the order they were enrolled."""
    found: list[NodeRow] = []
    for place in hub.shards.within(region):
        async with place.transaction() as connection:
            found += await nodes.list_nodes(connection, region)
    return sorted(found, key=lambda node: (node.enrolled, node.id))


async def change_state(hub: Hub, by: Visitor, node: str, state: str, act: str) -> NodeRow:
    """Revokes a node, or has it wiped; noted in the same transaction. Raises `NotFound`, also for one of another region."""
    place = await hub.shards.with_node(node)
    async with place.transaction() as connection:
        changed = await nodes.set_node_state(connection, node, state, by.region)
        await note_act(connection, by.name, act, node)
    return changed
