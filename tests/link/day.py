"""A clinic's day over a bad link: how long until it is at the hub and at the facility's other node, and what it took."""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from tests.link.places import Place
from tests.link.quality import REMOTE, Counts, Cuts, Quality
from tests.processes.programs import Server, call, wait_until
from tests.processes.web import Web
from tests.processes.world import PASSWORD, Clinic

CHANGED: Final = 150
KNOWN: Final = 60
"""Patients who were there before; the others come for the first time."""
INTERVAL_SECONDS: Final = "5"
DAY_SECONDS_MAX: Final = 400.0
CUTS: Final = Cuts(times=10, seconds=3.0, after_bytes=1_000)


class Numbers(Struct, frozen=True):
    """What a day over a bad link took. Bytes are whole packets, with TCP and HTTP, both nodes and both directions."""

    resources: int
    seconds_to_hub: float
    seconds_to_both: float
    bytes_up: int
    bytes_down: int
    cuts: int
    packets: int
    lost: int
    dropped_by_cuts: int
    kind: str


def measure(root: Path, place: Place, quality: Quality = REMOTE, cuts: Cuts = CUTS, seed: int = 1) -> Numbers:
    """Hub, clinic and outreach post; a good link until both have the known patients, then the day."""
    root.chmod(0o755)
    with ExitStack() as stack:
        hub = Server("medtech-hub", root / "hub", "--host", place.hub_host, inside=place.hub_inside)
        stack.callback(hub.stop)
        hub.start()
        call("medtech-hub", "facility", "add", "f0", "--name", "Clinic", "--region", "west", data=hub.data)
        address = place.hub_address(hub.port)
        clinic, post = (_node(stack, root / name, place, address, hub) for name in ("clinic", "post"))
        chance = random.Random(seed)
        for number in range(KNOWN):
            _written(clinic.web, _patient(number, chance))
        wait_until(lambda: _standing(clinic) == _standing(post) is not None, 60, "the first exchange")
        before = _standing(post)
        place.worsen(quality, cuts)
        begun = time.monotonic()
        for resource in _day(chance):
            _written(clinic.web, resource)
        wait_until(lambda: _pending(clinic) == 0, DAY_SECONDS_MAX, "the day at the hub")
        to_hub = time.monotonic() - begun
        at_clinic = _standing(clinic)
        assert at_clinic != before
        wait_until(lambda: _standing(post) == at_clinic, DAY_SECONDS_MAX, "the day at the post")
        to_both = time.monotonic() - begun
        return _numbers(place.counts, to_hub, to_both, place.kind)


def _node(stack: ExitStack, data: Path, place: Place, address: str, hub: Server) -> Clinic:
    code = str(call("medtech-hub", "node", "invite", "--facility", "f0", data=hub.data)["code"])
    inside = place.clinic_inside
    call("medtech-edge", "enroll", "--hub", address, "--code", code, data=data, inside=inside)
    call("medtech-edge", "user", "add", "ama", "--role", "clinician", "--password-file", "-", data=data, given=PASSWORD)
    server = Server("medtech-edge", data, "--sync-interval", INTERVAL_SECONDS, inside=inside)
    stack.callback(server.stop)
    server.start()
    return Clinic(data, server, Web(lambda: server.port, "ama", PASSWORD, place.connect))


def _numbers(counts: Counts, to_hub: float, to_both: float, kind: str) -> Numbers:
    return Numbers(
        resources=CHANGED,
        seconds_to_hub=round(to_hub, 1),
        seconds_to_both=round(to_both, 1),
        bytes_up=counts.bytes_up,
        bytes_down=counts.bytes_down,
        cuts=counts.cuts,
        packets=counts.packets,
        lost=counts.lost,
        dropped_by_cuts=counts.dropped_by_cuts,
        kind=kind,
    )


def _pending(clinic: Clinic) -> int:
    return int(clinic.web.ask("GET", "/api/v1/status").json["pending"])


def _standing(clinic: Clinic) -> str | None:
    """The digest of what a node holds, None while changes wait or nothing is there."""
    status = clinic.web.ask("GET", "/api/v1/status").json
    return str(status["scopes"][0]["digest"]) if not status["pending"] and status["resources"] else None


# --- what is written --------------------------------------------------------------------------------------------------


def _written(web: Web, resource: dict[str, Any]) -> None:
    reply = web.put(resource)
    assert reply.status in (200, 201), (reply.status, reply.body)


def _patient(number: int, chance: random.Random) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": f"p-{number}",
        "identifier": [{"system": "urn:clinic", "value": f"{chance.randrange(10**8):08}"}],
        "name": [{"family": f"Mensah{chance.randrange(1000)}", "given": [f"Ama{number}"]}],
        "gender": "female",
        "birthDate": f"{chance.randint(1960, 2020)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
        "telecom": [{"system": "phone", "value": f"+233 00 {chance.randrange(10**7):07}"}],
    }


def _day(chance: random.Random) -> Iterator[dict[str, Any]]:
    """A third of them people who are registered or corrected, a third visits, a third measurements."""
    for number in range(CHANGED // 3):
        person = number if number % 2 else KNOWN + number
        yield _patient(person, chance)
        visit = {
            "resourceType": "Encounter",
            "id": f"e-{number}",
            "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": {"reference": f"Patient/p-{person}"},
            "period": {"start": f"2026-03-02T{8 + number // 10:02}:{chance.randrange(60):02}:00Z"},
        }
        yield visit
        yield {
            "resourceType": "Observation",
            "id": f"o-{number}",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "718-7", "display": "Hemoglobin"}]},
            "subject": {"reference": f"Patient/p-{person}"},
            "encounter": {"reference": f"Encounter/e-{number}"},
            "effectiveDateTime": visit["period"]["start"],  # type: ignore[index]
            "valueQuantity": {"value": chance.randint(70, 150) / 10, "unit": "g/dL"},
        }
