"""A health centre and its outreach post with a hub, people who work there and women who come: where the journeys are made."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from tests.demo.people import SOUTH, names
from tests.edge.maternal.making import Record
from tests.processes.programs import Server, call
from tests.processes.web import Web
from tests.processes.world import Hub, running_hub

FACILITY: Final = "aburi"
HOSPITAL: Final = "Koforidua regional hospital"
PASSWORD: Final = "three baskets of ripe mangoes"
STAFF: Final = {"esi": "midwife", "kwame": "midwife", "ama": "clinician", "yaw": "registrar"}
"""Who has a login, and as what."""
WEEKS: Final = (9, 12, 19, 22, 26, 31, 34, 37, 39, 40)
"""How long the women who were here before are pregnant."""
EFUA: Final[dict[str, Any]] = {
    "resourceType": "Patient",
    "id": "efua",
    "name": [{"use": "official", "family": "Mensah", "given": ["Efua", "Adwoa"]}],
    "gender": "female",
    "birthDate": "1996-02-03",
    "telecom": [{"system": "phone", "use": "mobile", "value": "+233 00 555 0117"}],
    "address": [{"use": "home", "city": "Larteh"}],
}
ALLERGY: Final[dict[str, Any]] = {
    "resourceType": "AllergyIntolerance",
    "id": "efua-allergy",
    "clinicalStatus": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]
    },
    "patient": {"reference": "Patient/efua"},
    "code": {"text": "Penicillin"},
    "criticality": "high",
    "reaction": [{"manifestation": [{"text": "Swelling of the face"}]}],
}
"""What the centre and the post both know, and will write differently."""


class Node(Struct, frozen=True):
    """One place's computer: its folder and its server."""

    data: Path
    server: Server

    def sync(self) -> dict[str, Any]:
        """One exchange with the hub; what it told."""
        told: dict[str, Any] = call("medtech-edge", "sync", data=self.data)
        return told

    def take_in(self, *resources: dict[str, Any]) -> None:
        """Writes what somebody else did at this place."""
        file = self.data.with_suffix(".ndjson")
        file.write_text("\n".join(json.dumps(one, default=str) for one in resources), encoding="utf-8")
        call("medtech-edge", "import", file, data=self.data)
        file.unlink()

    def edit(self, user: str, resource: dict[str, Any], **changes: Any) -> None:
        """A colleague's change at this place."""
        web = Web(lambda: self.server.port, user, PASSWORD)
        web.edit(f"{resource['resourceType']}/{resource['id']}", **changes)

    def digest(self) -> Any:
        """What it holds, as one number a scope: equal where the records are."""
        return call("medtech-edge", "digest", data=self.data)


class Place(Struct, frozen=True):
    """A health centre, its outreach post, and the hub of both."""

    hub: Hub
    centre: Node
    post: Node


@contextmanager
def place(root: Path, today: date) -> Iterator[Place]:
    """Everything answers, everybody has a login that came from the hub, and both nodes hold the same."""
    with running_hub(root) as hub, ExitStack() as stack:
        _hire(hub)
        nodes = [_enrolled(hub, root / name, said) for name, said in (("centre", "Aburi"), ("post", "Larteh post"))]
        centre, post = nodes
        centre.take_in(*women(today), EFUA, ALLERGY)
        for node in nodes:
            node.sync()
            stack.callback(node.server.stop)
        for node in nodes:
            node.server.start()
        yield Place(hub, centre, post)


def _hire(hub: Hub) -> None:
    call("medtech-hub", "facility", "add", FACILITY, "--name", "Aburi health centre", "--region", "east", data=hub.data)
    call("medtech-hub", "facility", "add", "koforidua", "--name", HOSPITAL, "--region", "east", data=hub.data)
    for name, role in STAFF.items():
        words = ("user", "add", name, "--role", role, "--facility", FACILITY, "--password-file", "-")
        call("medtech-hub", *words, data=hub.data, given=PASSWORD)


def _enrolled(hub: Hub, data: Path, name: str) -> Node:
    code = call("medtech-hub", "node", "invite", "--facility", FACILITY, data=hub.data)["code"]
    call("medtech-edge", "enroll", "--hub", hub.url, "--code", code, "--name", name, data=data)
    return Node(data, Server("medtech-edge", data, "--sync-interval", "0"))


def women(today: date) -> list[dict[str, Any]]:
    """Women who were here before, at all stages of a pregnancy, under names of the region; none of them exists."""
    lists = names()["tw_GH"]
    found: list[dict[str, Any]] = []
    for number, weeks in enumerate(WEEKS):
        record = _pregnant(today, weeks, today.replace(year=today.year - 19 - 2 * number))
        given, family = lists["first_names_female"][3 * number], lists["last_names"][2 * number]
        town = SOUTH[number % len(SOUTH)]
        found += _called(record, f"woman-{number}", [given], family, town, f"+233 00 555 {2001 + 13 * number}")
    return found


def _pregnant(today: date, weeks: int, born: date) -> Record:
    """A woman who came first at eight weeks, and last at the month's beginning or five weeks ago."""
    record, lmp = Record(born), today - timedelta(weeks=weeks)
    episode = record.episode(lmp)
    record.accept(lmp + timedelta(days=280), lmp + timedelta(weeks=8), episode)
    record.lmp(lmp, lmp + timedelta(weeks=8), episode, "certain")
    for week in (8, *(week for week in (19, 25) if week < weeks - 4)):
        on = lmp + timedelta(weeks=week)
        contact = record.contact(on, episode)
        record.pressure(112 + week // 2, 70 + week // 4, on, contact)
    return record


def _called(record: Record, id_: str, given: list[str], family: str, town: str, phone: str) -> list[dict[str, Any]]:
    text = json.dumps(record.resources, default=str).replace("Patient/mother", f"Patient/{id_}")
    found: list[dict[str, Any]] = json.loads(re.sub(r"\br(\d{3})\b", rf"{id_}-\1", text))
    for each in found:
        if each["resourceType"] == "Encounter":
            each["class"] = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    found[0] |= {
        "id": id_,
        "name": [{"use": "official", "family": family, "given": given}],
        "telecom": [{"system": "phone", "use": "mobile", "value": phone}],
        "address": [{"use": "home", "city": town}],
    }
    return found
