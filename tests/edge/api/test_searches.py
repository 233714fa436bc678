"""Searches, their pages, and the operations that answer with a searchset."""

import json
from typing import Any

import httpx
import pytest

from tests.edge.api.conftest import FHIR, patient, put
from tests.edge.api.test_interactions import outcome_of


def observation(number: int, subject: str = "p-1", **members: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"o-{number}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "subject": {"reference": f"Patient/{subject}"},
        "effectiveDateTime": f"2024-01-{number % 28 + 1:02}",
        **members,
    }


def ids(bundle: dict[str, Any], mode: str = "match") -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == mode]


def link(bundle: dict[str, Any], relation: str) -> str | None:
    return next((str(one["url"]) for one in bundle["link"] if one["relation"] == relation), None)


async def test_a_search_is_a_searchset_with_its_own_address(client: httpx.AsyncClient) -> None:
    await put(client, patient())
    bundle = (await client.get("/fhir/Patient", params={"family": "owu"})).json()
    assert (bundle["resourceType"], bundle["type"], bundle["total"]) == ("Bundle", "searchset", 1)
    assert link(bundle, "self") == "http://clinic.test/fhir/Patient?family=owu"
    assert link(bundle, "next") is None
    assert bundle["entry"][0]["fullUrl"] == "http://clinic.test/fhir/Patient/p-1"
    assert (await client.get("/fhir/Patient", params={"family": "nobody"})).json()["total"] == 0


async def test_a_search_by_post_shows_what_was_asked_nowhere(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await put(client, patient(f"p-{number}"))
    bundle = (await client.post("/fhir/Patient/_search", data={"family": "owusu", "_count": "2"})).json()
    assert len(ids(bundle)) == 2
    assert "owusu" not in json.dumps(bundle["link"]).lower()
    again = (await client.get(link(bundle, "self") or "")).json()
    assert ids(again) == ids(bundle)
    rest = (await client.get(link(bundle, "next") or "")).json()
    assert len({*ids(bundle), *ids(rest)}) == 3


@pytest.mark.parametrize("sort", ["", "_lastUpdated", "-date", "_id"])
async def test_pages_show_everything_once_while_writes_go_on(client: httpx.AsyncClient, sort: str) -> None:
    for number in range(25):
        await put(client, observation(number))
    params = {"code": "http://loinc.org|718-7", "_count": "4"} | ({"_sort": sort} if sort else {})
    page = (await client.get("/fhir/Observation", params=params)).json()
    seen: list[str] = []
    for turn in range(20):
        seen += ids(page)
        further = link(page, "next")
        if further is None:
            break
        assert "718-7" not in further
        await put(client, observation(100 + turn, effectiveDateTime="2023-01-01"))
        await client.post("/fhir/Patient", content=json.dumps(patient()), headers=FHIR)
        page = (await client.get(further)).json()
    old = [one for one in seen if int(one[2:]) < 100]
    assert sorted(old) == sorted(f"o-{number}" for number in range(25))
    assert len(seen) == len(set(seen))


async def test_a_cursor_is_worth_nothing_to_others_and_when_touched(
    client: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    for number in range(3):
        await put(client, patient(f"p-{number}"))
    further = link((await client.get("/fhir/Patient", params={"_count": "1"})).json(), "next") or ""
    outcome_of(await anyone.get(further), 401)
    outcome_of(await client.get(further[:-4] + "AAAA"), 400)
    outcome_of(await client.get("/fhir/Patient", params={"_cursor": "x"}), 400)


async def test_count_zero_and_summary_count_bring_only_the_total(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await put(client, patient(f"p-{number}"))
    for params in ({"_count": "0"}, {"_summary": "count"}):
        bundle = (await client.get("/fhir/Patient", params=params)).json()
        assert bundle["total"] == 3
        assert "entry" not in bundle
    accurate = (await client.get("/fhir/Patient", params={"_count": "1", "_total": "accurate"})).json()
    assert (accurate["total"], len(ids(accurate))) == (3, 1)


async def test_includes_and_reverse_includes(client: httpx.AsyncClient) -> None:
    await put(client, patient())
    await put(client, observation(1))
    included = (await client.get("/fhir/Observation", params={"_include": "Observation:subject"})).json()
    assert (ids(included), ids(included, "include")) == (["o-1"], ["p-1"])
    reverse = (await client.get("/fhir/Patient", params={"_revinclude": "Observation:subject"})).json()
    assert (ids(reverse), ids(reverse, "include")) == (["p-1"], ["o-1"])


async def test_unknown_parameters_are_told_or_refused(client: httpx.AsyncClient) -> None:
    await put(client, patient())
    lenient = (await client.get("/fhir/Patient", params={"family": "owusu", "colour": "red"})).json()
    assert ids(lenient) == ["p-1"]
    assert lenient["entry"][-1]["search"]["mode"] == "outcome"
    assert "colour" not in (link(lenient, "self") or "")
    strict = await client.get("/fhir/Patient", params={"colour": "red"}, headers={"Prefer": "handling=strict"})
    outcome_of(strict, 400)
    for params in ({"birthdate": "soon"}, {"_count": "-1"}, {"family:fuzzy": "x"}, {"_sort": ""}, {"_summary": "all"}):
        answer = await client.get("/fhir/Patient", params=params)
        assert answer.status_code in (200, 400)
        assert "soon" not in answer.text


async def test_elements_and_pretty(client: httpx.AsyncClient) -> None:
    await put(client, patient(gender="female", birthDate="1990-01-01"))
    bundle = (await client.get("/fhir/Patient", params={"_elements": "gender", "_pretty": "true"})).json()
    shown = bundle["entry"][0]["resource"]
    assert shown["gender"] == "female"
    assert "birthDate" not in shown
    assert shown["meta"]["tag"][0]["code"] == "SUBSETTED"


async def test_compartment_searches(client: httpx.AsyncClient) -> None:
    await put(client, patient("p-1"))
    await put(client, patient("p-2"))
    for number in range(4):
        await put(client, observation(number, f"p-{number % 2 + 1}"))
    bundle = (await client.get("/fhir/Patient/p-1/Observation", params={"status": "final", "_count": "1"})).json()
    rest = (await client.get(link(bundle, "next") or "")).json()
    assert ids(bundle) + ids(rest) == ["o-0", "o-2"]
    assert ids((await client.post("/fhir/Patient/p-2/Observation/_search", data={"_id": "o-1"})).json()) == ["o-1"]
    assert ids((await client.get("/fhir/Patient/p-2/*")).json()) == ["o-1", "o-3"]
    outcome_of(await client.get("/fhir/Practitioner/x/Observation"), 404)
    outcome_of(await client.get("/fhir/Patient/p-1/Organization"), 400)


async def test_everything(client: httpx.AsyncClient) -> None:
    await put(client, patient("p-1", generalPractitioner=[{"reference": "Practitioner/d-1"}]))
    await put(client, {"resourceType": "Practitioner", "id": "d-1"})
    await put(client, patient("p-2"))
    for number in range(6):
        await put(client, observation(number, f"p-{number % 2 + 1}"))
    whole = (await client.get("/fhir/Patient/p-1/$everything")).json()
    assert sorted(ids(whole)) == ["o-0", "o-2", "o-4", "p-1"]
    assert ids(whole, "include") == ["d-1"]
    page = (await client.get("/fhir/Patient/p-1/$everything", params={"_count": "3"})).json()
    rest = (await client.get(link(page, "next") or "")).json()
    assert sorted(ids(page) + ids(rest)) == sorted(ids(whole))
    some = (await client.get("/fhir/Patient/p-1/$everything", params={"_type": "Observation"})).json()
    assert ids(some) == ["o-0", "o-2", "o-4"]
    outcome_of(await client.get("/fhir/Patient/none/$everything"), 404)
    outcome_of(await client.get("/fhir/Observation/o-1/$everything"), 404)


async def test_validate(client: httpx.AsyncClient) -> None:
    async def severities(path: str, body: dict[str, Any]) -> set[str]:
        answer = await client.post(path, content=json.dumps(body), headers=FHIR)
        assert answer.status_code == 200
        return {issue["severity"] for issue in answer.json()["issue"]}

    wrong = patient(birthDate="soon")
    assert await severities("/fhir/Patient/$validate", patient()) == {"information"}
    assert await severities("/fhir/Patient/$validate", wrong) == {"error"}
    assert await severities("/fhir/Observation/$validate", patient()) == {"error"}
    assert await severities("/fhir/$validate", wrong) == {"error"}
    wrapped = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": wrong}]}
    assert await severities("/fhir/Patient/$validate", wrapped) == {"error"}
    await put(client, patient())
    assert (await client.get("/fhir/Patient/p-1/$validate")).json()["issue"][0]["severity"] == "information"
    assert (await client.get("/fhir/Patient/p-1")).json().get("birthDate") is None


async def test_match_tells_who_it_may_be_best_first(client: httpx.AsyncClient) -> None:
    await put(
        client, patient("same", identifier=[{"system": "s", "value": "1"}], birthDate="1990-05-04", gender="female")
    )
    await put(client, patient("namesake", birthDate="1950-05-04", gender="female"))
    await put(
        client,
        patient("sister", name=[{"family": "Owusu", "given": ["Efua"]}], birthDate="1990-05-04", gender="female"),
    )
    wanted = patient("x", identifier=[{"system": "s", "value": "1"}], birthDate="1990-05-04", gender="female")
    body = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": wanted}]}
    bundle = (await client.post("/fhir/Patient/$match", content=json.dumps(body), headers=FHIR)).json()
    assert ids(bundle)[0] == "same"
    assert "namesake" not in ids(bundle)
    first = bundle["entry"][0]["search"]
    assert first["score"] > 0.9
    assert first["extension"][0]["valueCode"] == "certain"
    body["parameter"].append({"name": "onlyCertainMatches", "valueBoolean": True})  # type: ignore[attr-defined]
    certain = (await client.post("/fhir/Patient/$match", content=json.dumps(body), headers=FHIR)).json()
    assert ids(certain) == ["same"]


async def test_all_types_can_be_searched_by_id_and_time(client: httpx.AsyncClient) -> None:
    await put(client, patient("x"))
    written = await put(client, observation(1, "x"))
    assert len((await client.get("/fhir")).json()["entry"]) == 2
    assert ids((await client.get("/fhir/", params={"_id": "x"})).json()) == ["x"]
    assert ids((await client.get("/fhir", params={"_type": "Observation"})).json()) == ["o-1"]
    since = written.json()["meta"]["lastUpdated"]
    assert ids((await client.get("/fhir", params={"_lastUpdated": f"ge{since}"})).json()) == ["o-1"]
    page = (await client.get("/fhir", params={"_count": "1"})).json()
    assert len({*ids(page), *ids((await client.get(link(page, "next") or "")).json())}) == 2


async def test_the_capability_statement_is_true_and_needs_no_login(
    client: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    statement = (await anyone.get("/fhir/metadata")).json()
    assert (statement["resourceType"], statement["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
    resources = {one["type"]: one for one in statement["rest"][0]["resource"]}
    assert {code["code"] for code in resources["AuditEvent"]["interaction"]}.isdisjoint(
        {"create", "update", "delete", "patch"}
    )
    strict = {"Prefer": "handling=strict"}
    for type_, one in resources.items():
        for parameter in one["searchParam"]:
            answer = await client.get(
                f"/fhir/{type_}", params={f"{parameter['name']}:missing": "true", "_count": "1"}, headers=strict
            )
            if answer.status_code == 400:
                answer = await client.get(
                    f"/fhir/{type_}", params={parameter["name"]: "2020-01-01", "_count": "1"}, headers=strict
                )
            assert answer.status_code == 200, (type_, parameter["name"], answer.text)


async def test_match_understands_other_spellings_and_says_how_sure_it_is(client: httpx.AsyncClient) -> None:
    written = {"birthDate": "1990-05-04", "gender": "female", "telecom": [{"system": "phone", "value": "0241234567"}]}
    await put(client, patient("here", name=[{"family": "Diallo", "given": ["Fatoumata"]}], **written))
    await put(client, patient("twin", name=[{"family": "Diallo", "given": ["Adama"]}], **written))
    wanted = patient("x", name=[{"text": "Fatuma Jallow"}], **written)
    bundle = await matched(client, wanted)
    assert ids(bundle) == ["here", "twin"]
    assert [entry["search"]["extension"][0]["valueCode"] for entry in bundle["entry"]] == ["certain", "probable"]
    scores = [entry["search"]["score"] for entry in bundle["entry"]]
    assert 1 > scores[0] > scores[1] > 0
    assert ids(await matched(client, wanted, {"name": "count", "valueInteger": 1})) == ["here"]
    assert ids(await matched(client, wanted, {"name": "onlyCertainMatches", "valueBoolean": True})) == ["here"]
    assert (await matched(client, patient("x", name=[{"text": "Kofi"}], birthDate="1961"))).get("entry") is None


async def test_two_that_are_equally_certain_are_not_one_certain_match(client: httpx.AsyncClient) -> None:
    whole = {"birthDate": "1990-05-04", "identifier": [{"system": "s", "value": "1"}]}
    await put(client, patient("one", **whole))
    await put(client, patient("again", **whole))
    assert ids(await matched(client, patient("x", **whole))) == ["again", "one"]
    certain = {"name": "onlyCertainMatches", "valueBoolean": True}
    assert (await matched(client, patient("x", **whole), certain))["total"] == 0


async def matched(client: httpx.AsyncClient, wanted: dict[str, Any], *more: dict[str, Any]) -> dict[str, Any]:
    body = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": wanted}, *more]}
    answer = await client.post("/fhir/Patient/$match", content=json.dumps(body), headers=FHIR)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found
