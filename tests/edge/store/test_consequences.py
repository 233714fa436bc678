"""A loss or a death ends reminders in its own transaction, whoever writes it; a write that can end nothing costs nothing."""

import json
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_node import endings, same_person
from edge_node.concepts import codeable
from edge_node.errors import AlreadyExists
from edge_node.immunisation.due import stand
from edge_node.immunisation.record import read
from edge_node.immunisation.reminders import VACCINE_KEY, items
from edge_node.immunisation.schedule import load
from edge_node.immunisation.vaccines import VACCINES
from edge_node.maternal import concepts as said
from edge_node.maternal.due import due
from edge_node.maternal.history_concepts import ALLERGIES, OUTCOMES
from edge_node.maternal.record import read_mother
from edge_node.maternal.reminders import key_of, reminder_key, reminder_message, reminder_task
from edge_node.programme import Programme
from edge_node.store.model import Author, Write
from edge_node.store.stale import end_reminders
from edge_node.store.store import Store
from sync_protocol import elements
from sync_protocol.register import Stamp

MIDWIFE = Author("ama", "midwife")
NOW_MS = 1_790_000_000_000
HER = {"reference": "Patient/amina"}
EPISODE: dict[str, Any] = {
    "resourceType": "EpisodeOfCare",
    "id": "p1",
    "status": "active",
    "type": [codeable(said.EPISODES["antenatal-care"])],
    "patient": HER,
    "period": {"start": "2026-06-10"},
}
AMINA: dict[str, Any] = {"resourceType": "Patient", "id": "amina", "gender": "female", "birthDate": "1998-03-02"}


def observation(id_: str, code: dict[str, Any], **value: Any) -> dict[str, Any]:
    link = {"url": "http://hl7.org/fhir/StructureDefinition/workflow-episodeOfCare"}
    return {
        "resourceType": "Observation",
        "id": id_,
        "extension": [{**link, "valueReference": {"reference": "EpisodeOfCare/p1"}}],
        "status": "final",
        "code": code,
        "subject": HER,
        "effectiveDateTime": "2026-07-01",
        **value,
    }


LMP = observation("lmp", codeable(said.STATEMENTS["lmp"]), valueDateTime="2026-04-10")
LOSS = observation("end", codeable(said.STATEMENTS["outcome"]), valueCodeableConcept=codeable(OUTCOMES["miscarriage"]))
WEIGHT = observation("weight", {"text": "Weight"}, valueQuantity={"value": 60, "unit": "kg"})
VACCINE_REMINDER: dict[str, Any] = {
    "resourceType": "Task",
    "id": "vaccine",
    "identifier": [{"system": "urn:medtech-edge:reminder", "value": "another-package"}],
    "status": "requested",
    "intent": "order",
    "for": HER,
}


def write(store: Store, *resources: dict[str, Any], once: bool = False) -> None:
    writes = [Write(r["resourceType"], r["id"], json.dumps(r).encode(), create=once) for r in resources]
    store.write(writes, MIDWIFE, NOW_MS)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Amina, pregnant, with a reminder of everything that is due, and one of another package of rules."""
    made = Store.open(tmp_path / "node", bytes(range(32)), Programme(), create=True)
    write(made, AMINA, EPISODE, LMP)
    items = due(read_mother("amina", [AMINA, EPISODE, LMP]), Programme())
    assert items
    today = date(2026, 7, 1)
    for number, item in enumerate(items):
        task = {**reminder_task(item, "amina", today), "id": f"t{number}"}
        message = {**reminder_message(item, "amina", "Please come.", item.due_from, today), "id": f"m{number}"}
        write(made, task, message)
    write(made, VACCINE_REMINDER)
    return made


def states(store: Store) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for stored in store.everything("amina"):
        if stored.type in endings.REMINDERS and stored.id != "vaccine":
            found.setdefault(stored.type, set()).add(json.loads(stored.body or b"{}")["status"])
    return found


def state_of(store: Store, type_: str, id_: str) -> str:
    stored = store.read(type_, id_)
    assert stored is not None
    return str(json.loads(stored.body or b"{}")["status"])


def noting(asked: list[str], name: str) -> Callable[..., list[Any]]:
    """A function that notes that it was called, and finds nothing."""

    def noted(*given: Any) -> list[Any]:
        asked.append(name)
        return []

    return noted


OPEN = {"Task": {"requested"}, "CommunicationRequest": {"active"}}
ENDED = {"Task": {"cancelled"}, "CommunicationRequest": {"revoked"}}


def test_a_loss_ends_all_reminders_of_the_pregnancy_and_no_others(store: Store) -> None:
    assert states(store) == OPEN
    write(store, LOSS)
    assert states(store) == ENDED
    assert state_of(store, "Task", "vaccine") == "requested"
    assert {entry.user for entry in store.audit("Task", "t0", count=1)} == {"ama"}


def test_a_death_ends_every_reminder(store: Store) -> None:
    write(store, {**AMINA, "deceasedDateTime": "2026-07-02"})
    assert states(store) == ENDED
    assert state_of(store, "Task", "vaccine") == "cancelled"


def test_an_episode_that_is_finished_ends_its_reminders(store: Store) -> None:
    write(store, {**EPISODE, "status": "finished", "period": {"start": "2026-06-10", "end": "2026-07-02"}})
    assert states(store) == ENDED


def test_a_write_that_fails_ends_nothing(store: Store) -> None:
    with pytest.raises(AlreadyExists):
        write(store, LOSS, {**AMINA, "active": True}, once=True)
    assert states(store) == OPEN
    assert store.read("Observation", "end") is None


def test_a_write_that_can_end_nothing_leaves_reminders_and_reads_no_record(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(endings, "ended", noting(asked, "ended"))
    monkeypatch.setattr("edge_node.store.searching.everything", noting(asked, "everything"))
    write(store, WEIGHT)
    write(store, {**AMINA, "active": True})
    assert asked == []


def test_who_has_no_reminder_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(endings, "ended", noting(asked, "ended"))
    with Store.open(tmp_path / "node", bytes(range(32)), Programme(), create=True) as store:
        write(store, AMINA, EPISODE, LMP)
        write(store, LOSS)
    assert asked == []


def test_what_is_ended_goes_to_the_hub_with_the_loss(store: Store) -> None:
    def pending() -> int:
        return store.status().pending

    before, reminders = pending(), len([s for s in store.everything("amina") if s.type in endings.REMINDERS]) - 1
    write(store, LOSS)
    assert pending() == before + 1 + reminders


def test_a_loss_that_came_from_another_clinic_ends_reminders_after_the_exchange(store: Store) -> None:
    stamp = Stamp(4711, 1, NOW_MS, NOW_MS, "efua", "nurse")
    parsed = elements.parse(json.dumps(LOSS).encode())
    with store.transaction() as connection:
        store.merge(connection, [elements.write(None, None, parsed, "end", stamp)[0]], 1, NOW_MS)
    assert states(store) == OPEN
    assert end_reminders(store, NOW_MS, os.urandom)
    assert states(store) == ENDED
    assert state_of(store, "Task", "vaccine") == "requested"
    assert not end_reminders(store, NOW_MS, os.urandom)


HIV_TEST = observation(
    "hiv",
    codeable(said.STATEMENTS["hiv-test"]),
    valueCodeableConcept=codeable(said.RESULT_VALUES["hiv-test", "negative"]),
)
ALLERGY: dict[str, Any] = {
    "resourceType": "AllergyIntolerance",
    "id": "sulfa",
    "patient": HER,
    "code": codeable(ALLERGIES["sulfa"]),
}
CONTACT: dict[str, Any] = {
    "resourceType": "Encounter",
    "id": "visit",
    "status": "finished",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
    "reasonCode": [codeable(said.VISITS["antenatal-contact"])],
    "subject": HER,
    "episodeOfCare": [{"reference": "EpisodeOfCare/p1"}],
    "period": {"start": "2026-07-01"},
}


@pytest.mark.parametrize(("resource", "kind"), [(HIV_TEST, "hiv-test"), (ALLERGY, "iptp"), (CONTACT, "contact")])
def test_what_makes_one_thing_needless_ends_its_reminder_alone(
    store: Store, resource: dict[str, Any], kind: str
) -> None:
    write(store, resource)
    items = due(read_mother("amina", [AMINA, EPISODE, LMP]), Programme())
    ended = {item.kind for number, item in enumerate(items) if state_of(store, "Task", f"t{number}") == "cancelled"}
    assert ended == {kind}


def test_a_loss_that_a_person_chose_in_a_conflict_ends_them(store: Store) -> None:
    write(store, {**LOSS, "valueCodeableConcept": codeable(OUTCOMES["lost"])})
    assert states(store) == OPEN
    chosen = msgspec.json.encode({"valueCodeableConcept": codeable(OUTCOMES["miscarriage"])})
    store.resolve("Observation", "end", "value[x]", chosen, MIDWIFE, NOW_MS)
    assert states(store) == ENDED


@pytest.mark.parametrize("under", ["amina", "other"])
def test_a_loss_ends_reminders_whichever_of_two_merged_records_it_is_written_under(store: Store, under: str) -> None:
    write(store, {**AMINA, "id": "other"})
    kept, other = store.read("Patient", "amina"), store.read("Patient", "other")
    assert kept is not None
    assert other is not None
    store.write(same_person.merge(kept, other), MIDWIFE, NOW_MS)
    write(store, {**LOSS, "subject": {"reference": f"Patient/{under}"}})
    assert states(store) == ENDED


@pytest.mark.parametrize("under", ["amina", "other"])
def test_one_of_two_links_is_enough(store: Store, under: str) -> None:
    """The other half of a merge may still be on its way."""
    link = [{"other": {"reference": "Patient/amina"}, "type": "replaced-by"}]
    write(store, AMINA, {**AMINA, "id": "other", "link": link})
    write(store, {**LOSS, "subject": {"reference": f"Patient/{under}"}})
    assert states(store) == ENDED


def test_a_pregnancy_under_the_record_that_was_merged_ends_with_its_reminders(tmp_path: Path) -> None:
    with Store.open(tmp_path / "node", bytes(range(32)), Programme(), create=True) as store:
        write(store, AMINA, EPISODE, LMP, {**AMINA, "id": "first"})
        kept, other = store.read("Patient", "first"), store.read("Patient", "amina")
        assert kept is not None
        assert other is not None
        store.write(same_person.merge(kept, other), MIDWIFE, NOW_MS)
        (item, *_) = due(read_mother("amina", [AMINA, EPISODE, LMP]), Programme())
        write(store, {**reminder_task(item, "first", date(2026, 7, 1)), "id": "t0"})
        write(store, {**LOSS, "subject": {"reference": "Patient/first"}})
        assert state_of(store, "Task", "t0") == "cancelled"


def test_a_message_to_her_about_her_baby_is_not_hers(store: Store) -> None:
    about_baby = {"resourceType": "CommunicationRequest", "id": "baby", "status": "active", "recipient": [HER]}
    write(store, {**CHILD, "id": "baby"}, {**about_baby, "subject": {"reference": "Patient/baby"}})
    write(store, {**AMINA, "deceasedBoolean": True})
    assert state_of(store, "CommunicationRequest", "m0") == "revoked"
    assert state_of(store, "CommunicationRequest", "baby") == "active"


CHILD: dict[str, Any] = {"resourceType": "Patient", "id": "child", "birthDate": "2026-05-01"}
BCG: dict[str, Any] = {
    "resourceType": "Immunization",
    "id": "bcg",
    "status": "completed",
    "vaccineCode": codeable(VACCINES["bcg"].concept),
    "patient": {"reference": "Patient/child"},
    "occurrenceDateTime": "2026-07-01",
}


def child_reminded(store: Store) -> None:
    """A child with a reminder of each dose that is due for it."""
    write(store, CHILD)
    for one in items("child", stand(load(Programme().vaccines), read(CHILD, []).facts).due):
        task = reminder_task(one, "child", date(2026, 6, 1))
        name = one.kind.split()[-1]
        write(store, {**task, "id": name, "identifier": [{**task["identifier"][0], "system": VACCINE_KEY}]})


def test_reminders_go_by_the_programme_with_which_the_store_was_opened(store: Store) -> None:
    """SP that is not given in this place any more is due no more: its reminder ends, others stay."""
    store.close()
    sp = {
        reminder_key(item)
        for item in due(read_mother("amina", [AMINA, EPISODE, LMP]), Programme())
        if item.kind == "iptp"
    }
    with Store.open(store.path.parent, bytes(range(32)), Programme(malaria=False)) as other:
        assert end_reminders(other, NOW_MS, os.urandom)
        tasks = [
            json.loads(one.body or b"{}")
            for one in other.everything("amina")
            if one.type == "Task" and one.id != "vaccine"
        ]
        assert {key_of(task) for task in tasks if task["status"] == "cancelled"} == sp
        assert sp


def test_a_dose_ends_its_own_reminder_and_a_death_all(store: Store) -> None:
    child_reminded(store)
    write(store, BCG)
    assert (state_of(store, "Task", "bcg"), state_of(store, "Task", "dtp-1")) == ("cancelled", "requested")
    write(store, {**CHILD, "deceasedBoolean": True})
    assert state_of(store, "Task", "dtp-1") == "cancelled"
    assert states(store) == OPEN, "those of others stay"


@pytest.mark.parametrize(("came", "left"), [(BCG, "requested"), ({**CHILD, "deceasedBoolean": True}, "cancelled")])
def test_a_dose_or_a_death_that_was_imported_ends_reminders_too(store: Store, came: dict[str, Any], left: str) -> None:
    child_reminded(store)
    store.import_resources([json.dumps(came).encode()], MIDWIFE, lambda: NOW_MS)
    assert end_reminders(store, NOW_MS, os.urandom)
    assert (state_of(store, "Task", "bcg"), state_of(store, "Task", "dtp-1")) == ("cancelled", left)
    assert states(store) == OPEN
