"""What registration and its changes become: FHIR that says what was said, and nothing else of a record touched."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from edge_node.forms.answers import Answers, Dated, Person
from edge_node.forms.context import Context, Held, changed, create, decode, encode
from edge_node.forms.fields import wrong
from edge_node.forms.parsing import parse
from edge_node.forms.registration import EDIT, REGISTER, birth, edit, is_estimated, register, start_edit
from edge_node.forms.showing import as_sent
from edge_node.pages.sheets import SHEETS
from edge_node.programme import Programme
from edge_node.store.model import Author, Write

AT = datetime(2026, 3, 31, 10, 5, tzinfo=UTC)
AMA: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "ama",
    "meta": {"versionId": "0123456789abcdef"},
    "active": True,
    "identifier": [
        {"system": "urn:other", "value": "KT-1"},
        {"system": "urn:medtech-edge:national-number", "value": "N1"},
    ],
    "name": [
        {"use": "official", "family": "Mensah", "given": ["Ama"], "prefix": ["Dr"]},
        {"use": "maiden", "family": "Owusu"},
    ],
    "telecom": [
        {"system": "email", "value": "a@b"},
        {"system": "phone", "value": "+234 803-5", "use": "home", "rank": 2},
    ],
    "gender": "female",
    "birthDate": "1990-05",
    "_birthDate": {"extension": [{"url": "urn:time", "valueDateTime": "1990-05-03T10:00:00Z"}]},
    "address": [{"use": "home", "city": "Saki", "district": "North"}],
    "contact": [{"name": {"family": "Mensah", "given": ["Kofi"]}, "relationship": [{"coding": [{"code": "HUSB"}]}]}],
    "maritalStatus": {"text": "married"},
    "extension": [{"url": "urn:x", "valueDecimal": Decimal("1.50")}],
}


def context(patient: dict[str, Any] | None = None) -> Context:
    numbers = count(1)
    return Context(
        author=Author("ama", "midwife"),
        now_ms=int(AT.timestamp() * 1000),
        at=AT,
        new_id=lambda: f"id-{next(numbers)}",
        new_number=lambda: "407183259046",
        patient=Held("Patient", "ama", "0123456789abcdef", patient) if patient is not None else None,
        programme=Programme(),
    )


def bodies(writes: list[Write]) -> dict[str, dict[str, Any]]:
    return {write.type: json.loads(write.body or b"{}") for write in writes}


@pytest.mark.parametrize("sheet", [REGISTER, EDIT], ids=lambda sheet: sheet.name)
def test_every_form_makes_sense(sheet: Any) -> None:
    assert wrong(sheet.form(context(AMA))) == []


def test_names_and_addresses_of_forms_are_their_own() -> None:
    assert len({sheet.path for sheet in SHEETS}) == len({sheet.name for sheet in SHEETS}) == len(SHEETS)


def test_a_registration_is_a_patient_her_consent_and_her_mother() -> None:
    answers = Answers(
        {
            "given": "Ama Abena",
            "sex": "female",
            "birth": Dated("2024", estimated=True),
            "phone": "08035550101",
            "reminders": "no",
            "mother": Person("Efua", "p9"),
        }
    )
    writes = register(answers, context())
    written = bodies(writes)
    assert [write.create for write in writes] == [True, True, True]
    assert written["Patient"]["name"] == [{"use": "official", "given": ["Ama", "Abena"]}]
    assert written["Patient"]["identifier"][0]["value"] == "407183259046"
    assert not {"address", "contact", "photo"} & written["Patient"].keys(), "what was not said is not there"
    assert written["Consent"]["provision"] == {"type": "deny"}
    assert written["Consent"]["policyRule"]["coding"][0]["code"] == "OPTOUT"
    assert written["Consent"]["dateTime"] == "2026-03-31T10:05:00+00:00"
    assert written["RelatedPerson"]["patient"] == {"reference": "Patient/id-1"}
    assert REGISTER.after(writes, context()) == "/patients/id-1/card?new"


@pytest.mark.parametrize(("dated", "code"), [("1990", "UUE"), ("1990-05", "UEE"), ("1990-05-03", "EEE")])
def test_an_estimated_birth_date_says_which_parts_nobody_knows(dated: str, code: str) -> None:
    said = birth(Dated(dated, estimated=True))
    assert said["birthDate"] == dated
    assert said["_birthDate"]["extension"][0]["valueCoding"]["code"] == code
    assert is_estimated(said)
    assert not is_estimated(birth(Dated(dated)))


def test_a_change_form_sent_as_it_came_changes_nothing() -> None:
    there = context(AMA)
    answers = parse(EDIT.form(there), as_sent(start_edit(there)), AT.date())
    assert isinstance(answers, Answers)
    (write,) = edit(answers, there)
    assert decode(write.body or b"") == AMA
    assert write.seen == "0123456789abcdef"


def test_a_change_touches_what_was_changed_and_nothing_beside_it() -> None:
    there = context(AMA)
    sent = as_sent({**start_edit(there), "phone": "0803 555 0101", "village": "Kétou", "national": ""})
    answers = parse(EDIT.form(there), sent, AT.date())
    assert isinstance(answers, Answers)
    (write,) = edit(answers, there)
    after = decode(write.body or b"")
    assert after["telecom"] == [AMA["telecom"][0], {**AMA["telecom"][1], "value": "08035550101"}]
    assert after["address"] == [{**AMA["address"][0], "city": "Kétou"}]
    assert after["identifier"] == AMA["identifier"][:1]
    assert {name for name in AMA if AMA[name] != after[name]} == {"telecom", "address", "identifier"}


def test_decimals_keep_their_digits_through_a_form() -> None:
    body = b'{"valueQuantity":{"value":6.50}}'
    assert encode(decode(body)) == body
    write = changed(Held("Observation", "o", "v", decode(body)), status="final", note=None)
    assert b'"value":6.50' in (write.body or b"")
    assert b"note" not in (write.body or b"")


def test_a_new_resource_has_no_empty_members() -> None:
    write = create("Observation", "o", {"status": "final", "note": [], "subject": None, "valueString": ""})
    assert json.loads(write.body or b"") == {"resourceType": "Observation", "id": "o", "status": "final"}
