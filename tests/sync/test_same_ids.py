"""Two facilities number their patients from 1: neither ever sees or changes the other's."""

import json

import pytest

from edge_node.store.model import Write
from tests.processes.world import Hub
from tests.sync.nodes import AMA, Node, now_ms


@pytest.fixture
def ids(facility: str) -> str:
    """Goes before the ids of this test, at a hub that tests share."""
    return f"{facility}same-"


def put(node: Node, id_: str, family: str) -> None:
    body = json.dumps({"resourceType": "Patient", "id": id_, "name": [{"family": family}]}).encode()
    node.store.write([Write("Patient", id_, body)], AMA, now_ms())


def family(node: Node, id_: str) -> str:
    stored = node.store.read("Patient", id_)
    assert stored is not None
    assert stored.body is not None
    return str(json.loads(stored.body)["name"][0]["family"])


def test_both_keep_their_own_and_both_are_safe_at_the_hub(hub: Hub, a: Node, b: Node, facility: str, ids: str) -> None:
    far = Node(a.folder.parent / "far")
    further = Node(a.folder.parent / "further")
    try:
        far.join(hub.url, hub.invite(f"{facility}-far"))
        further.join(hub.url, hub.invite(f"{facility}-far"))
        for number in range(3):
            put(a, f"{ids}{number}", f"Mensah{number}")
            put(far, f"{ids}{number}", f"Okafor{number}")
        for node in (a, far, b, further):
            node.sync()
        put(b, f"{ids}1", "Boateng")
        put(further, f"{ids}1", "Adeyemi")
        for _ in range(2):
            for node in (b, further, a, far):
                node.sync()
        assert [family(node, f"{ids}1") for node in (a, b, far, further)] == [
            "Boateng",
            "Boateng",
            "Adeyemi",
            "Adeyemi",
        ]
        assert [family(node, f"{ids}2") for node in (a, b, far, further)] == [
            "Mensah2",
            "Mensah2",
            "Okafor2",
            "Okafor2",
        ]
        assert a.digest == b.digest
        assert far.digest == further.digest
        assert not any(node.conflicts() for node in (a, b, far, further))
        assert not any(node.store.status().quarantine for node in (a, b, far, further))
    finally:
        far.close()
        further.close()
