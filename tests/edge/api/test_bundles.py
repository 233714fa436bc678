"""Transactions are all or nothing, batches each for itself."""

import base64
import json
from typing import Any

import httpx
import pytest

from edge_node.store.store import Store
from tests.edge.api.conftest import FHIR, patient, put
from tests.edge.api.test_interactions import outcome_of


def entry(
    method: str, url: str, resource: Any = None, full_url: str | None = None, **conditions: str
) -> dict[str, Any]:
    made: dict[str, Any] = {"request": {"method": method, "url": url, **conditions}}
    if resource is not None:
        made["resource"] = resource
    if full_url is not None:
        made["fullUrl"] = full_url
    return made


async def send(client: httpx.AsyncClient, kind: str, *entries: Any, **headers: str) -> httpx.Response:
    bundle = {"resourceType": "Bundle", "type": kind, "entry": list(entries)}
    return await client.post("/fhir", content=json.dumps(bundle), headers={**FHIR, **headers})


def statuses(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [one["response"]["status"][:3] for one in response.json()["entry"]]


def observation(id_: str | None, subject: str, **members: Any) -> dict[str, Any]:
    named = {"id": id_} if id_ is not None else {}
    return {
        "resourceType": "Observation",
        **named,
        "status": "final",
        "code": {"text": "Hb"},
        "subject": {"reference": subject},
        **members,
    }


URN = "urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059"


async def test_a_transaction_resolves_references_between_its_entries(client: httpx.AsyncClient) -> None:
    answer = await send(
        client,
        "transaction",
        entry("POST", "Observation", observation(None, URN), "urn:uuid:2"),
        entry("POST", "Patient", {"resourceType": "Patient", "id": "ignored"}, URN),
        entry("PUT", "Observation/o-2", observation("o-2", URN, derivedFrom=[{"reference": "urn:uuid:2"}])),
    )
    assert statuses(answer) == ["201", "201", "201"]
    assert answer.json()["type"] == "transaction-response"
    first, second, third = (one["response"]["location"] for one in answer.json()["entry"])
    name = "/".join(second.split("/")[-4:-2])
    assert (await client.get(first)).json()["subject"]["reference"] == name
    shown = (await client.get(third)).json()
    assert shown["subject"]["reference"] == name
    assert shown["derivedFrom"][0]["reference"] == "/".join(first.split("/")[-4:-2])


@pytest.mark.parametrize(
    "wrong",
    [
        entry("POST", "Patient", {"resourceType": "Patient", "birthDate": "soon"}),
        entry("PUT", "Patient/x", {"resourceType": "Patient", "id": "y"}),
        entry("PUT", "Patient/p-1", patient(gender="male"), ifMatch='W/"stale"'),
        entry("POST", "Observation", observation(None, "Patient?identifier=urn:s|none")),
        entry("POST", "AuditEvent", {"resourceType": "AuditEvent"}),
        entry(
            "PATCH",
            "Patient/none",
            {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": "W10="},
        ),
        entry("BREW", "Patient/p"),
        entry("PUT", "http://elsewhere.test/Patient/p", patient()),
        {"resource": patient()},
    ],
)
async def test_one_wrong_entry_and_nothing_is_written(
    client: httpx.AsyncClient, store: Store, wrong: dict[str, Any]
) -> None:
    await put(client, patient())
    before = (store.status().resources, store.status().pending)
    answer = await send(
        client,
        "transaction",
        entry("POST", "Patient", patient("good")),
        entry("PUT", "Patient/p-2", patient("p-2")),
        wrong,
    )
    assert 400 <= answer.status_code < 500
    outcome_of(answer, answer.status_code)
    assert answer.json()["issue"][0]["expression"][0].startswith("Bundle.entry[2]")
    assert (await client.get("/fhir/Patient/p-2")).status_code == 404
    assert (store.status().resources, store.status().pending) == before


@pytest.mark.parametrize("number", ["9" * 5_000, "18446744073709551616", "1e999999999"])
async def test_a_number_that_no_program_holds_is_refused_with_its_entry(
    client: httpx.AsyncClient, number: str, store: Store
) -> None:
    text = json.dumps(
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [entry("PUT", "Patient/p", patient("p", multipleBirthInteger=4711))],
        }
    )
    answer = await client.post("/fhir", content=text.replace("4711", number), headers=FHIR)
    assert 400 <= answer.status_code < 500
    assert "Bundle.entry[0]" in answer.text
    assert store.read("Patient", "p") is None


async def test_a_transaction_keeps_conditions_and_digits(client: httpx.AsyncClient) -> None:
    known = (await put(client, patient(identifier=[{"system": "urn:s", "value": "1"}]))).headers["etag"]
    patch = base64.b64encode(b'[{"op":"add","path":"/gender","value":"female"}]').decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": patch}
    text = json.dumps(
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                entry("POST", "Patient", patient("x"), URN, ifNoneExist="identifier=urn:s|1"),
                entry("POST", "Observation", observation(None, URN, valueQuantity={"value": "DIGITS"})),
                entry("POST", "Observation", observation(None, "Patient?identifier=urn:s|1")),
                entry("PATCH", "Patient/p-1", binary, ifMatch=known),
                entry(
                    "PUT",
                    "Patient?identifier=urn:s|2",
                    {"resourceType": "Patient", "identifier": [{"system": "urn:s", "value": "2"}]},
                ),
                entry("DELETE", "Patient?identifier=urn:s|3"),
                entry("GET", "Patient/p-1"),
                entry("GET", "Observation?subject=Patient/p-1"),
            ],
        }
    ).replace('"DIGITS"', "10.50")
    answer = await client.post("/fhir/", content=text, headers=FHIR)
    assert statuses(answer) == ["200", "201", "201", "200", "201", "204", "200", "200"]
    entries = answer.json()["entry"]
    assert entries[6]["resource"]["gender"] == "female"
    assert len(entries[7]["resource"]["entry"]) == 2
    assert b"10.50" in (await client.get(entries[1]["response"]["location"])).content
    assert (await client.get(entries[2]["response"]["location"])).json()["subject"]["reference"] == "Patient/p-1"


async def test_two_entries_may_not_write_one_resource(client: httpx.AsyncClient) -> None:
    answer = await send(
        client,
        "transaction",
        entry("PUT", "Patient/a", patient("a")),
        entry("PUT", "Patient/a", patient("a", gender="male")),
    )
    outcome_of(answer, 400)
    assert (await client.get("/fhir/Patient/a")).status_code == 404


async def test_deletes_come_before_creations_whatever_their_place(client: httpx.AsyncClient) -> None:
    await put(client, patient("old"))
    answer = await send(
        client,
        "transaction",
        entry("GET", "Patient/new"),
        entry("PUT", "Patient/new", patient("new")),
        entry("DELETE", "Patient/old"),
    )
    assert statuses(answer) == ["200", "201", "204"]
    assert (await client.get("/fhir/Patient/old")).status_code == 410


async def test_a_batch_answers_each_entry_for_itself(client: httpx.AsyncClient) -> None:
    await put(client, patient("p-1"))
    answer = await send(
        client,
        "batch",
        entry("GET", "Patient/p-1"),
        entry("POST", "Patient", {"resourceType": "Patient", "birthDate": "soon"}),
        entry("PUT", "Patient/p-2", patient("p-2")),
        entry("GET", "Patient/none"),
        entry("GET", "Patient?family=owusu&_summary=count"),
        entry("DELETE", "Patient/p-1"),
        {"resource": patient()},
        entry("POST", "", {"resourceType": "Bundle"}),
    )
    assert statuses(answer) == ["200", "422", "201", "404", "200", "204", "400", "400"]
    entries = answer.json()["entry"]
    assert entries[0]["resource"]["id"] == "p-1"
    assert entries[1]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert entries[2]["response"]["etag"].startswith('W/"')
    assert entries[4]["resource"]["total"] == 2


async def test_a_read_in_a_transaction_that_finds_nothing_is_told_in_its_place(client: httpx.AsyncClient) -> None:
    answer = await send(client, "transaction", entry("GET", "Patient/none"), entry("PUT", "Patient/a", patient("a")))
    assert statuses(answer) == ["404", "201"]
    assert answer.json()["entry"][0]["response"]["outcome"]["resourceType"] == "OperationOutcome"


async def test_prefer_decides_what_entries_bring_back(client: httpx.AsyncClient) -> None:
    small = await send(client, "transaction", entry("PUT", "Patient/a", patient("a")))
    assert "resource" not in small.json()["entry"][0]
    full = await send(client, "transaction", entry("PUT", "Patient/b", patient("b")), Prefer="return=representation")
    assert full.json()["entry"][0]["resource"]["id"] == "b"
    told = await send(client, "transaction", entry("PUT", "Patient/c", patient("c")), Prefer="return=OperationOutcome")
    assert told.json()["entry"][0]["response"]["outcome"]["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("bundle", "status"),
    [
        ({"resourceType": "Bundle", "type": "document", "entry": []}, 422),
        ({"resourceType": "Bundle", "entry": []}, 422),
        ({"resourceType": "Patient"}, 400),
        ({"resourceType": "Bundle", "type": "batch", "entry": {}}, 400),
        ([], 400),
    ],
)
async def test_what_is_no_bundle_of_requests_is_refused(client: httpx.AsyncClient, bundle: Any, status: int) -> None:
    outcome_of(await client.post("/fhir", content=json.dumps(bundle), headers=FHIR), status)


async def test_a_bundle_as_a_document_is_stored_like_any_resource(client: httpx.AsyncClient) -> None:
    document = {
        "resourceType": "Bundle",
        "id": "d",
        "type": "collection",
        "entry": [{"fullUrl": URN, "resource": observation("o", "urn:uuid:1")}],
    }
    assert (await put(client, document)).status_code == 201
    shown = (await client.get("/fhir/Bundle/d")).json()
    assert shown["entry"] == document["entry"]


async def test_an_empty_bundle_is_answered_by_an_empty_one(client: httpx.AsyncClient) -> None:
    for kind in ("batch", "transaction"):
        answer = await send(client, kind)
        assert (
            answer.json() == {"resourceType": "Bundle", "type": f"{kind}-response", "entry": []}
            or "entry" not in answer.json()
        )
