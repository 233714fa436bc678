"""`Patient/$match` at the hub: found on every shard of the regions that one sees, counted, written down, and never for whom."""

from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import msgspec
import pytest

from hub import matching, sharding
from hub.api.context import new_context
from hub.errors import PostgresFault, TooManyRequests
from hub.facilities import add_facility
from hub.runtime import Hub
from hub.sessions.visitor import LOCAL, Visitor
from tests.hub.conftest import NOW_MS
from tests.hub.test_api import serving
from tests.hub.test_duplicates import ADAEZE, write

ASKED = matching.understood({"resourceType": "Patient", **ADAEZE}, 10, certain_only=False)
OTHER = {"name": [{"given": ["Kofi"], "family": "Mensah"}], "birthDate": "1960-01-01", "gender": "male"}


@pytest.fixture
async def nation(two: Hub) -> Hub:
    """Of `west`: w1 on the first shard, w3 on the second. Of `east`, on the first: e0. Adaeze is at each of them."""
    await add_facility(two, "tests", "w3", "Clinic w3", "west", NOW_MS, 2)
    await sharding.serve_region(two, "tests", 1, "east")
    await add_facility(two, "tests", "e0", "Clinic e0", "east", NOW_MS, 1)
    first, second = two.shards.at(1), two.shards.at(2)
    await write(first, "w1", {"id": "a", **ADAEZE}, {"id": "o", **OTHER})
    await write(second, "w3", {"id": "b", **ADAEZE, "birthDate": "1991-03"})
    await write(first, "e0", {"id": "c", **ADAEZE})
    return two


@pytest.fixture
async def client(nation: Hub) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {nation._admin_token}"}
    async with (
        serving(new_context(nation, lambda: NOW_MS)) as url,
        httpx.AsyncClient(base_url=url, timeout=30, headers=headers) as one,
    ):
        yield one


def parameters(patient: dict[str, Any], **others: Any) -> dict[str, Any]:
    given = [
        {"name": name, ("valueInteger" if name == "count" else "valueBoolean"): value} for name, value in others.items()
    ]
    resource = {"name": "resource", "resource": {"resourceType": "Patient", **patient}}
    return {"resourceType": "Parameters", "parameter": [resource, *given]}


async def asked(client: httpx.AsyncClient, patient: dict[str, Any], **others: Any) -> httpx.Response:
    return await client.post("/fhir/Patient/$match", json=parameters(patient, **others))


async def test_she_is_found_on_every_shard_and_in_every_region_that_one_sees(nation: Hub) -> None:
    async def ids(visitor: Visitor) -> list[str]:
        return [one.id for one in await matching.match(nation, visitor, ASKED)]

    assert sorted(await ids(LOCAL)) == ["a", "b", "c"]
    assert await ids(Visitor("wendy", "admin", "west")) == ["a", "b"], "the likeliest first"
    assert await ids(Visitor("edgar", "admin", "east")) == ["c"]
    async with nation.database.transaction() as connection:
        rows = await connection.fetch("SELECT actor, object FROM audit WHERE action = 'person.match' ORDER BY id")
    assert [tuple(row) for row in rows] == [("api", "3"), ("wendy", "2"), ("edgar", "1")]


async def test_the_answer_is_a_bundle_of_whom_it_may_be(client: httpx.AsyncClient) -> None:
    answer = await asked(client, ADAEZE)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/fhir+json")
    assert answer.headers["cache-control"] == "no-store"
    bundle = answer.json()
    assert (bundle["resourceType"], bundle["type"], bundle["total"]) == ("Bundle", "searchset", 3)
    found = {one["resource"]["id"]: one for one in bundle["entry"]}
    assert found["a"]["resource"]["name"] == ADAEZE["name"]
    assert {one["resource"]["meta"]["source"] for one in bundle["entry"]} == {
        f"urn:medtech:facility:{facility}" for facility in ("w1", "w3", "e0")
    }
    assert found["a"]["search"]["mode"] == "match"
    assert 0.9 < found["b"]["search"]["score"] <= found["a"]["search"]["score"] < 1
    assert [one["valueCode"] for one in found["a"]["search"]["extension"]] == ["certain"]


async def test_fewer_or_the_certain_one_alone(client: httpx.AsyncClient) -> None:
    assert len((await asked(client, ADAEZE, count=1)).json()["entry"]) == 1
    assert (await asked(client, ADAEZE, count=0)).json() == {"resourceType": "Bundle", "type": "searchset", "total": 0}
    assert (await asked(client, ADAEZE, onlyCertainMatches=True)).json()["total"] == 0, "two are equally certain"
    certain = (await asked(client, OTHER | {"telecom": ADAEZE["telecom"]}, onlyCertainMatches=True)).json()
    assert certain["total"] == 0
    strangers = {"name": [{"given": ["Zainab"], "family": "Bello"}], "birthDate": "2001-02-03"}
    assert (await asked(client, strangers)).json()["total"] == 0


NO_QUESTIONS: Final[list[dict[str, Any]]] = [
    {"resourceType": "Patient", **ADAEZE},
    {"resourceType": "Parameters", "parameter": []},
    {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": {"resourceType": "Device"}}]},
    {"resourceType": "Parameters", "parameter": [{"name": "resource", "valueBoolean": True}]},
    parameters(ADAEZE) | {"parameter": [*parameters(ADAEZE)["parameter"], {"name": "count"}]},
    parameters(ADAEZE) | {"parameter": [*parameters(ADAEZE)["parameter"], {"name": "limit", "valueInteger": 1}]},
    parameters({"gender": "female"}),
    parameters({"name": [{"text": "a" * 40_000}], "birthDate": "1991-03-14"}),
    parameters({"identifier": [{"system": "s", "value": str(number)} for number in range(1000)]}),
]


async def test_what_is_no_question_is_refused_and_not_written_down(client: httpx.AsyncClient, nation: Hub) -> None:
    for body in NO_QUESTIONS:
        answer = await client.post("/fhir/Patient/$match", json=body)
        assert answer.status_code == 400, body
        assert answer.json()["resourceType"] == "OperationOutcome"
    async with nation.database.transaction() as connection:
        assert not await connection.fetchval("SELECT count(*) FROM audit WHERE action = 'person.match'")


async def test_nobody_asks_for_the_whole_nation(nation: Hub) -> None:
    often = nation.settings.finds_per_hour
    who = Visitor("edgar", "admin", "east")
    nothing = msgspec.structs.replace(ASKED, count=0)
    for _ in range(often):
        await matching.match(nation, who, nothing)
    with pytest.raises(TooManyRequests):
        await matching.match(nation, who, nothing)
    assert await matching.match(nation, LOCAL, nothing) == []


async def test_a_shard_that_is_away_is_no_answer(nation: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """She may be there: that nobody was found would be untrue."""

    def gone(*_: object) -> None:
        raise PostgresFault

    monkeypatch.setattr(nation.shards.at(2), "reading", gone)
    with pytest.raises(PostgresFault):
        await matching.match(nation, LOCAL, ASKED)
    assert [one.id for one in await matching.match(nation, Visitor("edgar", "admin", "east"), ASKED)] == ["c"]
