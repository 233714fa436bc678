"""Who asks for a file or sends one: a node, with its credentials, or a person who has logged in."""

from typing import Any, TypeAlias

from litestar import Request

from hub.api.access import visitor_of
from hub.api.context import Context
from hub.api.sync import only_active
from hub.enrolment import authorised
from hub.places import Place
from hub.sessions import policy
from hub.sessions.visitor import Visitor
from hub.store.nodes import NodeRow

Asker: TypeAlias = tuple[Place, NodeRow] | Visitor
"""A node, with the shard where it is, or a person."""


async def node_of(request: Request[Any, Any, Any], context: Context) -> tuple[Place, NodeRow]:
    """The active node that asks, and the shard where it is. Raises Unauthorised, NodeRevoked, NodeToWipe."""
    place, node = await authorised(context.hub, request.headers.get("authorization", ""))
    only_active(node)
    return place, node


async def permitted_visitor(request: Request[Any, Any, Any], act: str) -> Visitor:
    """The person who asks, if her role includes the act. Raises what `hub.api.access.visitor_of` does, and Forbidden."""
    visitor = await visitor_of(request)
    policy.check(visitor, act)
    return visitor


async def asker_of(request: Request[Any, Any, Any], context: Context, act: str) -> Asker:
    """Either. A node's credentials are `<node>.<secret>`, which no token of a person looks like."""
    token = request.headers.get("authorization", "").partition(" ")[2].strip()
    if token.startswith("n-") and token.count(".") == 1:
        return await node_of(request, context)
    return await permitted_visitor(request, act)
