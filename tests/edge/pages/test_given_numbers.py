"""A number for who was registered elsewhere: given once, by who may write who somebody is, and found by it from then on."""

import json

import httpx
import pytest

from edge_node.store.store import Store
from sync_protocol.matching import numbers
from tests.edge.pages import clinic
from tests.edge.pages.test_answers import ama, anyone, app, log_in, store

__all__ = ["ama", "anyone", "app", "store"]

CARD = "/patients/p-1/card"
BUTTON = "Give a number"


def given(store: Store) -> list[str]:
    stored = store.read("Patient", "p-1")
    assert stored is not None
    known = json.loads(stored.body or b"{}").get("identifier", [])
    return [one["value"] for one in known if one["system"] == numbers.SYSTEM]


async def test_who_came_without_a_number_is_given_one(ama: httpx.AsyncClient, store: Store) -> None:
    assert BUTTON in (await ama.get(CARD)).text
    for _ in range(2):
        answer = await ama.post(CARD, headers={"origin": "http://clinic.test"})
        assert (answer.status_code, answer.headers["location"]) == (303, CARD)
    (number,) = given(store)
    page = (await ama.get(CARD)).text
    assert numbers.PatientNumber(number).grouped in page
    assert BUTTON not in page
    found = await ama.post("/scan", data={"number": number}, headers={"origin": "http://clinic.test"})
    assert found.headers["location"] == "/patients/p-1"


async def test_of_two_who_ask_at_the_same_moment_one_gives_it(
    ama: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = store.new_patient_number

    def meanwhile() -> numbers.PatientNumber:
        other = {"system": numbers.SYSTEM, "value": drawn().digits}
        clinic.write(store, {"resourceType": "Patient", "id": "p-1", "identifier": [other]})
        return drawn()

    monkeypatch.setattr(store, "new_patient_number", meanwhile)
    answer = await ama.post(CARD, headers={"origin": "http://clinic.test"})
    assert (answer.status_code, answer.headers["location"]) == (303, CARD)
    assert len(given(store)) == 1
    assert store.disagreements("Patient", "p-1") == []


async def test_nobody_is_given_none(ama: httpx.AsyncClient) -> None:
    answer = await ama.post("/patients/nobody/card", headers={"origin": "http://clinic.test"})
    assert answer.status_code == 404


async def test_a_number_she_has_elsewhere_stays(ama: httpx.AsyncClient, store: Store) -> None:
    other = {"system": "urn:example:card", "value": "KT-10074"}
    clinic.write(store, {"resourceType": "Patient", "id": "p-1", "identifier": [other]})
    await ama.post(CARD, headers={"origin": "http://clinic.test"})
    stored = store.read("Patient", "p-1")
    assert stored is not None
    assert other in json.loads(stored.body or b"{}")["identifier"]
    assert len(given(store)) == 1


async def test_it_is_for_who_may_write_who_somebody_is(anyone: httpx.AsyncClient, store: Store) -> None:
    await log_in(anyone, "citizen")
    assert (await anyone.post(CARD, headers={"origin": "http://clinic.test"})).status_code == 403
    assert given(store) == []
