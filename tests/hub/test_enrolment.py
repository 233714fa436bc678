"""Enrolment: a code works once, in time, for whoever has it, and cannot be guessed."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from hub.api.context import Context
from hub.enrolment import EnrollRequest, authorised, enroll, invite, new_code, normal
from hub.errors import BadRequest, CodeRefused, NotFound, TooManyTries, Unauthorised
from hub.limits.gcra import SECOND
from hub.limits.in_process import InProcess
from hub.limits.limits import Limits, rules
from hub.runtime import Hub
from hub.store.nodes import add_facility, list_nodes
from hub.store.scopes import scopes_of_node

ADDRESS = "192.0.2.1"


def time_ms(later: timedelta = timedelta()) -> int:
    return int((datetime.now(UTC) + later).timestamp() * 1000)


async def test_a_code_makes_one_node_with_its_scopes(hub: Hub) -> None:
    invitation = await invite(hub, "f0", "clinic", None, "test")
    request = EnrollRequest(invitation.code, "front desk", bytes(range(32)))
    enrolled = await enroll(hub, request, ADDRESS, time_ms())
    _place, node = await authorised(hub, f"Bearer {enrolled.node}.{enrolled.secret}")
    assert (node.facility, node.role, node.state, node.name) == ("f0", "clinic", "active", "front desk")
    assert node.public_key == bytes(range(32))
    assert [scope.scope for scope in enrolled.scopes] == ["facility/f0", "region/west", "global"]
    with pytest.raises(CodeRefused):
        await enroll(hub, request, ADDRESS, time_ms())


async def test_a_point_of_presence_holds_its_region_and_what_is_added_to_it(hub: Hub) -> None:
    invitation = await invite(hub, "f0", "pop", "west", "test")
    enrolled = await enroll(hub, EnrollRequest(invitation.code), ADDRESS, time_ms())
    async with hub.database.transaction() as connection:
        await add_facility(connection, hub.keys, "f2", "Clinic 2", "west")
        await add_facility(connection, hub.keys, "f3", "Clinic 3", "east")
        held = {scope.name for scope in await scopes_of_node(connection, enrolled.node)}
    assert held == {"facility/f0", "facility/f1", "facility/f2", "region/west", "global"}


async def test_a_code_expires(hub: Hub) -> None:
    invitation = await invite(hub, "f0", "clinic", None, "test")
    late = time_ms(timedelta(hours=hub.settings.invite_hours, seconds=1))
    with pytest.raises(CodeRefused):
        await enroll(hub, EnrollRequest(invitation.code), ADDRESS, late)
    async with hub.database.transaction() as connection:
        assert await connection.fetchval("SELECT attempts FROM invite") == 1
        assert await list_nodes(connection) == []


async def test_a_code_is_understood_as_it_was_read_aloud(hub: Hub) -> None:
    invitation = await invite(hub, "f0", "clinic", None, "test")
    spoken = " ".join(invitation.code.lower().replace("-", "").replace("0", "o").replace("1", "l"))
    assert (await enroll(hub, EnrollRequest(spoken), ADDRESS, time_ms())).facility == "f0"


async def test_the_code_is_not_in_the_database(hub: Hub) -> None:
    invitation = await invite(hub, "f0", "clinic", None, "test")
    async with hub.database.transaction() as connection:
        row = str(await connection.fetchrow("SELECT * FROM invite"))
    assert normal(invitation.code) not in row
    assert invitation.code not in row


async def test_wrong_codes_are_limited_by_address_and_in_all(hub: Hub) -> None:
    clock = [0]
    few = replace(hub.settings, enroll_failures_per_minute=3, enroll_failures_all_per_minute=5)
    own = InProcess(lambda: clock[0])
    hub.limits = Limits(own, own, hub.keys, rules(few))

    async def wrong(address: str) -> None:
        with pytest.raises(CodeRefused):
            await enroll(hub, EnrollRequest(new_code()), address, time_ms())

    for _ in range(3):
        await wrong(ADDRESS)
    good = EnrollRequest((await invite(hub, "f0", "clinic", None, "test")).code)
    with pytest.raises(TooManyTries) as caught:
        await enroll(hub, good, ADDRESS, time_ms())
    assert caught.value.retry_after_seconds == 20
    for _ in range(2):
        await wrong("192.0.2.2")
    with pytest.raises(TooManyTries):
        await enroll(hub, good, "192.0.2.3", time_ms())
    clock[0] = 60 * SECOND
    assert (await enroll(hub, good, ADDRESS, time_ms())).facility == "f0"


async def test_a_facility_that_is_not_there_or_elsewhere_is_not_invited_to(hub: Hub) -> None:
    with pytest.raises(NotFound):
        await invite(hub, "f9", "clinic", None, "test")
    with pytest.raises(BadRequest, match="west"):
        await invite(hub, "f0", "clinic", "east", "test")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Bearer .", "Basic a.b", "Bearer n-1.secret", "Bearer \xff.\xfe"]
)
async def test_wrong_credentials_are_refused(hub: Hub, header: str) -> None:
    with pytest.raises(Unauthorised):
        await authorised(hub, header)


async def test_the_right_node_with_a_wrong_secret_is_refused(hub: Hub) -> None:
    invitation = await invite(hub, "f0", "clinic", None, "test")
    enrolled = await enroll(hub, EnrollRequest(invitation.code), ADDRESS, time_ms())
    with pytest.raises(Unauthorised):
        await authorised(hub, f"Bearer {enrolled.node}.{enrolled.secret[:-1]}x")


def test_codes_are_short_and_speakable() -> None:
    codes = {new_code() for _ in range(1000)}
    assert len(codes) == 1000
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}", code) for code in codes)


async def test_acts_are_noted(context: Context) -> None:
    hub = context.hub
    invitation = await invite(hub, "f0", "clinic", None, "somebody")
    enrolled = await enroll(hub, EnrollRequest(invitation.code), ADDRESS, time_ms())
    async with hub.database.transaction() as connection:
        acts = [tuple(row) for row in await connection.fetch("SELECT actor, action, object FROM audit ORDER BY id")]
    assert acts == [("somebody", "node.invite", "f0"), (enrolled.node, "node.enroll", "f0")]
