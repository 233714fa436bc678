"""What each role may do at the hub: one table, read by handlers, pages and tests. Every endpoint that is not for everybody or for nodes
names its act. That an operator does it in her own region alone is seen to where it is done."""

from collections.abc import Mapping
from typing import Final

from hub.errors import Forbidden
from hub.sessions.visitor import Visitor

OPERATOR: Final = frozenset(
    {
        "own.codes",  # one-time codes of one's own
        "facilities.see",
        "facilities.add",
        "nodes.see",
        "nodes.invite",
        "nodes.revoke",
        "nodes.wipe",
        "people.see",
        "people.add",
        "people.disable",
        "conflicts.see",
        "quarantine.see",
        "quarantine.resolve",
        "stats.see",
        "dashboards.see",
    }
)
ADMIN: Final = OPERATOR | {
    "people.reset-codes",
    "facilities.move",
    "audit.see",
    "export",
    "patients.match",
    "blobs.read",
    "shards.see",
}
POLICY: Final[Mapping[str, frozenset[str]]] = {"admin": ADMIN, "operator": OPERATOR}
"""Role → acts. Who has another role logs in at a clinic."""
GIVEN_BY_OPERATORS: Final = frozenset({"clinician", "midwife", "registrar", "citizen"})
"""Roles that an operator may give, and whose people she may change or disable: nobody makes or unmakes her own kind."""


def may(visitor: Visitor, act: str) -> bool:
    """Whether her role allows it."""
    return act in POLICY.get(visitor.role, frozenset())


def check(visitor: Visitor, act: str) -> None:
    """Raises `Forbidden` when her role does not allow it."""
    if not may(visitor, act):
        raise Forbidden(f"The role {visitor.role} does not include {act}.")


def logs_in_here(role: str, facility: str) -> bool:
    """Whether such a person logs in at the hub: the administrators and operators of the hub, not those of a clinic."""
    return role in POLICY and not facility
