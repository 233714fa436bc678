"""Indexes of tables that are in use: by scope, for keys that are exchanged, and for what the console asks."""

from hub.migrations.concurrently import build

revision = "0010"
down_revision = "0009"

INDEXES = {
    "parked_of_scope": "parked (scope, id)",
    "quarantine_of_scope": "quarantine (scope, id)",
    "quarantine_node": "quarantine (node, id) WHERE resolved IS NULL",
    "quarantine_scope": "quarantine (scope) WHERE resolved IS NULL",
    "conflict_scope": "conflict (scope)",
    "audit_actor": "audit (actor, at)",
    "audit_action": "audit (action text_pattern_ops, at)",
    "audit_object": "audit (object, at)",
    "audit_at": "audit (at, id)",
    "node_facility": "node (facility)",
    "facility_region": "facility (region, id)",
}


def upgrade() -> None:
    build(INDEXES)
