"""Who may call what: every role and every endpoint, generated from the policy table and the application's own routes."""

from collections.abc import Iterator
from typing import Any, Final, cast

import httpx
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from hub.api import context as contexts
from hub.api.access import permitted
from hub.api.context import Context
from hub.app import make_app
from hub.sessions.policy import POLICY
from tests.hub.login_world import PEOPLE, bearer, client, clock, context

__all__ = ["client", "clock", "context"]

EVERYBODY: Final = {
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/schema"),
    ("GET", "/schema/openapi.json"),
    ("GET", "/schema/{path:str}"),
    ("GET", "/.well-known/jwks.json"),
    ("POST", "/auth/login"),
    ("POST", "/auth/refresh"),
    ("POST", "/auth/logout"),
    ("GET", "/admin/login"),
    ("POST", "/admin/login"),
    ("POST", "/admin/logout"),
    ("GET", "/admin/assets/{name:str}"),
}
NODES: Final = {
    ("POST", "/sync/v1/enroll"),
    ("POST", "/sync/v1/exchange"),
    ("POST", "/sync/v1/find"),
    ("POST", "/sync/v1/admit"),
    ("POST", "/sync/v1/wiped"),
    ("POST", "/blobs/uploads"),
    ("HEAD", "/blobs/uploads/{upload:str}"),
    ("PATCH", "/blobs/uploads/{upload:str}"),
    ("DELETE", "/blobs/uploads/{upload:str}"),
}
BOTH: Final = {
    ("GET", "/blobs/{sha256:str}"),
    ("HEAD", "/blobs/{sha256:str}"),
    ("POST", "/blobs/{sha256:str}/links"),
}
"""For nodes, and for people whose role includes `blobs.read`."""
ROLES: Final = {"admin": "root", "operator": "ops"}


def endpoints(app: Litestar) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Method, path and acts of all routes."""
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            if isinstance(handler, HTTPRouteHandler):
                acts = frozenset(guard.act for guard in handler.resolve_guards() if isinstance(guard, permitted))
                yield from ((str(method), route.path, acts) for method in handler.http_methods if method != "OPTIONS")


@pytest.fixture
def app(context: Context) -> Litestar:
    return make_app(context)


async def test_every_endpoint_is_for_everybody_for_nodes_or_has_one_act_of_the_table(app: Litestar) -> None:
    known = frozenset().union(*POLICY.values())
    found = {(method, path): acts for method, path, acts in endpoints(app)}
    assert set(found) >= EVERYBODY | NODES
    open_ = {place for place, acts in found.items() if not acts}
    assert open_ == EVERYBODY | NODES | BOTH, "a new endpoint needs guards=[permitted(act)], or to be named here"
    assert {place: acts for place, acts in found.items() if acts and (len(acts) > 1 or not acts <= known)} == {}


async def test_every_role_and_endpoint(
    client: httpx.AsyncClient, app: Litestar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Allowed: whatever the answer is, it is none of 401 and 403 for the act. Denied: 403, and for nobody 401."""
    monkeypatch.setattr("hub.console.pulse.STREAM_SECONDS", 0.0)  # the live counters end after the first
    headers = {role: await bearer(client, name) for role, name in ROLES.items()}
    pairs, wrong = 0, []
    for method, path, acts in endpoints(app):
        for act in acts:
            place = path.replace("{node:str}", "n-none").replace("{name:str}", "nobody").replace("{number:int}", "1")
            nobody = await client.request(method, place)
            if nobody.status_code != (303 if path.startswith("/admin") else 401):  # a page leads to the login
                wrong.append((method, path, "nobody", nobody.status_code))
            for role in POLICY:
                pairs += 1
                # Without a body most are malformed: that comes after the guard.
                response = await client.request(method, place, headers=headers[role])
                denied = response.status_code == 403 and f"does not include {act}" in response.text
                if denied == (act in POLICY[role]) or response.status_code in (401, 500):
                    wrong.append((method, path, role, response.status_code))
    assert wrong == []
    assert pairs >= 30


async def test_files_are_for_nodes_and_for_who_may_read_them(client: httpx.AsyncClient) -> None:
    for method, path in BOTH:
        place = path.replace("{sha256:str}", "0" * 64)
        assert (await client.request(method, place)).status_code == 401
        for role in POLICY:
            response = await client.request(method, place, headers=await bearer(client, ROLES[role]))
            assert response.status_code == (404 if "blobs.read" in POLICY[role] else 403), (method, path, role)


async def test_a_role_that_may_not_log_in_is_denied_everything(
    client: httpx.AsyncClient, app: Litestar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should a session of such a person ever come about."""
    from hub.sessions import sessions

    monkeypatch.setattr(sessions, "logs_in_here", lambda _role, _facility: True)
    mine = await bearer(client)
    hub = contexts.context_of(cast(Any, type("Connection", (), {"app": app})())).hub
    for role in ("midwife", "clinician", "registrar", "citizen", "", "admin "):
        async with hub.database.transaction() as connection:
            await connection.execute("UPDATE account SET role = $1 WHERE name = 'root'", role)
        for method, path, acts in endpoints(app):
            if acts:
                response = await client.request(method, path.replace("{number:int}", "1"), headers=mine)
                assert response.status_code == 403, (role, method, path)


def test_the_table_names_the_roles_that_log_in_and_gives_operators_no_more_than_administrators() -> None:
    assert set(POLICY) == set(ROLES)
    assert POLICY["operator"] < POLICY["admin"]
    assert {PEOPLE[name][0] for name in ROLES.values()} == set(ROLES)
