"""A node that holds two facilities' scopes keeps apart what only shares an id."""

import json

from edge_node.store import merging
from edge_node.store.store import Store
from sync_protocol import elements
from sync_protocol.register import Stamp
from sync_protocol.resource import Resource
from tests.edge.store.nodes import NOW


def patient(node: int, family: str) -> Resource:
    body = json.dumps({"resourceType": "Patient", "id": "1", "name": [{"family": family}]}).encode()
    stamp = Stamp(node, 1, NOW, NOW, "ama", "clinician")
    return elements.write(None, None, elements.parse(body), "1", stamp)[0]


def test_a_node_that_holds_both_scopes_never_mixes_two_people(store: Store) -> None:
    with store.transaction() as connection:
        for name in ("facility/near", "facility/far"):
            connection.execute("INSERT INTO scope (name, kind, digest) VALUES (?, 'facility', zeroblob(16))", (name,))
        near, far = (row[0] for row in connection.execute("SELECT id FROM scope WHERE kind = 'facility' ORDER BY id"))
        assert merging.merge(connection, [patient(5, "Mensah")], near, NOW).changed == 1
        report = merging.merge(connection, [patient(6, "Okafor")], far, NOW)
    assert (report.changed, report.quarantined) == (0, 1)
    stored = store.read("Patient", "1")
    assert stored is not None
    assert b"Mensah" in (stored.body or b"")
    assert b"Okafor" not in (stored.body or b"")
    (entry,) = store.quarantine()
    assert "two facilities" in (entry.detail or "")
