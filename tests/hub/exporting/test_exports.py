"""An export from its kick-off to its end: what is in it, what is not, and what the answers are."""

from typing import Any

import httpx
import pytest

from hub.authoring import put
from hub.exporting import working
from hub.exporting.working import work
from hub.moving import move_patient
from hub.runtime import Hub
from hub.states import States
from hub.store.resources import ChangedRow
from sync_protocol import elements, pack
from sync_protocol.register import Stamp
from tests.hub.conftest import NOW_MS
from tests.hub.exporting.conftest import (
    ASKING,
    exported,
    finished,
    kick_off,
    lines,
    observation,
    patient,
    store,
    unzipped,
)


def outcome(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """An OperationOutcome of one issue."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    document: dict[str, Any] = answer.json()
    assert document["resourceType"] == "OperationOutcome"
    issue: dict[str, Any] = document["issue"][0]
    assert (issue["severity"], issue["code"]) == ("error", code)
    assert issue["diagnostics"]
    return issue


@pytest.fixture
async def records(hub: Hub, east: None) -> None:
    await store(hub, "facility/f0", patient("p1"), observation("o1", "p1"), patient("p2"), observation("o2", "p2"))
    await store(hub, "facility/f1", patient("p3"))
    await store(hub, "facility/e0", patient("p4"), observation("o4", "p4"))
    await store(hub, "region/west", {"resourceType": "Organization", "id": "west-office", "name": "West"})
    await store(hub, "region/east", {"resourceType": "Organization", "id": "east-office", "name": "East"})


async def test_all_is_exported_by_type(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, records: None
) -> None:
    assert await exported(client, admin, hub) == {
        "Patient": {"p1", "p2", "p3", "p4"},
        "Observation": {"o1", "o2", "o4"},
        "Organization": {"west-office", "east-office"},
    }


async def test_a_resource_is_as_a_node_shows_it(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, records: None
) -> None:
    manifest = await finished(client, admin, hub, await kick_off(client, admin, _type="Patient"))
    found = {one["id"]: one for one in (await lines(client, admin, manifest["output"]))["Patient"]}
    meta = found["p1"].pop("meta")
    assert found["p1"] == patient("p1")
    assert meta["versionId"]
    assert meta["lastUpdated"].endswith("Z")
    assert set(manifest) == {"transactionTime", "request", "requiresAccessToken", "output", "deleted", "error"}
    assert manifest["requiresAccessToken"] is True
    assert manifest["request"].endswith("/fhir/$export?_type=Patient")


async def test_a_facility_is_a_group_and_so_are_those_in_its_records(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, records: None
) -> None:
    assert await exported(client, admin, hub, "/fhir/Group/f0/$export") == {
        "Patient": {"p1", "p2"},
        "Observation": {"o1", "o2"},
    }
    members = [
        {"entity": {"reference": "Patient/p2"}},
        {"entity": {"reference": "Patient/p1"}, "inactive": True},
        {"entity": {"reference": "Device/d"}},
        {"entity": {"display": "somebody"}},
    ]
    group = {"resourceType": "Group", "id": "high-risk", "type": "person", "actual": True, "member": members}
    await store(hub, "facility/f0", group)
    assert await exported(client, admin, hub, "/fhir/Group/high-risk/$export") == {
        "Patient": {"p2"},
        "Observation": {"o2"},
    }
    outcome(await client.get("/fhir/Group/none/$export", headers=ASKING | admin), 404, "not-found")


async def test_since_the_last_export_there_is_what_was_stored_and_what_was_deleted(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, records: None
) -> None:
    first = await finished(client, admin, hub, await kick_off(client, admin))
    assert first["deleted"] == []
    since = {"_since": first["transactionTime"]}
    async with hub.database.transaction() as connection:  # as if it had been long before
        await connection.execute("UPDATE resource SET stored = stored - interval '1 hour'")
    assert await exported(client, admin, hub, **since) == {}
    await store(hub, "facility/f0", observation("o1", "p1", "Hb, corrected"), observation("o9", "p1"))
    await delete(hub, "facility/f0", "Observation", "o2")
    second = await finished(client, admin, hub, await kick_off(client, admin, **since))
    assert {one["id"] for one in (await lines(client, admin, second["output"]))["Observation"]} == {"o1", "o9"}
    (bundle,) = (await lines(client, admin, second["deleted"]))["Bundle"]
    assert bundle["type"] == "transaction"
    assert bundle["entry"] == [{"request": {"method": "DELETE", "url": "Observation/o2"}}]
    of_patients = await finished(client, admin, hub, await kick_off(client, admin, _type="Patient", **since))
    assert of_patients["deleted"] == []
    whole = await finished(client, admin, hub, await kick_off(client, admin))
    assert whole["deleted"] == []
    assert {one["id"] for one in (await lines(client, admin, whole["output"]))["Observation"]} == {"o1", "o9", "o4"}


async def delete(hub: Hub, scope: str, type_: str, id_: str) -> None:
    """As a node's deletion arrives: the resource stays, with a deletion register."""
    async with hub.shards.first.shard() as shard:
        (row,) = await shard.named_scopes([scope])
        (found,) = await shard.lock_present([hub.keys.resource_key(f"{type_}/{id_}")])
        current = States(hub.shards.first).open(row, found.rkey, found.state)
        stamp = Stamp(hub.shards.first.epoch, hub.shards.first.next_counter(), NOW_MS, NOW_MS, "ama", "midwife")
        after, _ = elements.delete(current, current, stamp)
        named = pack.named(after)
        sealed = States(hub.shards.first).seal(row, found.rkey, named)
        await shard.update_rows([ChangedRow(found.key, row.id, pack.hash_named(named), sealed)])


async def test_what_commits_late_is_in_the_next_export(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, records: None
) -> None:
    """A transaction that began before the export and commits after it stores under the time it began."""
    async with hub.shards.first.shard() as shard:
        (row,) = await shard.named_scopes(["facility/f0"])
        first = await finished(client, admin, hub, await kick_off(client, admin))
        await put(hub.shards.first, shard, row, [patient("late")], NOW_MS)
    seen = {one["id"] for one in (await lines(client, admin, first["output"]))["Patient"]}
    assert "late" not in seen
    again = await exported(client, admin, hub, _since=first["transactionTime"], _type="Patient")
    assert "late" in again["Patient"]


async def test_who_moves_meanwhile_is_there_once_and_who_comes_later_is_not(
    client: httpx.AsyncClient,
    admin: dict[str, str],
    hub: Hub,
    records: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(working, "ROWS_A_SLICE", 2)
    location = await kick_off(client, admin)
    scan = working._Work._slice
    slices = 0

    async def moving(self: Any, place: Any, after: int, upto: int) -> Any:
        nonlocal slices
        slices += 1
        if slices == 2:
            await move_patient(hub.shards.first, "p1", "facility/f1")
            await move_patient(hub.shards.first, "p3", "facility/f0")
            await store(hub, "facility/f0", patient("new"))
        return await scan(self, place, after, upto)

    monkeypatch.setattr(working._Work, "_slice", moving)
    manifest = await finished(client, admin, hub, location)
    found = await lines(client, admin, manifest["output"])
    assert sorted(one["id"] for one in found["Patient"]) == ["p1", "p2", "p3", "p4"]
    assert slices > 3


async def test_a_row_that_does_not_open_is_told_by_its_number_and_holds_nothing_up(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, records: None
) -> None:
    async with hub.database.transaction() as connection:
        key = await connection.fetchval(
            "UPDATE resource SET state = 'damaged' WHERE key = (SELECT max(key) FROM resource) RETURNING key"
        )
    manifest = await finished(client, admin, hub, await kick_off(client, admin))
    (told,) = (await lines(client, admin, manifest["error"]))["OperationOutcome"]
    assert str(key) in told["issue"][0]["diagnostics"]
    assert len((await lines(client, admin, manifest["output"]))["Patient"]) == 4


async def test_a_file_comes_as_gzip_to_who_takes_it(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, records: None
) -> None:
    location = await kick_off(client, admin, "/fhir/Group/f0/$export", _type="Patient")
    (file,) = (await finished(client, admin, hub, location))["output"]
    async with client.stream("GET", file["url"], headers=admin | {"Accept-Encoding": "br, gzip;q=0.5"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        raw = b"".join([part async for part in answer.aiter_raw()])
        assert len(raw) == int(answer.headers["content-length"])
    plain = await client.get(file["url"], headers=admin | {"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert [one["id"] for one in unzipped(raw)] in (["p1", "p2"], ["p2", "p1"])
    assert b"\n".join([*plain.content.splitlines(), b""]) == plain.content
    assert plain.headers["cache-control"] == "no-store"
    refused = await client.get(file["url"], headers=admin | {"Accept-Encoding": "gzip;q=0, identity"})
    assert "content-encoding" not in refused.headers


# --- answers ---


async def test_what_is_told_while_it_is_made(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, records: None
) -> None:
    location = await kick_off(client, admin)
    waiting = await client.get(location, headers=admin)
    assert (waiting.status_code, waiting.headers["x-progress"]) == (202, "waiting")
    assert int(waiting.headers["retry-after"]) > 0
    await finished(client, admin, hub, location)
    done = await client.get(location, headers=admin)
    assert done.headers["content-type"].startswith("application/json")
    assert done.headers["expires"]


@pytest.mark.parametrize(
    ("change", "query", "status", "code"),
    [
        ({"Authorization": ""}, "", 401, "login"),
        ({"Authorization": "Bearer n-0.secret"}, "", 401, "login"),
        ({"Prefer": ""}, "", 400, "invalid"),
        ({"Accept": "text/csv"}, "", 400, "invalid"),
        ({}, "?_outputFormat=csv", 400, "invalid"),
        ({}, "?_elements=id", 400, "invalid"),
    ],
)
async def test_what_is_refused_is_refused_as_fhir_does(
    client: httpx.AsyncClient,
    admin: dict[str, str],
    change: dict[str, str],
    query: str,
    status: int,
    code: str,
) -> None:
    outcome(await client.get(f"/fhir/$export{query}", headers={**ASKING, **admin, **change}), status, code)


async def test_other_places_below_fhir_answer_outcomes_too(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    outcome(await client.get("/fhir/Patient/p1", headers=admin), 404, "not-found")
    outcome(await client.post("/fhir/$export", headers=admin), 405, "not-supported")
    outcome(await client.get("/fhir/$export-status/none", headers=admin), 404, "not-found")
    outcome(await client.get("/fhir/$export-files/none/1", headers=admin), 404, "not-found")
    outcome(await client.get("/fhir/$export-files/none/x", headers=admin), 404, "not-found")


async def test_a_dollar_that_was_escaped_is_one(client: httpx.AsyncClient, admin: dict[str, str], hub: Hub) -> None:
    assert (await client.get("/fhir/%24export", headers=ASKING | admin)).status_code == 202


async def test_what_is_asked_and_fetched_stands_in_the_audit(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, records: None
) -> None:
    location = await kick_off(client, admin, "/fhir/Group/f0/$export", _type="Patient")
    manifest = await finished(client, admin, hub, location)
    await lines(client, admin, manifest["output"])
    assert (await client.delete(location, headers=admin)).status_code == 202
    async with hub.database.transaction() as connection:
        acts = await connection.fetch(
            "SELECT actor, action, object FROM audit WHERE action LIKE 'export.%' ORDER BY id"
        )
    job = location.rpartition("/")[2]
    assert [tuple(act) for act in acts] == [
        ("api", "export.begin", f"{job} Group/f0 _type=Patient"),
        ("api", "export.fetch", f"{job} 1 Patient"),
        ("api", "export.delete", job),
    ]


async def test_nobody_asks_for_more_than_some(client: httpx.AsyncClient, admin: dict[str, str], hub: Hub) -> None:
    for _ in range(5):
        await kick_off(client, admin)
    refused = await client.get("/fhir/$export", headers=ASKING | admin)
    outcome(refused, 429, "throttled")
    assert refused.headers["retry-after"]
    while await work(hub, NOW_MS):
        pass
    await kick_off(client, admin)
