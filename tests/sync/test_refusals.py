"""What a node hears from a hub that is away, busy, or does not want it; and what it puts aside."""

import os
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from edge_node.errors import HubBusy, HubUnreachable, RevokedNode
from edge_node.store import rows
from edge_node.store.saving import Batch
from edge_node.store.schema import HOME_SCOPE
from sync_protocol import digest, pack
from sync_protocol.exchange.messages import MEDIA_TYPE
from sync_protocol.register import Register, Sibling
from sync_protocol.resource import Resource
from tests.processes.programs import BIN, call, wait_until
from tests.processes.world import Hub, running_hub
from tests.sync.conftest import NewNode
from tests.sync.nodes import Node, given_name, person


def test_a_revoked_node_is_told_so_and_keeps_its_records(hub: Hub, a: Node) -> None:
    a.put("Patient/p", **person("Ama"))
    a.sync()
    hub.administer("DELETE", f"/api/v1/nodes/{a.store.status().node}")
    a.put("Patient/q", **person("Esi"))
    with pytest.raises(RevokedNode):
        a.exchange()
    words = call("medtech-edge", "sync", data=a.folder, expect=1)
    assert "revoked" in words
    assert "Traceback" not in words
    assert a.store.status().pending == 1
    assert given_name(a, "Patient/q") == "Esi"


def test_a_hub_that_is_away_is_the_normal_case(own_hub: Hub, new_node: NewNode) -> None:
    a = new_node("a", own_hub)
    own_hub.relay.cut()
    a.put("Patient/p", **person("Ama"))
    with pytest.raises(HubUnreachable):
        a.exchange()
    words = call("medtech-edge", "sync", data=a.folder, expect=75)
    assert "Traceback" not in words
    assert len(words.splitlines()) == 1
    assert a.store.status().last_error
    a.put("Patient/q", **person("Esi"))
    own_hub.relay.mend()
    assert a.sync().pushed == 2  # the request that failed, again as it was, and what was written since
    assert a.store.status().last_error is None


def test_a_hub_that_is_stopped_in_the_middle_of_an_exchange(own_hub: Hub, new_node: NewNode) -> None:
    """Postgres is held while the hub commits, and both are killed: the same request again is taken once."""
    a = new_node("a", own_hub)
    a.put("Patient/p", **person("Ama"))
    a.sync()
    a.edit("Patient/p", birthDate="1991-01-01")
    own_hub.server.send(signal.SIGSTOP)
    a.syncing.close()
    own_hub.relay.cut()
    with pytest.raises(HubUnreachable):
        a.exchange()
    own_hub.server.send(signal.SIGCONT)
    own_hub.server.kill()
    own_hub.start()
    own_hub.relay.mend()
    assert a.sync().pushed == 1
    assert a.sync().pushed == 0


def test_a_busy_hub_says_when_to_come_again(tmp_path: Path, facility: str) -> None:
    root = tmp_path / "centre"
    root.mkdir()
    with running_hub(root, {"MEDTECH_HUB_EXCHANGES_MAX": "1", "MEDTECH_HUB_RETRY_AFTER_SECONDS": "7"}) as hub:
        a = Node(tmp_path / "a").join(hub.url, hub.invite(facility))
        try:
            a.put("Patient/p", **person("Ama"))
            with a.store.reading() as connection:
                (credential,) = connection.execute("SELECT credential FROM sync").fetchone()
            with socket.create_connection(("127.0.0.1", hub.server.port)) as slow:
                head = f"POST /sync/v1/exchange HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {credential}\r\n"
                slow.sendall(f"{head}Content-Type: {MEDIA_TYPE}\r\nContent-Length: 1000\r\n\r\nx".encode())
                wait_until(lambda: "medtech_hub_exchanges_in_work 1" in metrics(hub), 10, "a place taken")
                with pytest.raises(HubBusy) as told:
                    a.exchange()
                assert "7 s" in str(told.value)
                call("medtech-edge", "sync", data=a.folder, expect=75)
            wait_until(lambda: "medtech_hub_exchanges_in_work 0" in metrics(hub), 10, "the place given back")
            a.sync()
        finally:
            a.close()


def metrics(hub: Hub) -> str:
    with urllib.request.urlopen(f"{hub.server.url}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def test_what_cannot_be_read_is_put_aside_and_blocks_nothing(hub: Hub, a: Node, b: Node) -> None:
    """A value that is not JSON, as a broken program might store it; what is before and behind it arrives."""
    a.put("Patient/before", **person("Ama"))
    a.put("Patient/broken", **person("Esi", birthDate="1990-01-01"))
    a.put("Patient/behind", **person("Efua"))
    spoil(a, "Patient/broken", "birthDate", b'{"birthDate":"1990')
    a.exchange()
    b.exchange()
    assert given_name(b, "Patient/before") == "Ama"
    assert given_name(b, "Patient/behind") == "Efua"
    assert given_name(b, "Patient/broken") == "Esi"  # its other elements can be read
    assert "birthDate" not in b.shown("Patient/broken")
    entries = hub.administer("GET", "/api/v1/quarantine")
    assert any(entry["reason"] == "unreadable" and entry["node"] == a.store.status().node for entry in entries)
    a.put("Patient/next", **person("Akua"))
    assert a.exchange().pending == 0
    b.exchange()
    assert given_name(b, "Patient/next") == "Akua"


def spoil(node: Node, name: str, element: str, value: bytes) -> None:
    """Changes a stored value behind the program's back, and the sums with it."""
    type_, id_ = node.split(name)
    with node.store.transaction() as connection:
        batch = Batch(connection, node.now())
        row = batch.row((type_, id_))
        assert row is not None
        resource = batch.resource(row)
        (sibling,) = resource.elements[element].siblings
        register = Register((Sibling(sibling.stamp, value),), resource.elements[element].context)
        changed = Resource(type_, id_, {**resource.elements, element: register})
        state = pack.pack(changed)
        hash_ = pack.hash_of(type_, id_, state)
        connection.execute(
            "UPDATE resource SET hash = ?, state = ? WHERE key = ?", (hash_, rows.squeeze(state), row.key)
        )
        kept = connection.execute("SELECT digest FROM scope WHERE id = ?", (HOME_SCOPE,)).fetchone()[0]
        total = digest.add(digest.from_bytes(kept), new=hash_, old=row.hash)
        connection.execute("UPDATE scope SET digest = ? WHERE id = ?", (digest.to_bytes(total), HOME_SCOPE))


def test_another_node_of_the_same_number_is_nobody(hub: Hub, a: Node) -> None:
    """A request with a credential that the hub did not give is refused, and changes nothing at the node."""
    a.put("Patient/p", **person("Ama"))
    with a.store.transaction() as connection:
        (credential,) = connection.execute("SELECT credential FROM sync").fetchone()
        forged = credential.partition(".")[0] + "." + os.urandom(16).hex()
        connection.execute("UPDATE sync SET credential = ?", (forged,))
    words = call("medtech-edge", "sync", data=a.folder, expect=1)
    assert "Traceback" not in words
    with a.store.transaction() as connection:
        connection.execute("UPDATE sync SET credential = ?", (credential,))
    a.sync()


def test_what_a_revoked_node_had_not_sent_goes_by_way_of_a_new_folder(
    hub: Hub, a: Node, b: Node, facility: str, tmp_path: Path
) -> None:
    """Export there, import here, enrol: nothing that others wrote meanwhile is written over."""
    a.put("Patient/p", **person("Ama"), birthDate="1990-01-01")
    a.sync()
    hub.administer("DELETE", f"/api/v1/nodes/{a.store.status().node}")
    a.put("Patient/q", **person("Esi"))
    b.sync()
    b.edit("Patient/p", birthDate="1991-01-01")
    b.sync()
    file = tmp_path / "records.ndjson"
    file.write_bytes(
        subprocess.run([BIN / "medtech-edge", "export", "--data", a.folder], capture_output=True, check=True).stdout
    )
    new = Node(tmp_path / "new", a.prefix)
    call("medtech-edge", "import", file, data=new.folder)
    new.join(hub.url, hub.invite(facility))
    new.sync()
    b.sync()
    (open_conflict,) = b.conflicts()
    assert sorted(bytes(value.value or b"") for value in open_conflict.values) == [
        b'{"birthDate":"1990-01-01"}',
        b'{"birthDate":"1991-01-01"}',
    ]
    assert given_name(b, "Patient/q") == "Esi"
    assert given_name(b, "Patient/p") == "Ama"
    new.close()
