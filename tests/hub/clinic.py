"""A clinic's node as the hub sees it: resources are pushed by real exchanges, without a store of the node's own."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from hub.exchange import exchange
from hub.runtime import Hub
from hub.store.nodes import NodeRow, add_node, find_node
from sync_protocol import bounds, elements, frame
from sync_protocol.exchange.messages import Answer, Push, Request, encode, read_answer
from sync_protocol.register import Stamp
from sync_protocol.resource import Resource


class Clinic:
    """One node of a facility."""

    def __init__(self, hub: Hub, node: NodeRow, now_ms: int) -> None:
        self.hub, self.node, self.now_ms = hub, node, now_ms
        self.incarnation = int.from_bytes(os.urandom(7), "big") | 1
        self.counter = 0
        self.token = b""
        self.held: dict[str, Resource] = {}

    async def push(self, *bodies: Mapping[str, Any], **members: Any) -> Answer:
        """Writes resources and sends them in one exchange. `members`: others of the request."""
        base = self.counter
        parts = [self.write(body) for body in bodies]
        known, self.token = [self.token] if self.token else [], os.urandom(bounds.TOKEN_BYTES)
        asked = Request(
            incarnation=self.incarnation,
            base=base,
            token=self.token,
            known=known,
            push=[Push(base, self.counter, frame.encode(parts))] if parts else [],
            clock_ms=self.now_ms,
            **members,
        )
        return read_answer(await exchange(self.hub.shards.first, self.node, encode(asked), self.now_ms))

    def write(self, body: Mapping[str, Any]) -> Resource:
        name = f"{body['resourceType']}/{body['id']}"
        self.counter += 1
        stamp = Stamp(self.incarnation, self.counter, self.now_ms, self.now_ms, "ama", "midwife")
        before = self.held.get(name)
        parsed = elements.parse(msgspec.json.encode(body))
        after, _ = elements.write(before, before, parsed, str(body["id"]), stamp)
        self.held[name] = after
        return after


async def new_clinic(hub: Hub, facility: str, now_ms: int, *, region: str = "west", name: str = "") -> Clinic:
    """An enrolled node of a facility that is there."""
    name = name or f"n-{facility}"
    row = NodeRow(
        id=name,
        facility=facility,
        role="clinic",
        region=region,
        state="active",
        name="",
        enrolled=datetime.now(UTC),
        last_seen=None,
        clock_offset_ms=None,
        version=None,
        pending=None,
        secret_hash=b"",
        public_key=None,
    )
    async with hub.database.transaction() as connection:
        await add_node(connection, hub.keys, row)
        found = await find_node(connection, name)
    assert found is not None
    return Clinic(hub, found, now_ms)
