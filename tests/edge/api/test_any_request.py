"""Whatever is asked, the answer is an answer: never a failure of ours, and an error is an OperationOutcome."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_node.api.app import Parts, make_app
from edge_node.api.door import Door
from edge_node.programme import Programme
from edge_node.store.store import Store
from tests.edge.api.conftest import FHIR, KEY, START_MS, Clock, patient, put

NAMES = st.sampled_from(
    [
        "x y",
        "",
        *"Patient Observation Bundle Spaceship AuditEvent p-1 _history _search $validate $match $everything * %2e".split(),
    ]
)
PARAMETERS = st.sampled_from(
    (
        "_id _count _sort _include _revinclude _has:Observation:patient:code subject:Patient.name birthdate family:exact _cursor _elements "
        "_summary _total _lastUpdated _format _since entity identifier code:not value-quantity _text"
    ).split()
)
VALUES = st.text(max_size=12) | st.sampled_from(
    [
        "",
        *"1 p-1 ge2020 a|b | a,b \\ Patient:link Observation:subject true json -_id 5.4|http://unitsofmeasure.org|mg".split(),
    ]
)
MEMBERS = st.sampled_from(
    "resourceType id meta entry request method url type name extension versionId resource parameter".split()
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4), max_leaves=12
)
TYPES = st.sampled_from(["Patient", "Bundle", "Observation", "Parameters", "Binary"])
RESOURCES = JSON | st.builds(
    lambda kind, members: {**members, "resourceType": kind}, TYPES, st.dictionaries(MEMBERS, JSON, max_size=4)
)
ENTRIES = st.builds(
    lambda method, url, resource: {"request": {"method": method, "url": url}, "resource": resource},
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "PATCH"]),
    st.sampled_from(["Patient", "Patient/p-1", "Patient?_id=p-1", "", "$validate", "Observation/_search"]),
    RESOURCES,
)
BUNDLES = st.builds(
    lambda kind, entries: {"resourceType": "Bundle", "type": kind, "entry": entries},
    st.sampled_from(["batch", "transaction"]),
    st.lists(ENTRIES, max_size=3),
)
MEDIA = st.sampled_from(
    [
        *(f"application/{name}+json" for name in ("fhir", "json-patch", "merge-patch")),
        "application/x-www-form-urlencoded",
    ]
)
HEADERS = st.dictionaries(
    st.sampled_from(["If-Match", "If-None-Match", "If-None-Exist", "If-Modified-Since", "Prefer", "Accept"]),
    st.sampled_from(
        ['W/"x"', "*", "a,b", "_id=p-1", "identifier=x", "return=minimal", "Sun, 06 Nov 1994 08:49:37 GMT", "*/*"]
    ),
    max_size=2,
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, str]]:
    directory: Path = tmp_path_factory.mktemp("any")
    with Store.open(directory, KEY, Programme(), create=True) as store:
        store.users.add("ama", "clinician", "a long enough password", START_MS)
        app = make_app(store, Clock())
        parts: Parts = app.app.state.parts
        yield app, parts.logins._tokens.issue("ama", "clinician")
        parts.threads.close()


@settings(max_examples=300)
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
    path=st.lists(NAMES, max_size=4),
    query=st.lists(st.tuples(PARAMETERS, VALUES), max_size=3),
    body=RESOURCES | BUNDLES | st.binary(max_size=20),
    media=MEDIA,
    headers=HEADERS,
)
def test_every_request_has_an_answer(
    served: tuple[Door, str],
    method: str,
    path: list[str],
    query: list[tuple[str, str]],
    body: object,
    media: str,
    headers: dict[str, str],
) -> None:
    app, token = served

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        login = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://clinic.test", headers=login) as client:
            await put(client, patient())
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            address = "/fhir/" + "/".join(path)
            sent = {**FHIR, "Content-Type": media, **headers}
            return await client.request(method, address, params=tuple(query) or None, content=content, headers=sent)

    answer = asyncio.run(ask())
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and method != "HEAD":
        assert answer.json()["resourceType"] == "OperationOutcome"
        assert answer.json()["issue"][0]["diagnostics"]
