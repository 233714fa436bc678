"""Enrolment: a code, spoken over the telephone, becomes this node's credential."""

import base64
from typing import Any

import msgspec

from edge_node.errors import AlreadyEnrolled, HubRefused, NotEnrolled
from edge_node.store.schema import HOME_SCOPE
from edge_node.store.store import Store
from edge_node.sync.link import Link, decoded
from sync_protocol import digest

NAME = "node_name"
"""Where the name that people gave this node stands in `meta`."""


def enroll(store: Store, hub: str, code: str, name: str = "") -> dict[str, Any]:
    """Show the code to the hub and keep what it gives. What this node holds becomes its facility's.

    Raises AlreadyEnrolled, HubRefused (a wrong, used or expired code) or HubUnreachable.
    """
    if store.status().hub is not None:
        raise AlreadyEnrolled()
    link = Link(hub, "")
    try:
        asked = link.ask("/sync/v1/enroll", msgspec.json.encode({"code": code, "name": name}), "application/json")
    finally:
        link.close()
    answer = decoded(asked.body)
    try:
        keep(store, hub.rstrip("/"), answer, name)
    except (KeyError, TypeError, ValueError) as error:
        raise HubRefused("The answer is not a hub's") from error
    return {"node": answer["node"], "facility": answer["facility"], "region": answer["region"], "hub": hub.rstrip("/")}


def hub_of(store: Store) -> tuple[str, str]:
    """The hub's address, and this node's credential there. Raises NotEnrolled."""
    with store.reading() as connection:
        hub, credential = connection.execute("SELECT hub, credential FROM sync").fetchone()
    if hub is None:
        raise NotEnrolled()
    return hub, credential


def keep(store: Store, hub: str, answer: dict[str, Any], name: str = "") -> None:
    """Write down who this node now is, in one transaction."""
    credential = f"{answer['node']}.{answer['secret']}"
    hub_key = base64.b64decode(answer["hub"]["x25519"])
    home = f"facility/{answer['facility']}"
    with store.transaction() as connection:
        if connection.execute("SELECT hub IS NOT NULL FROM sync").fetchone()[0]:
            raise AlreadyEnrolled()
        connection.execute(
            "UPDATE sync SET node = ?, hub = ?, credential = ?, hub_key = ?, facility = ?, region = ?",
            (answer["node"], hub, credential, hub_key, answer["facility"], answer["region"]),
        )
        connection.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (NAME, name.encode()),
        )
        connection.execute("UPDATE scope SET name = ?, kind = 'facility' WHERE id = ?", (home, HOME_SCOPE))
        for scope in answer["scopes"]:
            connection.execute(
                "INSERT INTO scope (name, kind, digest) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
                (scope["scope"], scope["kind"], digest.to_bytes(digest.EMPTY)),
            )
