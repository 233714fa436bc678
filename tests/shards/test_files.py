"""Files and exports of a hub with two shards: a facility that moves takes its files along, and an export has all of both."""

import json
import time
from base64 import b64encode
from hashlib import sha256
from typing import Any

import httpx

from tests.processes.programs import call
from tests.processes.world import Hub
from tests.shards.conftest import NewNode
from tests.shards.databases import Databases
from tests.shards.test_between import admitted, clinics
from tests.shards.test_moving import add_clinics
from tests.sync.nodes import Node, person

__all__ = ["clinics"]
ASKING = {"Prefer": "respond-async", "Accept": "application/fhir+json"}
PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 12_000


def credentials(node: Node) -> dict[str, str]:
    with node.store.transaction() as connection:
        (credential,) = connection.execute("SELECT credential FROM sync").fetchone()
    return {"Authorization": f"Bearer {credential}"}


def announce(hub: Hub, node: Node, content: bytes) -> str:
    said = f"sha256 {b64encode(sha256(content).hexdigest().encode()).decode()}"
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(content)), "Upload-Metadata": said}
    return str(httpx.post(f"{hub.url}/blobs/uploads", headers=credentials(node) | headers).headers["location"])


def send(hub: Hub, node: Node, location: str, at: int, content: bytes) -> int:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream"}
    return httpx.patch(f"{hub.url}{location}", headers=credentials(node) | headers, content=content).status_code


def read(hub: Hub, node: Node, content: bytes) -> httpx.Response:
    return httpx.get(f"{hub.url}/blobs/{sha256(content).hexdigest()}", headers=credentials(node))


def exported(hub: Hub, path: str = "/fhir/$export", **parameters: str) -> dict[str, list[dict[str, Any]]]:
    """Type → resources."""
    admin = {"Authorization": f"Bearer {(hub.data / 'admin.token').read_text().strip()}"}
    begun = httpx.get(f"{hub.url}{path}", headers=ASKING | admin, params=parameters)
    assert begun.status_code == 202, begun.text
    deadline = time.monotonic() + 60
    while (told := httpx.get(begun.headers["content-location"], headers=admin)).status_code == 202:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert told.json()["error"] == []
    found: dict[str, list[dict[str, Any]]] = {}
    for file in told.json()["output"]:
        lines = httpx.get(file["url"], headers=admin).content.splitlines()
        found.setdefault(file["type"], []).extend(json.loads(line) for line in lines)
    return found


def test_a_facility_that_moves_takes_its_files_along_also_half_of_one(
    hub: Hub, databases: Databases, new_node: NewNode
) -> None:
    add_clinics(hub)
    node, other = new_node("a", "w1"), new_node("other", "w2")
    assert send(hub, node, announce(hub, node, b"%PDF-1.7"), 0, b"%PDF-1.7") == 204
    half = announce(hub, node, PICTURE)
    assert send(hub, node, half, 0, PICTURE[:1_500_000]) == 204
    call("medtech-hub", "facility", "move", "w1", "--shard", "2", data=hub.data)
    assert [databases.one("postgres", f"SELECT count(*) FROM {table}") for table in ("blob", "blob_upload")] == [0, 0]
    assert read(hub, node, b"%PDF-1.7").content == b"%PDF-1.7"
    assert send(hub, node, half, 1_500_000, PICTURE[1_500_000:]) == 204
    assert read(hub, node, PICTURE).content == PICTURE
    assert read(hub, other, PICTURE).status_code == 404
    assert databases.one("second", "SELECT count(*) FROM blob") == 2


def test_an_export_has_all_shards_and_each_record_once(hub: Hub, databases: Databases, new_node: NewNode) -> None:
    add_clinics(hub)
    for facility in ("w1", "w2", "e1"):
        node = new_node(facility, facility)
        for number in range(3):
            node.put(f"Patient/{facility}-{number}", **person("Ama"))
        node.sync()
    call("medtech-hub", "facility", "move", "w1", "--shard", "2", data=hub.data)
    patients = [f"{facility}-{number}" for facility in ("e1", "w1", "w2") for number in range(3)]
    found = exported(hub)
    assert sorted(one["id"] for one in found["Patient"]) == patients
    assert len({one["id"] for one in found["Organization"]}) == len(found["Organization"]) == 3
    of_one = exported(hub, "/fhir/Group/w1/$export")
    assert sorted(one["id"] for one in of_one["Patient"]) == patients[3:6]
    regions = {row[0].partition("/")[0] for row in databases.ask("postgres", "SELECT object FROM export_part")}
    assert regions == {"west", "east"}


def test_a_hub_that_is_killed_goes_on_with_an_upload_and_an_export(hub: Hub, new_node: NewNode) -> None:
    add_clinics(hub)
    node = new_node("a", "w1")
    node.put("Patient/p", **person("Ama"))
    node.sync()
    half = announce(hub, node, PICTURE)
    assert send(hub, node, half, 0, PICTURE[:1_500_000]) == 204
    admin = {"Authorization": f"Bearer {(hub.data / 'admin.token').read_text().strip()}"}
    httpx.get(f"{hub.url}/fhir/$export", headers=ASKING | admin)
    hub.server.kill()
    hub.start()
    assert send(hub, node, half, 1_500_000, PICTURE[1_500_000:]) == 204
    assert read(hub, node, PICTURE).content == PICTURE
    assert len(exported(hub)["Patient"]) == 1


def test_her_files_go_with_her_to_another_shard(
    hub: Hub, clinics: tuple[Node, Node], new_node: NewNode, databases: Databases
) -> None:
    one, other = clinics
    presence = new_node("presence", "w1", "pop")
    for content in (PICTURE, b"%PDF-1.7 not hers"):
        assert send(hub, one, announce(hub, one, content), 0, content) == 204
    attachment = {"contentType": "image/jpeg", "url": f"https://hub.example/blobs/{sha256(PICTURE).hexdigest()}"}
    subject = {"reference": "Patient/p"}
    one.put("DocumentReference/d", status="current", subject=subject, content=[{"attachment": attachment}])
    one.sync()
    assert read(hub, other, PICTURE).status_code == 404
    assert admitted(other) == 3
    other.sync()
    assert read(hub, other, PICTURE).content == PICTURE
    assert read(hub, other, b"%PDF-1.7 not hers").status_code == 404
    assert databases.one("second", "SELECT count(*) FROM blob") == 1
    # A point of presence of the first shard holds both clinics.
    theirs = b"%PDF-1.7 of the other clinic"
    assert send(hub, other, announce(hub, other, theirs), 0, theirs) == 204
    assert read(hub, presence, theirs).content == theirs
    assert read(hub, presence, b"%PDF-1.7 nowhere").status_code == 404
