"""Arriving from elsewhere with a real hub: found over HTTP, admitted on the clinic's pages, referred; and the hub away."""

import json
import re
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import httpx
import pytest

from edge_node.api.app import make_app
from edge_node.errors import AskedTooOften, FoundTooLongAgo, HubUnreachable, NotEnrolled, TooLittleKnown
from edge_node.pages.routes import make_pages
from edge_node.store import referrals
from edge_node.sync import admission
from edge_node.sync.background import apart
from sync_protocol.exchange.finding import Candidate, Find
from sync_protocol.referral import PATIENT_REFERRAL, SNOMED
from tests.edge.running import running
from tests.processes.world import Hub
from tests.sync.conftest import NewNode
from tests.sync.nodes import AMA, Node

PASSWORD = "correct horse battery staple 9!"


class Two:
    """Two clinics of one region, and whom the first one knows, under a name and with a birth date that only this test uses."""

    def __init__(self, home: Node, other: Node, facility: str) -> None:
        self.home, self.other = home, other
        self.facility, self.other_facility = facility, f"{facility}-x"
        self.family = "Okafor" + "".join("bcdfghjkmnpqrstv"[int(digit, 16)] for digit in facility[1:6])
        self.year, self.month, self.day = (
            1930 + int(facility[1:3], 16) % 70,
            2 + int(facility[3:5], 16) % 10,
            2 + int(facility[5:7], 16) % 26,
        )
        self.born = f"{self.year}-{self.month:02}-{self.day:02}"
        self.subject = {"reference": f"Patient/{home.prefix}p"}

    def person(self) -> dict[str, Any]:
        name = [{"family": self.family, "given": ["Adaeze"]}]
        return {"name": name, "gender": "female", "birthDate": self.born, "address": [{"city": "Kétou"}]}

    def asked(self, **more: Any) -> Find:
        return Find(AMA.user, AMA.role, names=f"{self.family} Adaeze", born=self.born, **more)

    def found(self) -> Candidate:
        (one,) = admission.find(self.other.store, self.asked(), self.other.now()).candidates
        return one

    def refer(self, **more: Any) -> None:
        category = [{"coding": [{"system": SNOMED, "code": PATIENT_REFERRAL}]}]
        to = [{"reference": f"Organization/{self.other_facility}"}]
        said = {"intent": "order", "status": "active", "category": category, "performer": to, "subject": self.subject}
        self.home.put("ServiceRequest/r", **{**said, "authoredOn": "2026-03-01T08:00:00Z", **more})


@pytest.fixture
def two(a: Node, new_node: NewNode, facility: str, hub: Hub, tmp_path: Any, stack: Any) -> Two:
    other = Node(tmp_path / "other", a.prefix)
    stack.callback(lambda: other.close())
    other.join(hub.url, hub.invite(f"{facility}-x", "Kétou health post"))
    clinics = Two(a, other, facility)
    a.put("Patient/p", **clinics.person())
    a.put("Observation/o", status="final", code={"text": "Hb"}, subject=clinics.subject)
    a.sync()
    other.sync()
    return clinics


def until(node: Node, name: str, *, here: bool) -> None:
    """Syncs until something is here or gone: the hub carries a referral out after it has answered."""
    for _ in range(100):
        node.sync()
        if node.is_gone(name) is not here:
            return
        time.sleep(0.05)
    raise AssertionError(f"{name} is {'not here' if here else 'still here'}")


def test_she_is_found_and_admitted_with_her_record(two: Two) -> None:
    found = two.found()
    assert (found.name, found.village, found.facility) == (f"Adaeze {two.family}", "Kétou", two.facility)
    admitted = admission.admit(two.other.store, found.token, AMA, "here", two.other.now())
    assert (admitted.resources, admitted.source) == (2, two.facility)
    two.other.sync()
    assert two.other.shown("Patient/p")["name"] == two.person()["name"]
    assert two.other.shown("Observation/o")["code"] == {"text": "Hb"}
    two.home.sync()
    assert two.home.is_gone("Patient/p")
    again = admission.admit(two.other.store, found.token, AMA, "here", two.other.now())
    assert again.resources == 0


def test_both_stand_in_the_audit_without_her_name(two: Two) -> None:
    found = two.found()
    admission.admit(two.other.store, found.token, AMA, "moved", two.other.now())
    entries = two.other.store.audit()[:2]
    assert [(entry.user, entry.action) for entry in entries] == [("ama", "admit"), ("ama", "find-elsewhere")]
    assert [json.loads(entry.detail or "") for entry in entries] == [
        {"reason": "moved", "resources": 2},
        {"found": 1},
    ]


def test_what_the_hub_refuses_has_a_name_here(two: Two, hub: Hub) -> None:
    with pytest.raises(TooLittleKnown):
        admission.find(two.other.store, Find("ama", "midwife", names="Adaeze"), two.other.now())
    with pytest.raises(FoundTooLongAgo):
        admission.admit(two.other.store, b"x" * 40, AMA, "here", two.other.now())
    for _ in range(60):
        two.found()
    with pytest.raises(AskedTooOften):
        two.found()


def test_without_a_hub_or_a_link_it_is_said(new_node: NewNode, two: Two, tmp_path: Any) -> None:
    alone = Node(tmp_path / "alone")
    with pytest.raises(NotEnrolled):
        admission.find(alone.store, two.asked(), alone.now())
    with alone.store.transaction() as connection:
        connection.execute("UPDATE sync SET hub = 'http://127.0.0.1:9', credential = 'n.s'")
    with pytest.raises(HubUnreachable):
        admission.find(alone.store, two.asked(), alone.now())
    assert alone.store.audit() == []
    alone.close()


def test_a_referral_brings_her_to_the_other_clinic_and_on_both_lists(two: Two) -> None:
    two.refer(priority="urgent", reasonCode=[{"text": "Severe headache"}], requester={"display": "Ama"})
    (waiting,) = referrals.sent_away(two.home.store)
    assert (waiting.state, waiting.name, waiting.facility) == ("waiting", f"Adaeze {two.family}", "Kétou health post")
    two.home.sync()
    until(two.other, "Patient/p", here=True)
    (here,) = referrals.referred_here(two.other.store)
    assert (here.patient, here.by, here.priority, here.reason) == (
        two.home.prefix + "p",
        "Ama",
        "urgent",
        "Severe headache",
    )
    assert referrals.sent_away(two.other.store) == []
    until(two.home, "Patient/p", here=False)
    (underway,) = referrals.sent_away(two.home.store)
    assert (underway.state, underway.name, underway.patient) == ("underway", f"Adaeze {two.family}", "")
    assert underway.facility == "Kétou health post"
    two.other.edit("ServiceRequest/r", status="completed")
    two.other.sync()
    assert referrals.referred_here(two.other.store) == []
    for _ in range(100):
        two.home.sync()
        if not referrals.sent_away(two.home.store):
            break
        time.sleep(0.05)
    assert referrals.sent_away(two.home.store) == []


def test_a_referral_that_leads_nowhere_stays_on_the_list_with_the_reason(two: Two) -> None:
    two.refer(performer=[{"reference": "Organization/nowhere"}])
    for _ in range(100):
        two.home.sync()
        (sent,) = referrals.sent_away(two.home.store)
        if sent.state == "left":
            break
        time.sleep(0.05)
    assert (sent.state, sent.why, sent.patient) == ("left", "no-such-facility", two.home.prefix + "p")


def test_a_node_knows_the_facilities_of_its_region_offline(two: Two) -> None:
    known = {facility.id: facility.name for facility in referrals.facilities(two.home.store)}
    assert known[two.other_facility] == "Kétou health post"
    assert two.facility in known
    assert referrals.own_facility(two.home.store) == two.facility


def test_who_was_registered_without_a_link_is_joined_later(two: Two) -> None:
    """The clinic registers her again, offline; when her record comes, both are there, and are seen to be one person."""
    registered = {**two.person(), "birthDate": str(two.year), "name": [{"text": f"Adaese {two.family}"}]}
    two.other.put("Patient/again", **registered)
    admission.admit(two.other.store, two.found().token, AMA, "here", two.other.now())
    two.other.sync()
    both = [two.other.shown(f"Patient/{id_}") for id_ in ("p", "again")]
    (likely,) = two.other.store.similar(both[1])
    assert likely.patient.id == two.home.prefix + "p"
    assert likely.score.grade in ("certain", "probable")


# --- the pages --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def pages(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    """The pages of a clinic's server, with a clinician who is logged in."""
    node.store.users.add("ama", "clinician", PASSWORD, node.now())

    async def sync() -> Any:
        return await apart(node.syncing.run)

    with running(make_app(node.store, node.now, sync=sync, pages=make_pages(sync))) as app:
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        headers = {"accept": "text/html", "origin": "http://clinic.test"}
        async with httpx.AsyncClient(transport=transport, base_url="http://clinic.test", headers=headers) as client:
            await client.post("/login", data={"username": "ama", "password": PASSWORD, "next": "/"})
            yield client


async def test_from_an_empty_search_to_her_page(two: Two) -> None:
    async with pages(two.other) as client:
        answer = await client.post("/", data={"find": f"{two.family} Adaeze"})
        empty = await client.get(answer.headers["location"])
        (link,) = re.findall(r'href="(/elsewhere\?at=[^"]+)"', empty.text)
        form = await client.get(link)
        assert f'value="{two.family} Adaeze"' in form.text
        sent = {
            "names": f"{two.family} Adaeze",
            "birth.year": str(two.year),
            "birth.month": str(two.month),
            "birth.day": str(two.day),
        }
        found = await client.post("/elsewhere", data=sent)
        assert f"Adaeze {two.family}" in found.text
        assert f"Patient of {two.facility}" in found.text
        assert "same birth date" in found.text
        (token,) = re.findall(r'name="token" value="([^"]+)"', found.text)
        admitted = await client.post("/elsewhere/admit", data={"token": token, "reason": "referral"})
        assert admitted.headers["location"] == f"/patients/{two.home.prefix}p"
        page = await client.get(admitted.headers["location"])
        assert "her record is here" in page.text
        again = await client.post("/elsewhere", data=sent)
        assert "open her record" in again.text


async def test_too_little_is_asked_back_and_an_absent_hub_is_told_kindly(two: Two) -> None:
    async with pages(two.other) as client:
        little = await client.post("/elsewhere", data={"names": "Adaeze"})
        assert (little.status_code, "More has to be known about her" in little.text) == (422, True)
        with two.other.store.transaction() as connection:
            connection.execute("UPDATE sync SET hub = 'http://127.0.0.1:9'")
        absent = await client.post("/elsewhere", data={"names": f"Adaeze {two.family}", "village": "Kétou"})
        assert "That is usual when there is no network" in absent.text
        assert f'value="Adaeze {two.family}"' in absent.text
        assert (await client.post("/elsewhere/admit", data={"token": "é", "reason": "here"})).status_code == 400
        assert (await client.post("/elsewhere/admit", data={"token": "AAAA", "reason": "no"})).status_code == 400


def bring_file(node: Node, hub: Hub, content: bytes) -> str:
    """A file, sent as tus says with the node's own credentials. Returns its SHA-256."""
    digest = sha256(content).hexdigest()
    headers = {"Authorization": f"Bearer {credential(node)}", "Tus-Resumable": "1.0.0"}
    said = {"Upload-Length": str(len(content)), "Upload-Metadata": f"sha256 {b64encode(digest.encode()).decode()}"}
    location = httpx.post(f"{hub.url}/blobs/uploads", headers=headers | said).headers["location"]
    chunk = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    assert httpx.patch(f"{hub.url}{location}", headers=headers | chunk, content=content).status_code == 204
    return digest


def file_status(node: Node, hub: Hub, digest: str) -> int:
    return httpx.head(f"{hub.url}/blobs/{digest}", headers={"Authorization": f"Bearer {credential(node)}"}).status_code


def credential(node: Node) -> str:
    with node.store.transaction() as connection:
        return str(connection.execute("SELECT credential FROM sync").fetchone()[0])


def document(two: Two, digest: str) -> dict[str, Any]:
    attachment = {"contentType": "application/pdf", "url": f"https://hub.example/blobs/{digest}"}
    return {"status": "current", "subject": two.subject, "content": [{"attachment": attachment}]}


def test_her_files_go_with_her_and_so_do_those_of_late_edits(two: Two, hub: Hub) -> None:
    early, late, other = (bring_file(two.home, hub, b"%PDF-1.7 " + name.encode()) for name in ("early", "late", "x"))
    two.home.put("DocumentReference/early", **document(two, early))
    two.home.sync()
    assert [file_status(two.other, hub, digest) for digest in (early, late, other)] == [404, 404, 404]
    admission.admit(two.other.store, two.found().token, AMA, "here", two.other.now())
    two.home.put("DocumentReference/late", **document(two, late))
    two.other.sync()
    two.other.put("DocumentReference/guessed", **document(two, other))
    two.other.sync()
    two.home.exchange()
    assert [file_status(two.other, hub, digest) for digest in (early, late, other)] == [200, 200, 404]
