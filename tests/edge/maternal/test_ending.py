"""A loss, a birth, a death or a visit ends the reminders that it makes needless, and no reminder tells why she should come."""

import json
from datetime import date
from typing import Any

import pytest

from edge_node.fhir.validation import validate
from edge_node.maternal.due import due
from edge_node.maternal.ending import ending, items_ending
from edge_node.maternal.facts import Contact, Newborn
from edge_node.maternal.postnatal import newborn_due
from edge_node.maternal.reminders import key_of, reminder_key, reminder_message, reminder_task
from edge_node.maternal.texts import REMINDER
from edge_node.programme import Programme
from tests.edge.maternal.making import Record, dated, week


def reminders(record: Record) -> list[dict[str, Any]]:
    """A Task and a message for everything that is due."""
    made: list[dict[str, Any]] = []
    for item in due(record.read(), Programme()):
        made.append(reminder_task(item, "mother", week(10)) | {"id": f"t{len(made):03}"})
        text = str(REMINDER.of(day=item.due_from.isoformat()))
        made.append(reminder_message(item, "mother", text, item.due_from, week(10)) | {"id": f"m{len(made):03}"})
    return made


def test_reminders_are_sound_fhir_and_disclose_nothing() -> None:
    record, _ = dated()
    made = reminders(record)
    assert {each["resourceType"] for each in made} == {"Task", "CommunicationRequest"}
    for each in made:
        assert validate(each) == []
        told = json.dumps({**each, "focus": None}).lower()
        assert not any(
            word in told
            for word in ("pregnan", "antenatal", "birth", "hiv", "baby", "mother's", "test", "syphilis", "dose")
        )


@pytest.mark.parametrize("end", ["miscarriage", "abortion", "ectopic"])
def test_a_loss_ends_them_all(end: str) -> None:
    record, episode = dated()
    before, made = record.read(), reminders(record)
    record.outcome(end, week(14), episode)
    ended = ending(before, record.read(), made, Programme())
    assert len(ended) == len(made)
    assert {(each["resourceType"], each["status"]) for each in ended} == {
        ("Task", "cancelled"),
        ("CommunicationRequest", "revoked"),
    }


def test_a_stillbirth_ends_those_of_the_pregnancy_and_leaves_her_own_contacts() -> None:
    record, episode = dated()
    before, made = record.read(), reminders(record)
    record.outcome("stillbirth", week(36), episode)
    after = record.read()
    assert len(ending(before, after, made, Programme())) == len(made)
    assert ending(before, after, reminders(record), Programme()) == ()


def test_her_death_ends_every_reminder_of_whatever_program() -> None:
    record, _ = dated()
    before = record.read()
    foreign = {
        "resourceType": "Task",
        "id": "x",
        "status": "ready",
        "intent": "order",
        "for": {"reference": "Patient/mother"},
    }
    record.patient["deceasedDateTime"] = week(20).isoformat()
    assert [each["id"] for each in ending(before, record.read(), [foreign], Programme())] == ["x"]


def test_a_foreign_reminder_ends_with_the_pregnancy_that_it_names() -> None:
    record, episode = dated()
    before = record.read()
    message = {"resourceType": "CommunicationRequest", "status": "active", "subject": {"reference": "Patient/mother"}}
    named = message | {"id": "n", "about": [{"reference": episode}]}
    other = message | {"id": "o", "about": [{"reference": "EpisodeOfCare/x"}]}
    record.outcome("miscarriage", week(12), episode)
    assert [each["id"] for each in ending(before, record.read(), [named, other], Programme())] == ["n"]


def test_a_visit_ends_the_reminder_of_its_contact_alone() -> None:
    record, episode = dated()
    before, made = record.read(), reminders(record)
    record.contact(week(12), episode)
    keys = {key_of(each) for each in ending(before, record.read(), made, Programme())}
    (contact,) = [item for item in due(before, Programme()) if item.kind == "contact" and item.number == 1]
    assert keys == {reminder_key(contact)}


@pytest.mark.parametrize("born", [week(38), week(42)], ids=["sooner", "later"])
def test_a_redating_ends_the_reminders_of_days_that_moved(born: date) -> None:
    record, episode = dated()
    before, made = record.read(), reminders(record)
    record.accept(born, week(11), episode, "ultrasound")
    ended = {key_of(each) for each in ending(before, record.read(), made, Programme())}
    moved = {reminder_key(item) for item in due(before, Programme()) if item.kind == "contact" and item.number > 1}
    assert moved <= ended


def test_reminders_of_a_baby_end_with_its_own_record() -> None:
    baby = Newborn(id="baby", born=week(39))
    made = [reminder_task(item, "baby", week(39)) | {"id": f"b{item.number}"} for item in newborn_due(baby)]
    assert items_ending(newborn_due(baby), newborn_due(baby), made) == ()
    dead = Newborn(id="baby", born=week(39), dead=True)
    assert [each["id"] for each in items_ending(newborn_due(baby), newborn_due(dead), made)] == ["b1", "b2", "b3", "b4"]
    visit = Contact(ref="Encounter/1", on=week(39), kind="postnatal-contact")
    seen = Newborn(id="baby", born=week(39), contacts=(visit,))
    assert [each["id"] for each in items_ending(newborn_due(baby), newborn_due(seen), made)] == ["b1"]


def test_reminders_of_another_package_are_left_to_it() -> None:
    record, episode = dated()
    before, (first, *_) = record.read(), reminders(record)
    theirs = first | {"identifier": [{"system": "urn:medtech-edge:reminder:immunisation", "value": key_of(first)}]}
    record.contact(week(12), episode)
    assert ending(before, record.read(), [theirs], Programme()) == ()


def test_an_ended_reminder_is_not_ended_again_and_nothing_else_is_touched() -> None:
    record, episode = dated()
    before, made = record.read(), reminders(record)
    record.outcome("miscarriage", week(12), episode)
    ended = ending(before, record.read(), made, Programme())
    assert ending(before, record.read(), ended, Programme()) == ()
    originals = {each["id"]: each for each in made}
    assert all({**each, "status": originals[each["id"]]["status"]} == originals[each["id"]] for each in ended)
