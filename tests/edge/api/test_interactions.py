"""Each interaction and each of its errors, over HTTP."""

import json
from typing import Any

import httpx
import pytest

from edge_node.store.store import Store
from tests.edge.api.conftest import FHIR, Clock, patient, put


def outcome_of(response: httpx.Response, status: int) -> str:
    """That an answer is an OperationOutcome that says what to do; its first issue's code."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/fhir+json")
    body = response.json()
    assert body["resourceType"] == "OperationOutcome"
    assert body["issue"][0]["diagnostics"]
    return str(body["issue"][0]["code"])


async def test_create_gives_an_id_a_version_and_an_address(client: httpx.AsyncClient) -> None:
    content = b'{"resourceType":"Patient","id":"mine","meta":{"versionId":"9"},"multipleBirthInteger":2}'
    created = await client.post("/fhir/Patient", content=content, headers=FHIR)
    assert created.status_code == 201
    body = created.json()
    assert body["id"] != "mine"
    version = body["meta"]["versionId"]
    assert created.headers["etag"] == f'W/"{version}"'
    assert created.headers["location"] == f"http://clinic.test/fhir/Patient/{body['id']}/_history/{version}"
    assert (await client.get(created.headers["location"])).json() == body
    assert (await client.get(f"/fhir/Patient/{body['id']}")).json() == body


@pytest.mark.parametrize(
    ("preference", "status", "kind"),
    [("minimal", 201, None), ("representation", 201, "Patient"), ("OperationOutcome", 201, "OperationOutcome")],
)
async def test_a_write_answers_as_preferred(
    client: httpx.AsyncClient, preference: str, status: int, kind: str | None
) -> None:
    answer = await put(client, patient(), Prefer=f"return={preference}")
    assert answer.status_code == status
    assert (answer.json()["resourceType"] if answer.content else None) == kind
    assert answer.headers["etag"]


async def test_a_read_can_be_answered_by_304(client: httpx.AsyncClient) -> None:
    written = await put(client, patient())
    for headers in (
        {"If-None-Match": written.headers["etag"]},
        {"If-Modified-Since": written.headers["last-modified"]},
    ):
        answer = await client.get("/fhir/Patient/p-1", headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == written.headers["etag"]
    assert (await client.get("/fhir/Patient/p-1", headers={"If-None-Match": '"other"'})).status_code == 200


async def test_head_is_get_without_its_body(client: httpx.AsyncClient) -> None:
    await put(client, patient())
    got, head = await client.get("/fhir/Patient/p-1"), await client.head("/fhir/Patient/p-1")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == str(len(got.content))


async def test_digits_stay_and_a_write_of_the_same_changes_nothing(client: httpx.AsyncClient) -> None:
    text = (
        '{"resourceType":"Observation","id":"o","status":"final","code":{"text":"Hb"},"valueQuantity":{"value":10.50}}'
    )
    first = await client.put("/fhir/Observation/o", content=text, headers=FHIR)
    assert first.status_code == 201
    assert b'"value":10.50' in first.content
    again = await client.put("/fhir/Observation/o", content=first.content, headers=FHIR)
    assert again.status_code == 200
    assert again.headers["etag"] == first.headers["etag"]


async def test_a_stale_if_match_is_412_and_changes_nothing(client: httpx.AsyncClient) -> None:
    first = await put(client, patient())
    second = await put(client, patient(gender="female"), **{"If-Match": first.headers["etag"]})
    assert second.status_code == 200
    assert (
        outcome_of(await put(client, patient(gender="male"), **{"If-Match": first.headers["etag"]}), 412) == "conflict"
    )
    assert outcome_of(await put(client, patient("p-2"), **{"If-Match": '"x"'}), 412)
    assert (await client.get("/fhir/Patient/p-1")).json()["gender"] == "female"
    for tag in (second.headers["etag"], second.headers["etag"].removeprefix("W/"), second.headers["etag"][3:-1], "*"):
        assert (await put(client, patient(gender="female"), **{"If-Match": tag})).status_code == 200


async def test_a_stale_version_in_the_body_keeps_both_values(client: httpx.AsyncClient, store: Store) -> None:
    seen = (await put(client, patient(birthDate="1990-01-01"))).json()
    await put(client, {**seen, "birthDate": "1991-01-01"})
    await put(client, {**seen, "birthDate": "1992-01-01"})
    (conflict,) = store.conflicts()
    assert {bytes(value.value or b"") for value in conflict.values} == {
        b'{"birthDate":"1991-01-01"}',
        b'{"birthDate":"1992-01-01"}',
    }


async def test_if_none_match_star_creates_and_never_replaces(client: httpx.AsyncClient) -> None:
    assert (await put(client, patient(), **{"If-None-Match": "*"})).status_code == 201
    assert outcome_of(await put(client, patient(gender="male"), **{"If-None-Match": "*"}), 412)


async def test_if_none_match_star_never_replaces_what_came_between_the_look_and_the_write(
    client: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(client, patient())
    monkeypatch.setattr(store, "read", lambda type_, id_: None)
    assert outcome_of(await put(client, patient(gender="male"), **{"If-None-Match": "*"}), 412)


async def test_deleted_is_410_until_it_is_written_again(client: httpx.AsyncClient) -> None:
    await put(client, patient())
    deleted = await client.delete("/fhir/Patient/p-1")
    assert deleted.status_code == 204
    assert outcome_of(await client.get("/fhir/Patient/p-1"), 410) == "deleted"
    assert (await client.delete("/fhir/Patient/p-1")).status_code == 204
    assert (await client.delete("/fhir/Patient/never")).status_code == 204
    assert outcome_of(await client.get("/fhir/Patient/never"), 404) == "not-found"
    assert (await put(client, patient())).status_code in (200, 201)
    assert (await client.get("/fhir/Patient/p-1")).status_code == 200


async def test_a_delete_keeps_to_if_match(client: httpx.AsyncClient) -> None:
    first = await put(client, patient())
    await put(client, patient(gender="female"))
    assert outcome_of(await client.delete("/fhir/Patient/p-1", headers={"If-Match": first.headers["etag"]}), 412)
    assert outcome_of(await client.delete("/fhir/Patient/none", headers={"If-Match": '"x"'}), 412)
    present = (await client.get("/fhir/Patient/p-1")).headers["etag"]
    assert (await client.delete("/fhir/Patient/p-1", headers={"If-Match": present})).status_code == 204


async def test_history_shows_every_version_newest_first(client: httpx.AsyncClient) -> None:
    for gender in ("male", "female", "other"):
        await put(client, patient(gender=gender))
    await client.delete("/fhir/Patient/p-1")
    bundle = (await client.get("/fhir/Patient/p-1/_history")).json()
    assert (bundle["type"], bundle["total"]) == ("history", 4)
    assert [entry["request"]["method"] for entry in bundle["entry"]] == ["DELETE", "PUT", "PUT", "POST"]
    assert [entry.get("resource", {}).get("gender") for entry in bundle["entry"]] == [None, "other", "female", "male"]
    version = bundle["entry"][2]["resource"]["meta"]["versionId"]
    assert (await client.get(f"/fhir/Patient/p-1/_history/{version}")).json()["gender"] == "female"
    deleted = bundle["entry"][0]["response"]["etag"][3:-1]
    assert outcome_of(await client.get(f"/fhir/Patient/p-1/_history/{deleted}"), 410)
    assert outcome_of(await client.get("/fhir/Patient/p-1/_history/none"), 404)
    assert outcome_of(await client.get("/fhir/Patient/none/_history"), 404)


@pytest.mark.parametrize("path", ["/fhir/Patient/p-0/_history", "/fhir/Patient/_history", "/fhir/_history"])
async def test_history_pages_show_every_version_once_while_writes_go_on(client: httpx.AsyncClient, path: str) -> None:
    for number in range(7):
        await put(client, patient("p-0", multipleBirthInteger=number + 1))
        await put(client, patient("p-1", multipleBirthInteger=number + 1))
    page = (await client.get(path, params={"_count": "3"})).json()
    seen = []
    while True:
        seen += [(entry["fullUrl"], entry["response"]["etag"]) for entry in page["entry"]]
        further = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        if further is None:
            break
        await put(client, patient("p-0", multipleBirthInteger=len(seen) + 100))
        page = (await client.get(further)).json()
    assert len(seen) == len(set(seen)) == (7 if "p-0" in path else 14)


async def test_history_since_leaves_out_what_is_older(client: httpx.AsyncClient, clock: Clock) -> None:
    await put(client, patient("p-1"))
    clock.forward(3600)
    later = await put(client, patient("p-2"))
    since = later.json()["meta"]["lastUpdated"]
    bundle = (await client.get("/fhir/_history", params={"_since": since})).json()
    assert [entry["fullUrl"].rpartition("/")[2] for entry in bundle["entry"]] == ["p-2"]


# --- patches ---


async def patched(client: httpx.AsyncClient, change: Any, media: str, **headers: str) -> httpx.Response:
    content = change if isinstance(change, str) else json.dumps(change)
    return await client.patch("/fhir/Patient/p-1", content=content, headers={"Content-Type": media, **headers})


@pytest.mark.parametrize("media", ["application/json-patch+json", "application/json", "application/fhir+json"])
async def test_json_patch(client: httpx.AsyncClient, media: str) -> None:
    await put(client, patient())
    answer = await patched(client, [{"op": "add", "path": "/birthDate", "value": "1990-01-01"}], media)
    assert answer.status_code == 200
    assert answer.json()["birthDate"] == "1990-01-01"


@pytest.mark.parametrize("media", ["application/merge-patch+json", "application/json", "application/fhir+json"])
async def test_merge_patch(client: httpx.AsyncClient, media: str) -> None:
    await put(client, patient(gender="male"))
    answer = await patched(client, {"birthDate": "1990-01-01", "gender": None}, media)
    assert answer.status_code == 200
    assert (answer.json()["birthDate"], answer.json().get("gender")) == ("1990-01-01", None)


async def test_patches_that_cannot_be_done(client: httpx.AsyncClient) -> None:
    merge = "application/merge-patch+json"
    assert outcome_of(await patched(client, {"gender": "male"}, merge), 404)
    first = await put(client, patient())
    assert outcome_of(await patched(client, {"gender": "male"}, merge, **{"If-Match": '"old"'}), 412)
    assert outcome_of(await patched(client, {"birthDate": "soon"}, merge), 422)
    assert outcome_of(await patched(client, "{", merge), 400)
    assert outcome_of(await patched(client, "<x/>", "application/xml"), 415)
    assert outcome_of(
        await patched(client, [{"op": "test", "path": "/id", "value": "x"}], "application/json-patch+json"), 422
    )
    assert (await client.get("/fhir/Patient/p-1")).headers["etag"] == first.headers["etag"]
    ok = await patched(client, {"gender": "male"}, merge, **{"If-Match": first.headers["etag"]})
    assert ok.status_code == 200
    await client.delete("/fhir/Patient/p-1")
    assert outcome_of(await patched(client, {"gender": "male"}, merge), 410)


# --- conditional ---

IDENTIFIED = patient("p-1", identifier=[{"system": "urn:s", "value": "1"}])
BY_IDENTIFIER = "identifier=urn:s|1"


async def test_conditional_create(client: httpx.AsyncClient) -> None:
    body = json.dumps(IDENTIFIED)
    headers = {**FHIR, "If-None-Exist": BY_IDENTIFIER}
    first = await client.post("/fhir/Patient", content=body, headers=headers)
    assert first.status_code == 201
    second = await client.post("/fhir/Patient", content=body, headers=headers)
    assert second.status_code == 200
    assert second.json()["id"] == first.json()["id"]
    await client.post("/fhir/Patient", content=body, headers=FHIR)
    assert outcome_of(await client.post("/fhir/Patient", content=body, headers=headers), 412) == "multiple-matches"


@pytest.mark.parametrize("criteria", ["", "_count=1", "nonsense=1", "identifier="])
async def test_a_condition_without_criteria_is_refused(client: httpx.AsyncClient, criteria: str) -> None:
    await put(client, IDENTIFIED)
    created = await client.post(
        "/fhir/Patient", content=json.dumps(patient()), headers={**FHIR, "If-None-Exist": criteria}
    )
    assert created.status_code in (400, 412)
    assert (await client.delete(f"/fhir/Patient?{criteria}")).status_code in (400, 412)
    assert (await client.get("/fhir/Patient/p-1")).status_code == 200


async def test_conditional_update(client: httpx.AsyncClient) -> None:
    nameless = {name: value for name, value in IDENTIFIED.items() if name != "id"}
    created = await client.put(f"/fhir/Patient?{BY_IDENTIFIER}", content=json.dumps(nameless), headers=FHIR)
    assert created.status_code == 201
    updated = await client.put(
        f"/fhir/Patient?{BY_IDENTIFIER}", content=json.dumps({**nameless, "gender": "male"}), headers=FHIR
    )
    assert updated.status_code == 200
    assert updated.json()["id"] == created.json()["id"]
    other = await client.put(
        f"/fhir/Patient?{BY_IDENTIFIER}", content=json.dumps({**nameless, "id": "else"}), headers=FHIR
    )
    assert outcome_of(other, 400)
    named = await client.put("/fhir/Patient?identifier=urn:s|2", content=json.dumps(patient("p-9")), headers=FHIR)
    assert (named.status_code, named.json()["id"]) == (201, "p-9")
    assert outcome_of(
        await client.put("/fhir/Patient?identifier=urn:s|2", content=json.dumps(patient("p-9")), headers=FHIR), 409
    )
    await put(client, {**IDENTIFIED, "id": "twin"})
    assert outcome_of(
        await client.put(f"/fhir/Patient?{BY_IDENTIFIER}", content=json.dumps(nameless), headers=FHIR), 412
    )


async def test_conditional_patch_and_delete(client: httpx.AsyncClient) -> None:
    merge = {"Content-Type": "application/merge-patch+json"}
    path = f"/fhir/Patient?{BY_IDENTIFIER}"
    assert outcome_of(await client.patch(path, content='{"gender":"male"}', headers=merge), 404)
    assert (await client.delete(path)).status_code == 204
    await put(client, IDENTIFIED)
    assert (await client.patch(path, content='{"gender":"male"}', headers=merge)).json()["gender"] == "male"
    await put(client, {**IDENTIFIED, "id": "twin"})
    assert outcome_of(await client.delete(path), 412) == "multiple-matches"
    await client.delete("/fhir/Patient/twin")
    assert (await client.delete(path)).status_code == 204
    assert (await client.get("/fhir/Patient/p-1")).status_code == 410


# --- what is turned away, and what is not ---


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'{"resourceType":"Observation","id":"p-1"}', 400),
        (b'{"resourceType":"Patient","id":"other"}', 400),
        (b'{"resourceType":"Patient"}', 400),
        (b'{"id":"p-1"}', 400),
        (b'{"resourceType":"Patient","id":7}', 400),
        (b'{"resourceType":"Patient","id":"p-1","birthDate":"soon"}', 422),
        (b'{"resourceType":"Patient","id":"p-1","gender":"woman"}', 422),
        (b'{"resourceType":"Patient","id":"p-1","active":"yes"}', 422),
        (b'{"resourceType":"Patient","id":"p-1","name":{}}', 422),
        (b'{"resourceType":"Patient","id":"p-1","name":[{"family":"\xff"}]}', 400),
        (b'{"resourceType":"Patient","id":"p-1","extension":' + b"[" * 5000 + b"]" * 5000 + b"}", 400),
        (b'{"resourceType":"Patient","id":"p-1","contained":[' + b'{"a":[' * 150 + b"]}" * 150 + b"]}", 422),
    ],
)
async def test_malformed_bodies_are_refused(client: httpx.AsyncClient, content: bytes, status: int) -> None:
    answer = await client.put("/fhir/Patient/p-1", content=content, headers=FHIR)
    assert answer.status_code in (status, 400, 422)
    outcome_of(answer, answer.status_code)
    assert (await client.get("/fhir/Patient/p-1")).status_code == 404


async def test_issues_name_the_place_and_never_the_value(client: httpx.AsyncClient) -> None:
    answer = await put(client, patient(birthDate="born in spring"))
    issue = answer.json()["issue"][0]
    assert issue["expression"] == ["Patient.birthDate"]
    assert "spring" not in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/fhir+xml"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "application/fhir+json; charset=latin1"}, 415),
        ({**FHIR, "Accept": "application/fhir+xml"}, 406),
        ({**FHIR, "Content-Encoding": "gzip"}, 415),
    ],
)
async def test_other_media_are_refused(client: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    outcome_of(await client.put("/fhir/Patient/p-1", content=json.dumps(patient()), headers=headers), status)


async def test_methods_and_paths_that_are_not_there(client: httpx.AsyncClient) -> None:
    answer = await client.post("/fhir/Patient/p-1", content=b"{}", headers=FHIR)
    outcome_of(answer, 405)
    assert "PUT" in answer.headers["allow"]
    outcome_of(await client.get("/fhir/Patient/p-1/what/is/this"), 404)
    outcome_of(await client.get("/fhir/Patient/p-1/$nothing"), 404)


async def test_odd_types_and_elements_are_kept(client: httpx.AsyncClient) -> None:
    odd = {"resourceType": "Spaceship", "id": "s-1", "warp": 9.75}
    assert (await put(client, odd)).status_code == 201
    shown = (await client.get("/fhir/Spaceship/s-1")).json()
    assert shown["warp"] == 9.75
    assert (await put(client, patient(favouriteColour="blue"))).status_code == 201
    assert (await client.get("/fhir/Patient/p-1")).json()["favouriteColour"] == "blue"
    found = (await client.get("/fhir/Spaceship", params={"_id": "s-1"})).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["s-1"]
    assert (await client.delete("/fhir/Spaceship/s-1")).status_code == 204


async def test_a_part_of_a_resource_is_not_written_back(client: httpx.AsyncClient) -> None:
    await put(client, patient(gender="female", birthDate="1990-01-01"))
    part = (await client.get("/fhir/Patient/p-1", params={"_elements": "gender"})).json()
    assert "birthDate" not in part
    outcome_of(await put(client, part), 422)
    assert (await client.get("/fhir/Patient/p-1")).json()["birthDate"] == "1990-01-01"


async def test_audit_events_are_read_and_never_written(client: httpx.AsyncClient) -> None:
    await put(client, patient())
    await client.delete("/fhir/Patient/p-1")
    page = (await client.get("/fhir/AuditEvent", params={"entity": "Patient/p-1"})).json()
    assert [entry["resource"]["action"] for entry in page["entry"]] == ["D", "C"]
    event = page["entry"][0]["resource"]
    assert event["agent"][0]["name"] == "ama"
    assert (await client.get(f"/fhir/AuditEvent/{event['id']}")).json() == event
    assert (await client.get(f"/fhir/AuditEvent/{event['id']}/_history/1")).json() == event
    assert (await client.get(f"/fhir/AuditEvent/{event['id']}/_history")).json()["entry"][0]["resource"] == event
    outcome_of(await put(client, event), 405)
    outcome_of(await client.post("/fhir/AuditEvent", content=json.dumps(event), headers=FHIR), 405)
    outcome_of(await client.delete(f"/fhir/AuditEvent/{event['id']}"), 405)
    outcome_of(await client.get("/fhir/AuditEvent/999999"), 404)
    validation = await client.post("/fhir/AuditEvent/$validate", content=json.dumps(event), headers=FHIR)
    assert {issue["severity"] for issue in validation.json()["issue"]} == {"information"}, validation.text
