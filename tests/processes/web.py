"""A person's program at a clinic's server: HTTP with a login, a connection for each request."""

import http.client
import json
import socket
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

SECONDS_MAX: Final = 60.0

Connect = Callable[[int], socket.socket]
"""Port → a connection to that port where the server is."""


def on_loopback(port: int) -> socket.socket:
    """A connection on this machine."""
    return socket.create_connection(("127.0.0.1", port), timeout=SECONDS_MAX)


class Reply(Struct, frozen=True):
    """What came back. `headers` by lower-case name."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class NoReply(Exception):
    """The connection failed before the whole answer was here: what became of the request is not known."""


class Web:
    """Speaks to the server that `port` tells of, logged in when it has a user's name and password."""

    def __init__(self, port: Callable[[], int], user: str = "", password: str = "", connect: Connect = on_loopback):
        self.user = user
        self._port, self._password, self._connect = port, password, connect
        self._token = ""

    def ask(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
        """One request; logs in first, and again when the login has ended. Raises NoReply."""
        for _ in range(2):
            if self.user and not self._token:
                self._token = self._login()
            bearer = {"Authorization": f"Bearer {self._token}"} if self._token else {}
            reply = self._once(method, path, body, {**bearer, **(headers or {})})
            if reply.status != 401 or not self.user:
                break
            self._token = ""
        return reply

    def read(self, name: str) -> tuple[Any, str]:
        """A resource by `Type/id`, and its ETag."""
        reply = self.ask("GET", f"/fhir/{name}")
        assert reply.status == 200, (name, reply.status, reply.body)
        return reply.json, reply.headers["etag"]

    def put(self, resource: dict[str, Any], etag: str | None = None, *, new: bool = False) -> Reply:
        """Writes a resource under its id: over the version of the ETag, or only if there is none yet."""
        headers = {"If-None-Match": "*"} if new else {"If-Match": etag} if etag is not None else {}
        return self.ask("PUT", f"/fhir/{resource['resourceType']}/{resource['id']}", resource, headers)

    def edit(self, name: str, /, **members: Any) -> None:
        """Reads, changes members and writes back, as a form does. It has to succeed."""
        resource, etag = self.read(name)
        reply = self.put({**resource, **members}, etag)
        assert reply.status == 200, (name, reply.status, reply.body)

    def _login(self) -> str:
        reply = self._once("POST", "/auth/login", {"username": self.user, "password": self._password}, {})
        assert reply.status == 200, (reply.status, reply.body)
        return str(reply.json["access_token"])

    def _once(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", timeout=SECONDS_MAX)
        kind = "application/json" if path.startswith(("/auth", "/api")) else "application/fhir+json"
        try:
            connection.sock = self._connect(self._port())
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, path, content, {"Content-Type": kind, **headers})
            answer = connection.getresponse()
            raw = answer.read()
            return Reply(answer.status, raw, {name.lower(): value for name, value in answer.getheaders()})
        except (OSError, http.client.HTTPException) as error:
            raise NoReply(type(error).__name__) from error
        finally:
            connection.close()
