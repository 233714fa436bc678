"""The story of the demonstration: three clinics and a hub, a day's work, a link that breaks, and what comes of it."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import psutil
from msgspec import Struct

from tests.demo.people import NORTH, SOUTH, Person, called, write_people
from tests.demo.screen import Line, Screen, size
from tests.processes.programs import Failed, Server, call
from tests.processes.relay import Relay
from tests.processes.web import Web
from tests.processes.world import Clinic, Hub

PEOPLE_OF_ALL: Final = 80
EDITED: Final = 12
DISPUTED: Final = 3
PASSWORD: Final = "ghana-demo-2026"
POLL_SECONDS: Final = 0.08
INTERVAL_SECONDS: Final = "5"
VITAL_SIGNS: Final = "http://terminology.hl7.org/CodeSystem/observation-category"


class Cast(Struct, frozen=True):
    """A node of the story, and who works there."""

    name: str
    facility: str
    user: str
    role: str


CLINIC: Final = Cast("Aburi clinic", "aburi", "ama", "clinician")
POST: Final = Cast("Aburi outreach", "aburi", "esi", "midwife")
OTHER: Final = Cast("Tamale clinic", "tamale", "yakubu", "clinician")
CASTS: Final = (CLINIC, POST, OTHER)
FACILITIES: Final = {"aburi": "Aburi health centre", "tamale": "Tamale clinic"}


class Demo:
    """The hub, the clinics and their people, in a folder of their own. Everything ends with `stack`."""

    def __init__(self, root: Path, stack: ExitStack, screen: Screen) -> None:
        self.root, self.screen, self.ending = root, screen, False
        self.relay = stack.enter_context(Relay())
        self.hub = Hub(root / "hub", self.relay)
        self.clinics = {cast.name: self._clinic(cast) for cast in CASTS}
        self.people: dict[str, list[Person]] = {}
        stack.callback(self._stop)

    def _clinic(self, cast: Cast) -> Clinic:
        server = Server("medtech-edge", self.root / cast.user, "--sync-interval", "0")
        return Clinic(server.data, server, Web(lambda: server.port, cast.user, PASSWORD))

    def _stop(self) -> None:
        """All servers are told to end before any is waited for."""
        self.tell_to_end()
        for server in self.servers:
            server.stop()

    def tell_to_end(self) -> None:
        """Whatever runs is told to end, commands at work too, and nothing more is begun."""
        self.ending = True
        servers = {server.pid for server in self.servers if server.running}
        for server in self.servers:
            server.tell_to_end()
        for child in psutil.Process().children():
            if child.pid not in servers:
                with suppress(psutil.NoSuchProcess):
                    child.terminate()

    def _call(self, *words: str | Path, data: Path, given: str = "") -> Any:
        if self.ending:
            raise Failed(str(words[0]), None, "everything is being ended")
        return call("medtech-edge", *words, data=data, given=given)

    @property
    def servers(self) -> list[Server]:
        return [self.hub.server, *(clinic.server for clinic in self.clinics.values())]

    def at(self, cast: Cast) -> Clinic:
        return self.clinics[cast.name]

    # --- the parts of the story ---

    def begin(self) -> None:
        """Hub, enrolment, people."""
        screen = self.screen
        screen.step("A hub at the centre, two clinics, and an outreach post of the first one")
        with screen.working("The hub starts, with a Postgres of its own."):
            self.hub.start()
        screen.good(f"The hub answers after {self.hub.server.seconds_to_ready:.1f} s.")
        begun = time.monotonic()
        with screen.working("The clinics take in their people's records."):
            told = _together([partial(self._settle, cast) for cast in CASTS])
        count = sum(told)
        many = sum(len(people) for people in self.people.values())
        screen.good(
            f"{many} people with {count:,} records were taken in, encrypted and indexed in {time.monotonic() - begun:.1f} s."
        )
        with screen.working("The clinics' servers start."):
            _together([clinic.server.start for clinic in self.clinics.values()])
        slowest = max(clinic.server.seconds_to_ready for clinic in self.clinics.values())
        screen.good(f"Each clinic has a server and a database of its own; they answer after {slowest:.1f} s.")

    def _settle(self, cast: Cast) -> int:
        data = self.at(cast).data
        code = self.hub.invite(cast.facility, FACILITIES[cast.facility])
        taken = 0
        if cast is not POST:
            file = self.root / f"{cast.user}.ndjson"
            south = cast is CLINIC
            start = 0 if south else PEOPLE_OF_ALL // 2
            self.people[cast.facility] = write_people(file, SOUTH if south else NORTH, start, PEOPLE_OF_ALL // 2)
            taken = int(self._call("import", file, data=data)["resources"])
            file.unlink()
        self._call("enroll", "--hub", self.hub.url, "--code", code, "--name", cast.name, data=data)
        words = ["user", "add", cast.user, "--role", cast.role, "--password-file", "-"]
        self._call(*words, data=data, given=PASSWORD)
        return taken

    def first_exchange(self) -> None:
        """Everybody's records go up; the post gets its clinic's."""
        self.screen.step("The first exchange: both clinics give their records, the outreach post gets its clinic's")
        self.exchange([CLINIC, OTHER])
        self.exchange([POST])
        self.screen.say("The post holds what its clinic holds. The other clinic's people are not there: not its scope.")

    def exchange(self, casts: Sequence[Cast]) -> dict[str, dict[str, Any]]:
        """An exchange of each, shown while it goes on. Returns what each of them told."""
        lines = [Line(cast.name) for cast in casts]
        through = self.relay.bytes_to_target + self.relay.bytes_from_target
        with self.screen.live(lines):
            _together([partial(self._exchange, line) for line in lines])
        through = self.relay.bytes_to_target + self.relay.bytes_from_target - through
        self.screen.say(f"[dim]Through the cable went {size(through)}, all headers counted.[/dim]")
        return {line.name: line.result or {} for line in lines}

    def _exchange(self, line: Line) -> None:
        clinic = self.clinics[line.name]
        done = threading.Event()

        def watch() -> None:
            watching = Web(lambda: clinic.server.port, clinic.web.user, PASSWORD)
            while not done.wait(POLL_SECONDS):
                line.waiting = int(watching.ask("GET", "/api/v1/status").json["pending"])

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        begun = time.monotonic()
        try:
            reply = clinic.web.ask("POST", "/api/v1/sync")
            line.seconds = time.monotonic() - begun
        finally:
            done.set()
            watcher.join()
        assert reply.status == 200, reply.body
        status = clinic.web.ask("GET", "/api/v1/status").json
        line.digest = status["scopes"][0]["digest"][:8]
        line.result = reply.json

    def cut(self) -> None:
        """The link breaks; both places work on with the same people."""
        screen = self.screen
        screen.step("The link to the hub is cut")
        self.relay.cut()
        reply = self.at(CLINIC).web.ask("POST", "/api/v1/sync")
        screen.bad(f"“{reply.json['detail'].rstrip('.')}.” Nobody at the clinic is stopped by that.")
        screen.step("Both places go on, with the same people, without seeing each other's work")
        chosen = self.people["aburi"][:EDITED]
        begun = time.monotonic()
        _together([partial(self._day, CLINIC, chosen), partial(self._day, POST, chosen)])
        seconds = time.monotonic() - begun
        waiting = {cast: self.at(cast).web.ask("GET", "/api/v1/status").json["pending"] for cast in (CLINIC, POST)}
        screen.good(f"Ama, at the clinic, corrects {EDITED} telephone numbers and measures {EDITED} blood pressures.")
        screen.good(f"Esi, at the post, corrects the same people's villages and gives {EDITED} vaccinations.")
        screen.good(f"Each corrects the birth date of the same {DISPUTED} people, in her own way.")
        screen.say(
            f"{sum(waiting.values())} changes were written through their APIs in {seconds:.1f} s, each on disk before it"
            f" was answered. {waiting[CLINIC]} wait at the clinic, {waiting[POST]} at the post."
        )

    def _day(self, cast: Cast, people: Sequence[Person]) -> None:
        web = self.at(cast).web
        for number, patient in enumerate(people):
            name = f"Patient/{patient['id']}"
            resource, _ = web.read(name)
            changes: Person = {}
            if cast is CLINIC:
                changes["telecom"] = [{**resource["telecom"][0], "value": f"+233 00 555 {1000 + number}"}]
            else:
                changes["address"] = [
                    {**resource["address"][0], "city": SOUTH[number % len(SOUTH)], "district": "Akuapem"}
                ]
            if number < DISPUTED:
                year, _, rest = resource["birthDate"].partition("-")
                changes["birthDate"] = f"{int(year) + (-1 if cast is CLINIC else 1)}-{rest}"
            web.edit(name, **changes)
            made = _blood_pressure(name, number) if cast is CLINIC else _vaccination(name)
            reply = web.ask("POST", f"/fhir/{made['resourceType']}", made)
            assert reply.status == 201, (reply.status, reply.body)

    def mend(self) -> None:
        """The link is back: what both did comes together."""
        screen = self.screen
        screen.step("The link is back")
        self.relay.mend()
        self.exchange([CLINIC])
        self.exchange([POST])
        self.exchange([CLINIC])
        digests = {self._digest(cast) for cast in (CLINIC, POST)}
        if len(digests) == 1:
            screen.good("Clinic, post and hub hold the same, to the last byte of every register.")
        else:
            screen.bad("Clinic and post do not hold the same.")
        self._tell_people()

    def _tell_people(self) -> None:
        screen = self.screen
        patients = self.people["aburi"][:EDITED]
        shown = self.at(POST).web.read(f"Patient/{patients[-1]['id']}")[0]
        screen.good(
            f"{called(shown)} now has Ama's number, {shown['telecom'][0]['value']}, and Esi's village,"
            f" {shown['address'][0]['city']}: two edits of one person, no question asked."
        )
        conflicts = self.at(POST).web.ask("GET", "/api/v1/conflicts").json["conflicts"]
        screen.say(
            f"[yellow]{len(conflicts)} questions wait for a person[/yellow]: both values are kept until somebody decides."
        )
        by_id = {patient["id"]: called(patient) for patient in patients}
        screen.rows(
            ("who", "what", "one says", "the other says"),
            [
                (
                    by_id[one["id"]],
                    one["name"],
                    *(f"{v['value'][one['name']]} ({v['user']})" for v in one["values"][:2]),
                )
                for one in conflicts
            ],
        )

    def _digest(self, cast: Cast) -> str:
        return str(self.at(cast).web.ask("GET", "/api/v1/status").json["scopes"][0]["digest"])

    def stay(self) -> dict[str, Any]:
        """From now on the clinics exchange by themselves. Returns the line for whoever drives this."""
        clinics = list(self.clinics.values())
        _together([partial(_restart, clinic.server) for clinic in clinics])
        self.screen.step("It is yours now")
        rows = [(cast.name, f"[link]{self.at(cast).server.url}[/link]", cast.user, cast.role) for cast in CASTS]
        self.screen.rows(
            ("", "address", "user", "role"),
            [*rows, ("Hub", f"[link]{self.hub.server.url}[/link]", "", "")],
        )
        self.screen.say(f"The password of all of them is [bold]{PASSWORD}[/bold].")
        self.screen.say(
            f"The nodes exchange by themselves now, at least every {INTERVAL_SECONDS} s. Ctrl-C ends everything."
        )
        logins = [
            {"url": self.at(cast).server.url, "username": cast.user, "password": PASSWORD, "role": cast.role}
            for cast in CASTS
        ]
        return {
            "event": "ready",
            "hub": self.hub.server.url,
            "edges": [clinic.server.url for clinic in clinics],
            "logins": logins,
        }

    def check(self) -> str | None:
        """The name of a program that has ended, if one has."""
        return next((server.data.name for server in self.servers if not server.running), None)


def _restart(server: Server) -> None:
    port = server.port
    server.stop()
    server.options = ("--sync-interval", INTERVAL_SECONDS)
    server.start(port)


def _together(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """All of them at the same time; the first failure is raised when all are done."""
    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result() for future in [pool.submit(work) for work in works]]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _blood_pressure(patient: str, number: int) -> Person:
    def part(code: str, name: str, value: int) -> Person:
        unit = {"unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
        return {
            "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": name}]},
            "valueQuantity": {"value": value, **unit},
        }

    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": VITAL_SIGNS, "code": "vital-signs", "display": "Vital signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}], "text": "Blood Pressure"},
        "subject": {"reference": patient},
        "effectiveDateTime": _now(),
        "component": [
            part("8480-6", "Systolic blood pressure", 110 + 3 * number),
            part("8462-4", "Diastolic blood pressure", 68 + 2 * number),
        ],
    }


def _vaccination(patient: str) -> Person:
    return {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "35"}], "text": "Tetanus toxoid"},
        "patient": {"reference": patient},
        "occurrenceDateTime": _now(),
    }
