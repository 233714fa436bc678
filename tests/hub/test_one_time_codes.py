"""One-time codes: by the RFC's examples, once each, and how they are got, needed and lost."""

import asyncio
from base64 import b32encode
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp
import pytest
from msgspec.structs import replace

from hub.api.context import Context
from hub.errors import HubError, SealBroken
from hub.runtime import Hub
from hub.sessions import authenticators, codes, login
from hub.sessions.login import Credentials
from tests.hub.login_world import PASSWORD, Clock, acts, bearer, client, clock, context, log_in, status
from tests.hub.test_api import problem

__all__ = ["client", "clock", "context"]

RFC_6238 = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037"}
"""Appendix B, SHA-1: seconds → the last six of eight digits."""
RFC_SECRET = b32encode(b"12345678901234567890").decode()
CODES_OF = "/api/v1/users/{}/totp"


@pytest.mark.parametrize(("seconds", "code"), RFC_6238.items())
def test_the_examples_of_rfc_6238(seconds: int, code: str) -> None:
    present = seconds // 30
    assert codes.step_of(RFC_SECRET, code, seconds * 1000) == present
    for off, found in ((0, present), (30, present), (60, None), (90, None)):
        assert codes.step_of(RFC_SECRET, code, (present * 30 + off) * 1000) == found


@pytest.mark.parametrize("code", ["", "28708", "2870820", "２８７０８２", "287 082", "abcdef", "28708\0", "\ud800" * 6])
def test_what_is_no_code_is_none(code: str) -> None:
    assert codes.step_of(RFC_SECRET, code, 59_000) is None


def test_an_enrolment_tells_the_same_as_text_and_as_an_address() -> None:
    made = codes.new_enrolment("ama owusu")
    split = urlsplit(made.uri)
    assert (split.scheme, split.netloc) == ("otpauth", "totp")
    assert parse_qs(split.query) == {"secret": [made.secret], "issuer": [codes.ISSUER]}
    assert len(made.secret) == 32
    assert codes.new_enrolment("ama").secret != made.secret


class Telephone:
    """Somebody's authenticator."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._totp = pyotp.TOTP(secret)
        self._clock = clock

    def code(self, steps: int = 0) -> str:
        return self._totp.at(self._clock() // 1000 + steps * codes.STEP_SECONDS)


@pytest.fixture
async def telephone(context: Context, clock: Clock) -> Telephone:
    """Root's, enrolled by command."""
    made = await authenticators.enrol(context.hub.desk, "me", "root", confirmed=True)
    return Telephone(made.secret, clock)


async def test_who_has_codes_needs_one_to_log_in(client: httpx.AsyncClient, telephone: Telephone) -> None:
    problem(await log_in(client), 401, "one-time-code-needed")
    problem(await log_in(client, otp="000000"), 401, "login-refused")
    problem(await log_in(client, password="wrong horse", otp=telephone.code()), 401, "login-refused")
    assert (await log_in(client, otp=telephone.code())).status_code == 200
    assert (await log_in(client, "ops")).status_code == 200


async def test_that_a_code_is_needed_is_told_to_who_has_the_password_alone(
    client: httpx.AsyncClient, telephone: Telephone
) -> None:
    wrong = problem(await log_in(client, "root", "wrong horse"), 401, "login-refused")
    assert wrong == problem(await log_in(client, "nobody", "wrong horse"), 401, "login-refused")


async def test_a_code_works_once_and_no_earlier_one_after_it(
    client: httpx.AsyncClient, telephone: Telephone, clock: Clock
) -> None:
    assert (await log_in(client, otp=telephone.code())).status_code == 200
    problem(await log_in(client, otp=telephone.code()), 401, "login-refused")
    problem(await log_in(client, otp=telephone.code(-1)), 401, "login-refused")
    clock.forward(seconds=30)
    assert (await log_in(client, otp=telephone.code())).status_code == 200


@pytest.mark.parametrize(("steps", "expected"), [(-2, 401), (-1, 200), (1, 200), (2, 401)])
async def test_a_telephone_may_be_off_by_one_step(
    client: httpx.AsyncClient, telephone: Telephone, steps: int, expected: int
) -> None:
    assert (await log_in(client, otp=telephone.code(steps))).status_code == expected


async def test_of_those_who_show_one_code_at_the_same_time_one_gets_in(
    context: Context, telephone: Telephone, clock: Clock
) -> None:
    shown = Credentials("root", PASSWORD, telephone.code())
    tries = (login.log_in(context.hub.desk, shown, "192.0.2.1", clock()) for _ in range(5))
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(one).__name__ for one in found) == ["LoggedIn", *["LoginRefused"] * 4]


async def test_codes_are_not_guessed_by_who_has_the_password(client: httpx.AsyncClient, telephone: Telephone) -> None:
    found = [(await log_in(client, otp=f"{number:06}")).status_code for number in range(7)]
    assert found == [401] * 5 + [429] * 2
    refused = await log_in(client, otp=telephone.code())
    problem(refused, 429, "too-many-tries")
    assert int(refused.headers["retry-after"]) > 200


async def test_administrators_need_codes_where_these_are_required_and_operators_do_not(
    client: httpx.AsyncClient, context: Context, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = context.hub.desk
    strict = replace(desk, settings=replace(desk.settings, admin_totp_required=True))
    monkeypatch.setattr(context.hub, "desk", strict)
    problem(await log_in(client), 403, "enrol-one-time-codes")
    problem(await log_in(client, password="wrong horse"), 401, "login-refused")
    assert (await log_in(client, "ops")).status_code == 200
    made = await authenticators.enrol(strict, "me", "root", confirmed=True)
    assert (await log_in(client, otp=Telephone(made.secret, clock).code())).status_code == 200


async def test_one_s_own_authenticator_is_asked_for_once_it_was_confirmed(
    client: httpx.AsyncClient, clock: Clock, hub: Hub
) -> None:
    mine = await bearer(client)
    made = await client.post("/auth/totp", headers=mine)
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    assert (await log_in(client)).status_code == 200
    again = (await client.post("/auth/totp", headers=mine)).json()  # she closed the page: another secret
    telephone = Telephone(again["secret"], clock)
    wrong = Telephone(made.json()["secret"], clock)
    refused = await client.post("/auth/totp/confirm", headers=mine, json={"otp": wrong.code()})
    problem(refused, 401, "login-refused")
    assert (await client.post("/auth/totp/confirm", headers=mine, json={"otp": telephone.code()})).status_code == 204
    problem(await log_in(client), 401, "one-time-code-needed")
    problem(await log_in(client, otp=telephone.code()), 401, "login-refused")  # that one was used
    clock.forward(seconds=30)
    assert (await log_in(client, otp=telephone.code())).status_code == 200
    problem(await client.post("/auth/totp", headers=mine), 409, "exists")
    problem(await client.post("/auth/totp/confirm", headers=mine, json={"otp": telephone.code(1)}), 404, "not-found")
    told = [act for _, act in await acts(hub) if act.startswith("one-time-codes")]
    assert told == ["one-time-codes.enrol", "one-time-codes.enrol", "one-time-codes.confirm"]


async def test_an_administrator_takes_codes_away_which_ends_her_logins(
    client: httpx.AsyncClient, telephone: Telephone, hub: Hub
) -> None:
    hers, mine = await bearer(client, otp=telephone.code()), await bearer(client, "ops")
    problem(await client.delete(CODES_OF.format("root"), headers=mine), 403, "forbidden")
    local = {"Authorization": f"Bearer {hub._admin_token}"}
    done = await client.delete(CODES_OF.format("root"), headers=local)
    assert done.json() == {"name": "root", "one_time_codes": False}
    assert await status(client, hers) == 401
    assert (await log_in(client)).status_code == 200
    problem(await client.delete(CODES_OF.format("root"), headers=local), 404, "not-found")


async def test_a_secret_rests_sealed_and_for_its_name_alone(hub: Hub, context: Context, telephone: Telephone) -> None:
    made = await authenticators.enrol(hub.desk, "me", "ops", confirmed=True)
    async with hub.database.transaction() as connection:
        rows = await connection.fetch("SELECT secret FROM account_code")
        assert not [row for row in rows if made.secret.encode() in row["secret"]]
        await connection.execute(
            "UPDATE account_code SET secret = (SELECT secret FROM account_code WHERE name = 'ops') WHERE name = 'root'"
        )
    with pytest.raises(SealBroken):
        await login.log_in(hub.desk, Credentials("root", PASSWORD, "000000"), "192.0.2.1", context.clock())


async def test_codes_are_for_people_that_there_are(hub: Hub) -> None:
    with pytest.raises(HubError, match="no user of this name"):
        await authenticators.enrol(hub.desk, "me", "nobody", confirmed=True)


def test_the_command_shows_the_secret_once_and_takes_codes_away(run: Any, tmp_path: Any) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD, encoding="utf-8")
    run("user", "add", "root", "--role", "admin", "--password-file", str(file))
    made = run("user", "totp", "root").json
    assert made["uri"].startswith("otpauth://totp/")
    assert made["secret"] in made["uri"]
    assert run("user", "totp", "root").status == 1
    assert run("user", "totp", "root", "--reset").json == {"name": "root", "one_time_codes": False}
    assert run("user", "totp", "root").json["secret"] != made["secret"]
    assert run("user", "totp", "nobody").status == 1
    rotated = run("key", "rotate-login").json
    assert rotated["ended"] == 0
    assert run("key", "rotate-login", "--at-once").json["kid"] != rotated["kid"]


def test_a_code_of_the_step_before_is_taken_too() -> None:
    assert codes.step_of(RFC_SECRET, RFC_6238[1111111109], (1111111109 // 30 - 1) * 30_000) == 1111111109 // 30
    assert codes.step_of(RFC_SECRET, RFC_6238[1111111109], (1111111109 // 30 - 2) * 30_000) is None
