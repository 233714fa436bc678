"""A hub and clinics as processes in one folder: what tests, the demonstration and the measurements begin with."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from tests.processes.programs import Server, call
from tests.processes.relay import Relay
from tests.processes.web import Web

PASSWORD: Final = "correct horse battery staple 9!"
REGION: Final = "west-africa"


class Hub:
    """A hub's server behind a relay, so that its address stays while it is killed, restarted or away."""

    def __init__(self, data: Path, relay: Relay, env: dict[str, str] | None = None) -> None:
        self.data, self.relay = data, relay
        self.server = Server("medtech-hub", data, env=env)

    @property
    def url(self) -> str:
        """The address that nodes know."""
        return self.relay.url

    def start(self) -> "Hub":
        """Starts the server and waits until it answers."""
        self.server.start()
        self.relay.target = self.server.port
        return self

    def invite(self, facility: str, name: str = "") -> str:
        """A code for a node of a facility, which is added when it is not there."""
        self.administer("POST", "/api/v1/facilities", {"id": facility, "name": name or facility, "region": REGION})
        return str(self.administer("POST", "/api/v1/nodes/invitations", {"facility": facility})["code"])

    def administer(self, method: str, path: str, body: object = None) -> Any:
        """The administration over HTTP."""
        token = (self.data / "admin.token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server.url + path, content, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            raw = answer.read()
        return json.loads(raw) if raw else None


class Clinic:
    """An edge node: its folder, its server, and a clinician who is logged in there."""

    def __init__(self, data: Path, server: Server, web: Web) -> None:
        self.data, self.server, self.web = data, server, web

    def call(self, *arguments: str | Path, expect: int = 0, given: str = "") -> Any:
        """A command of `medtech-edge` on this node."""
        return call("medtech-edge", *arguments, data=self.data, expect=expect, given=given, inside=self.server.inside)

    def digests(self, *, rebuild: bool = False) -> dict[str, str]:
        """Scope → digest."""
        told = self.call("digest", *(["--rebuild"] if rebuild else []))
        return {scope["scope"]: scope["digest"] for scope in told["scopes"]}


def new_clinic(hub: Hub, data: Path, facility: str, *options: str, user: str = "ama") -> Clinic:
    """An enrolled node with a clinician, not serving yet."""
    call("medtech-edge", "enroll", "--hub", hub.url, "--code", hub.invite(facility), data=data)
    call("medtech-edge", "user", "add", user, "--role", "clinician", "--password-file", "-", data=data, given=PASSWORD)
    server = Server("medtech-edge", data, *options)
    return Clinic(data, server, Web(lambda: server.port, user, PASSWORD))


@contextmanager
def running_hub(root: Path, env: dict[str, str] | None = None) -> Iterator[Hub]:
    """A hub that answers, in a folder that anyone may walk through (Postgres has a user of its own)."""
    root.chmod(0o755)
    with ExitStack() as stack:
        relay = stack.enter_context(Relay())
        hub = Hub(root / "hub", relay, env)
        stack.callback(hub.server.stop)
        yield hub.start()


@contextmanager
def world(root: Path, facilities: tuple[str, ...], *options: str) -> Iterator[tuple[Hub, list[Clinic]]]:
    """A hub, and a serving clinic for each entry of `facilities`; `options` are those of `medtech-edge serve`."""
    with running_hub(root) as hub, ExitStack() as stack:
        clinics = [
            new_clinic(hub, root / f"edge{number}", facility, *options) for number, facility in enumerate(facilities)
        ]
        for clinic in clinics:
            stack.callback(clinic.server.stop)
            clinic.server.start()
        yield hub, clinics
