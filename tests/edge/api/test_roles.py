"""What each role sees, writes and does over FHIR, generated from the one table: every role, every interaction, every kind of type."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from edge_node.api.app import Parts
from edge_node.api.door import Door
from edge_node.api.events import is_for
from edge_node.api.feed import Change, Many
from edge_node.api.sight import sight_of
from edge_node.fhir.definitions import CONTRACT_TYPES
from edge_node.roles import ACTS, KINDS, RECORDS, REMINDER_CONSENT, ROLES, TABLE, TYPES, Kind, kind_of, rights_of
from edge_node.store.model import Author, Write
from edge_node.store.store import Store
from sync_protocol import passwords
from tests.edge.api.conftest import FHIR, PASSWORD, START_MS

HER = {"reference": "Patient/p-2"}
CATEGORY = [{"coding": [{"system": REMINDER_CONSENT[0], "code": REMINDER_CONSENT[1]}]}]
SAMPLES: dict[Kind, dict[str, Any]] = {
    "demographics": {"resourceType": "Patient", "name": [{"family": "Owusu"}]},
    "scheduling": {
        "resourceType": "Appointment",
        "status": "booked",
        "participant": [{"status": "accepted", "actor": HER}],
    },
    "clinical": {"resourceType": "Observation", "status": "final", "code": {"text": "Hb"}, "subject": HER},
    "immunisation": {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": {"text": "BCG"},
        "patient": HER,
        "occurrenceString": "at birth",
    },
    "reminders": {"resourceType": "CommunicationRequest", "status": "active", "subject": HER},
    "consent": {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"text": "reminders"},
        "category": CATEGORY,
        "patient": HER,
    },
    "directory": {"resourceType": "Organization", "name": "Aburi"},
    "definitions": {"resourceType": "Questionnaire", "status": "active"},
    "reports": {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "individual",
        "measure": "urn:example:anc",
        "subject": HER,
        "period": {"start": "2025-01-01"},
    },
}
"""One resource of each kind that people write, of the patient p-2; a citizen is p-1."""

Asked = tuple[str, str, bytes, dict[str, str]]


def text(resource: dict[str, Any], id_: str) -> bytes:
    return json.dumps({**resource, "id": id_}).encode()


def sample(kind: Kind, her: str = "Patient/p-2") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(SAMPLES[kind]).replace("Patient/p-2", her))
    return found


def name_of(kind: Kind) -> str:
    type_ = SAMPLES[kind]["resourceType"] if kind != "audit" else "AuditEvent"
    return f"{type_}/{'p-2' if type_ == 'Patient' else '1' if kind == 'audit' else 'x'}"


@pytest.fixture
def filled(store: Store) -> Store:
    """A node with one resource of each kind, of p-2, and another patient."""
    author = Author("ama", "clinician")
    writes = [Write("Patient", "p-1", text(SAMPLES["demographics"], "p-1"))]
    for kind, resource in SAMPLES.items():
        type_, _, id_ = name_of(kind).partition("/")
        writes.append(Write(type_, id_, text(resource, id_)))
    store.write(writes, author, START_MS)
    store.record(author, START_MS, "login")
    return store


@pytest.fixture
def as_(app: Door, store: Store, anyone: httpx.AsyncClient) -> Callable[[str], dict[str, str]]:
    """Headers of somebody in a role. A citizen is the patient p-1."""

    def headers(role: str) -> dict[str, str]:
        store.users.add(role, role, PASSWORD, START_MS, "p-1" if role == "citizen" else None)
        parts: Parts = app.app.state.parts
        return {"Authorization": f"Bearer {parts.logins._tokens.issue(role, role)}"}

    return headers


def reads(kind: Kind, version: str) -> dict[str, Asked]:
    """Every interaction that reads, by name."""
    name = name_of(kind)
    type_ = name.partition("/")[0]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return {
        "read": ("GET", f"/fhir/{name}", b"", {}),
        "vread": ("GET", f"/fhir/{name}/_history/{version}", b"", {}),
        "history-instance": ("GET", f"/fhir/{name}/_history", b"", {}),
        "history-type": ("GET", f"/fhir/{type_}/_history", b"", {}),
        "search": ("GET", f"/fhir/{type_}", b"", {}),
        "search-post": ("POST", f"/fhir/{type_}/_search", b"_count=9", form),
        "validate": ("GET", f"/fhir/{name}/$validate", b"", {}),
    }


def writes(kind: Kind) -> dict[str, Asked]:
    """Every interaction that writes, by name, in an order in which each finds what it needs."""
    name = name_of(kind)
    type_, _, id_ = name.partition("/")
    body = SAMPLES.get(kind, {"resourceType": "AuditEvent"})
    patch = {"Content-Type": "application/json-patch+json"}
    changed = json.dumps([{"op": "add", "path": "/language", "value": "en"}]).encode()
    merge = {"Content-Type": "application/merge-patch+json"}
    return {
        "create": ("POST", f"/fhir/{type_}", json.dumps(body).encode(), FHIR),
        "create-if-none": ("POST", f"/fhir/{type_}", json.dumps(body).encode(), {**FHIR, "If-None-Exist": "_id=none"}),
        "update": ("PUT", f"/fhir/{name}", text(body, id_), FHIR),
        "update-new": ("PUT", f"/fhir/{type_}/new", text(body, "new"), FHIR),
        "update-if": ("PUT", f"/fhir/{type_}?_id={id_}", text(body, id_), FHIR),
        "patch": ("PATCH", f"/fhir/{name}", changed, patch),
        "merge": ("PATCH", f"/fhir/{name}", b'{"language":"fr"}', merge),
        "patch-if": ("PATCH", f"/fhir/{type_}?_id={id_}", b'{"language":"sw"}', merge),
        "delete-if": ("DELETE", f"/fhir/{type_}?_id=new", b"", {}),
        "delete": ("DELETE", f"/fhir/{name}", b"", {}),
    }


async def ask(client: httpx.AsyncClient, asked: Asked, headers: dict[str, str]) -> httpx.Response:
    method, path, body, more = asked
    return await client.request(method, path, content=body, headers={**headers, **more})


def resources(answer: httpx.Response) -> list[str]:
    """`Type/id` of what a Bundle shows, outcomes apart."""
    found = [entry.get("resource", {}) for entry in answer.json().get("entry", [])]
    return [f"{one['resourceType']}/{one['id']}" for one in found if "id" in one]


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_reads_and_writes_what_the_table_says_and_nothing_else(
    anyone: httpx.AsyncClient, filled: Store, as_: Callable[[str], dict[str, str]], role: str
) -> None:
    rights, headers = rights_of(role), as_(role)
    for kind in KINDS:
        stored = filled.read(*name_of(kind).split("/"))
        version = stored.version if stored is not None else "1"
        partly = kind in rights.own_see and kind not in rights.see
        for name, asked in reads(kind, version).items():
            answer = await ask(anyone, asked, headers)
            where = (role, kind, name, answer.text)
            if kind in rights.see:
                assert answer.status_code == 200, where
            elif not partly:
                assert answer.status_code == 403, where
            elif name in ("history-type", "search", "search-post"):
                assert answer.status_code == 200, where
                assert name_of(kind) not in resources(answer), where
            else:
                assert answer.status_code == 404, where
        for name, asked in writes(kind).items():
            answer = await ask(anyone, asked, headers)
            where = (role, kind, name, answer.text)
            if kind == "audit":
                assert answer.status_code == 405, where
            elif kind in rights.write:
                deletes_a_person = kind == "demographics" and name.startswith("delete")
                assert (answer.status_code < 300) is not (deletes_a_person and "merge" not in rights.acts), where
            elif name == "delete-if" and kind in rights.own_write:
                assert answer.status_code == 204, where  # nothing of hers matches
            else:
                assert answer.status_code in ((403, 404) if kind in rights.own_write else (403,)), where


@pytest.mark.parametrize("role", ROLES)
async def test_bundles_are_held_to_the_table_entry_by_entry(
    anyone: httpx.AsyncClient, filled: Store, as_: Callable[[str], dict[str, str]], role: str
) -> None:
    rights, headers = rights_of(role), as_(role)
    entries, expected = [], []
    for kind in SAMPLES:
        type_ = SAMPLES[kind]["resourceType"]
        entries.append({"request": {"method": "POST", "url": type_}, "resource": SAMPLES[kind]})
        expected.append(kind in rights.write)
        entries.append({"request": {"method": "GET", "url": name_of(kind)}})
        expected.append(kind in rights.see)
    batch = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    answer = await anyone.post("/fhir", content=json.dumps(batch), headers={**FHIR, **headers})
    statuses = [entry["response"]["status"][:3] for entry in answer.json()["entry"]]
    assert [status in ("200", "201") for status in statuses] == expected
    assert {status for status, may in zip(statuses, expected, strict=True) if not may} <= {"403", "404"}
    for kind in SAMPLES:
        one = [{"request": {"method": "POST", "url": SAMPLES[kind]["resourceType"]}, "resource": SAMPLES[kind]}]
        whole = {"resourceType": "Bundle", "type": "transaction", "entry": one}
        answer = await anyone.post("/fhir", content=json.dumps(whole), headers={**FHIR, **headers})
        assert answer.status_code == (200 if kind in rights.write else 403), (kind, answer.text)
        only = {"resourceType": "Bundle", "type": "transaction", "entry": [entries[1 + 2 * list(SAMPLES).index(kind)]]}
        answer = await anyone.post("/fhir", content=json.dumps(only), headers={**FHIR, **headers})
        seen = answer.json()["entry"][0]["response"]["status"][:3]
        assert (seen == "200") == (kind in rights.see), (kind, answer.text)


@pytest.mark.parametrize("role", ROLES)
async def test_answers_that_gather_types_leave_out_what_is_outside_and_say_so(
    anyone: httpx.AsyncClient, filled: Store, as_: Callable[[str], dict[str, str]], role: str
) -> None:
    rights, headers = rights_of(role), as_(role)
    expected = {name_of(kind) for kind in SAMPLES if kind in rights.see}
    for path in ("/fhir?_count=100", "/fhir/_history?_count=100"):
        found = set(resources(await anyone.get(path, headers=headers)))
        assert found - {"Patient/p-1"} == expected, path
    everything = await anyone.get("/fhir/Patient/p-2/$everything", headers=headers)
    compartment = await anyone.get("/fhir/Patient/p-2/*", headers=headers)
    if "demographics" not in rights.see:
        assert everything.status_code == compartment.status_code == (404 if rights.own_see else 403)
        return
    of_her = {name for name in expected if kind_of(name.partition("/")[0]) not in ("directory", "definitions")}
    assert set(resources(everything)) == of_her
    assert set(resources(compartment)) == of_her - {"Patient/p-2"}
    told = "suppressed" in everything.text
    assert told == (not rights.see >= RECORDS)
    if told:
        assert "total" not in everything.json()
    brought = resources(await anyone.get("/fhir/Patient?_id=p-2&_revinclude=Observation:subject", headers=headers))
    assert ("Observation/x" in brought) == ("clinical" in rights.see)
    for asked in ("Patient?_has:Observation:patient:status=final", "Appointment?patient:Patient.name=owusu"):
        answer = await anyone.get(f"/fhir/{asked}", headers=headers)
        through: Kind = "clinical" if "_has" in asked else "demographics"
        assert (answer.status_code == 200) == (through in rights.see), (asked, answer.text)


async def test_conditions_do_not_ask_through_what_is_outside_of_the_role(
    anyone: httpx.AsyncClient, filled: Store, as_: Callable[[str], dict[str, str]]
) -> None:
    condition = {"If-None-Exist": "_has:Observation:patient:status=final"}
    headers = {**FHIR, **as_("registrar"), **condition}
    answer = await anyone.post("/fhir/Patient", content=json.dumps(SAMPLES["demographics"]), headers=headers)
    assert answer.status_code == 403, answer.text


async def test_a_citizen_sees_her_own_record_and_nobody_elses(
    anyone: httpx.AsyncClient, filled: Store, as_: Callable[[str], dict[str, str]]
) -> None:
    own = {**sample("clinical", "Patient/p-1"), "id": "mine"}
    filled.write([Write("Observation", "mine", json.dumps(own).encode())], Author("ama", "clinician"), START_MS)
    headers = as_("citizen")
    assert (await anyone.get("/fhir/Observation/mine", headers=headers)).status_code == 200
    found = (await anyone.get("/fhir/Observation?_total=accurate", headers=headers)).json()
    assert found["total"] == 1
    assert (await anyone.get("/fhir/Observation?_summary=count", headers=headers)).json()["total"] == 1
    everything = await anyone.get("/fhir/Patient/p-1/$everything", headers=headers)
    assert set(resources(everything)) == {"Patient/p-1", "Observation/mine"}
    assert (await anyone.get("/fhir/Patient/p-2/$everything", headers=headers)).status_code == 404
    assert (await anyone.get("/fhir/Patient/p-2/Observation", headers=headers)).status_code == 404
    assert (await anyone.get("/fhir/Patient", headers=headers)).json()["total"] == 1
    described = json.dumps(SAMPLES["demographics"])
    match = await anyone.post("/fhir/Patient/$match", content=described, headers={**FHIR, **headers})
    assert match.status_code == 403
    for path in ("/api/v1/status", "/api/v1/quarantine", "/api/v1/break-glass"):
        assert (await anyone.get(path, headers=headers)).status_code == 403, path


@pytest.mark.parametrize("role", ["registrar", "midwife"])
async def test_who_does_not_merge_cannot_join_two_records_by_their_links(
    anyone: httpx.AsyncClient, filled: Store, as_: Callable[[str], dict[str, str]], role: str
) -> None:
    headers = {**FHIR, **as_(role)}
    allowed = "merge" in rights_of(role).acts
    kin = {"other": {"reference": "RelatedPerson/r-1"}, "type": "seealso"}
    joined = {"other": {"reference": "Patient/p-2"}, "type": "replaced-by"}
    patient = {**SAMPLES["demographics"], "id": "p-1", "link": [kin]}
    assert (await anyone.put("/fhir/Patient/p-1", content=json.dumps(patient), headers=headers)).status_code == 200
    patient["link"] = [kin, joined]
    body = json.dumps(patient)
    patch = json.dumps([{"op": "add", "path": "/link/-", "value": joined}])
    request = {"method": "PUT", "url": "Patient/p-1"}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": request, "resource": patient}]}
    answers = [
        await anyone.put("/fhir/Patient/p-1", content=body, headers=headers),
        await anyone.patch(
            "/fhir/Patient/p-1", content=patch, headers={**headers, "Content-Type": "application/json-patch+json"}
        ),
        await anyone.post("/fhir/Patient", content=body, headers=headers),
        await anyone.post("/fhir", content=json.dumps(bundle), headers=headers),
    ]
    assert [answer.status_code < 300 for answer in answers] == [allowed] * 4, [answer.text for answer in answers]
    assert len(filled.survivors("p-1")) == 1
    assert (filled.survivors("p-1")[0].id == "p-2") == allowed


@pytest.mark.parametrize("role", ["registrar", "midwife"])
async def test_who_does_not_merge_cannot_delete_a_person(
    anyone: httpx.AsyncClient, filled: Store, as_: Callable[[str], dict[str, str]], role: str
) -> None:
    """All of her record would be out of sight of those who care for her."""
    answer = await anyone.delete("/fhir/Patient/p-1", headers={**FHIR, **as_(role)})
    stored = filled.read("Patient", "p-1")
    assert stored is not None
    assert (answer.status_code, stored.gone) == ((204, True) if "merge" in rights_of(role).acts else (403, False))


async def test_a_citizen_writes_her_own_consent_to_reminders_alone(
    anyone: httpx.AsyncClient, filled: Store, as_: Callable[[str], dict[str, str]]
) -> None:
    headers = {**FHIR, **as_("citizen")}
    mine = sample("consent", "Patient/p-1")
    made = await anyone.post("/fhir/Consent", content=json.dumps(mine), headers=headers)
    assert made.status_code == 201, made.text
    kept = made.json()
    path = f"/fhir/Consent/{kept['id']}"
    taken_back = await anyone.put(path, content=json.dumps({**kept, "status": "inactive"}), headers=headers)
    assert taken_back.status_code == 200
    other_kind = {**mine, "category": [{"text": "research"}]}
    assert (await anyone.post("/fhir/Consent", content=json.dumps(other_kind), headers=headers)).status_code == 403
    for_another = {**kept, "patient": HER}
    assert (await anyone.put(path, content=json.dumps(for_another), headers=headers)).status_code == 403
    seized = {**mine, "id": "x"}
    assert (await anyone.put("/fhir/Consent/x", content=json.dumps(seized), headers=headers)).status_code == 403
    patch = {**headers, "Content-Type": "application/merge-patch+json"}
    answer = await anyone.patch(path, content=b'{"patient":{"reference":"Patient/p-2"}}', headers=patch)
    assert answer.status_code == 403
    assert (await anyone.delete("/fhir/Consent/x", headers=headers)).status_code == 403


@pytest.mark.parametrize("role", ["registrar", "citizen", "clinician"])
@pytest.mark.parametrize(
    "members",
    [
        b'"name":[{"text":"\xff"}]',
        b'"birthDate":1e999',
        b'"contained":' + b"[" * 5_000 + b"]" * 5_000,
        b'"link":{"other":[]}',
        b'"link":[{"other":{"reference":{"a":1}}}]',
    ],
    ids=["letters", "number", "depth", "shape", "reference"],
)
async def test_what_is_no_resource_is_refused_in_words_to_whoever_sends_it(
    anyone: httpx.AsyncClient, filled: Store, as_: Callable[[str], dict[str, str]], role: str, members: bytes
) -> None:
    headers = {**FHIR, **as_(role)}
    type_ = "Consent" if role == "citizen" else "Patient"
    body = b'{"resourceType":"%s","id":"p-1",%s}' % (type_.encode(), members)
    for method, path in (("PUT", f"/fhir/{type_}/p-1"), ("POST", f"/fhir/{type_}")):
        answer = await anyone.request(method, path, content=body, headers=headers)
        assert 400 <= answer.status_code < 500, (method, answer.text)
    assert (await anyone.post("/fhir/$validate", content=body, headers=headers)).status_code < 500
    asked = b'{"resourceType":"Parameters","parameter":[{"name":"resource","resource":%s}]}' % body
    for operation in ("$validate", "Patient/$match"):
        assert (await anyone.post(f"/fhir/{operation}", content=asked, headers=headers)).status_code < 500, operation


@pytest.mark.parametrize("role", ROLES)
async def test_acts_over_http_are_those_of_the_table(
    anyone: httpx.AsyncClient, filled: Store, as_: Callable[[str], dict[str, str]], role: str
) -> None:
    acts, headers = rights_of(role).acts, as_(role)
    paths = {"see-node": "/api/v1/status", "see-quarantine": "/api/v1/quarantine", "see-opened": "/api/v1/break-glass"}
    for act, path in paths.items():
        assert ((await anyone.get(path, headers=headers)).status_code == 200) == (act in acts), act
    synced = await anyone.post("/api/v1/sync", headers=headers)
    assert synced.status_code == (409 if "sync-now" in acts else 403)


def test_a_change_is_told_to_those_alone_who_see_its_type() -> None:
    for role in ROLES:
        for type_ in ("Patient", "Observation", "Organization", "NobodyKnows"):
            told = is_for(Change(type_, "x", "v", START_MS), sight_of(role, "p-1" if role == "citizen" else None))
            assert told == (kind_of(type_) in rights_of(role).see), (role, type_)
        assert is_for(Many(0), sight_of(role))


def test_the_table_names_every_role_and_every_type_has_a_kind() -> None:
    assert tuple(TABLE) == passwords.ROLES
    assert {kind_of(type_) for type_ in CONTRACT_TYPES} == set(KINDS)
    assert set(TYPES.values()) | {"clinical"} == set(KINDS)
    assert {act for rights in TABLE.values() for act in rights.acts} == set(ACTS)


def test_who_looks_after_the_node_sees_no_record_and_a_role_of_tomorrow_nothing() -> None:
    for role in ("operator", "admin"):
        assert not rights_of(role).see & (RECORDS - {"directory", "definitions"})
    assert rights_of("surgeon") == rights_of("")
    assert not rights_of("surgeon").see | rights_of("surgeon").write
    assert kind_of("SomethingNew") == "clinical"
