"""`/people`: who may log in at this node; adding a local user, keeping one out, a new password, an end to a lock."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post

from edge_node.api.access import Caller
from edge_node.errors import EdgeError, SettingsWrong
from edge_node.language import _
from edge_node.pages import dates, rendering
from edge_node.pages.desk import Desk
from edge_node.pages.forms import posted
from edge_node.roles import ROLES
from edge_node.store.model import User
from edge_node.store.passwords import remaining_ms
from edge_node.store.people import HUB
from edge_node.store.trail import Action
from sync_protocol import bounds
from sync_protocol.passwords import PASSWORD_CHARS_MIN

ADDED_HERE = tuple(role for role in ROLES if role != "citizen")
"""Roles that are given on the page. A citizen has to be told which patient she is: `medtech-edge user add --patient`."""


class Member(msgspec.Struct, frozen=True):
    """One user as a line. `locked`: until when, in words; empty: not."""

    name: str
    role: str
    from_hub: bool
    disabled: bool
    locked: str
    since: str
    herself: bool


def handlers(desk: Desk) -> list[Any]:
    """The paths."""

    @get("/people")
    async def listed(request: Request[Any, Any, Any]) -> Response[Any]:
        caller = desk.caller(request, "manage-people")
        return await _page(desk, request, caller)

    @post("/people", status_code=200)
    async def change(request: Request[Any, Any, Any]) -> Response[Any]:
        caller = desk.caller(request, "manage-people")
        sent = await posted(request)
        try:
            said = await desk.threads.password(_change, desk, caller, sent)
        except EdgeError as error:
            return await _page(desk, request, caller, _told(error), 400)
        desk.tell(caller.author, "good", said)
        return rendering.redirect("/people")

    return [listed, change]


async def _page(
    desk: Desk, request: Request[Any, Any, Any], caller: Caller, error: str = "", status: int = 200
) -> Response[Any]:
    users = await desk.threads.search(desk.store.users.list)
    members = [_member(user, caller, desk.now_ms()) for user in users]
    page = {"members": members, "roles": ADDED_HERE, "error": error}
    return await desk.page(request, caller.author, "people.html", here="people", status=status, **page)


def _member(user: User, caller: Caller, now_ms: int) -> Member:
    locked = remaining_ms(user.wrong, user.locked_until_ms, now_ms)
    return Member(
        user.name,
        user.role,
        user.origin == HUB,
        user.disabled,
        dates.moment(now_ms + locked, now_ms) if locked else "",
        dates.moment(user.created_ms, now_ms),
        user.name == caller.author.user,
    )


def _told(error: EdgeError) -> str:
    """What was not done and why. What is wrong with a name or a password is said of all of them: the form asks for no more."""
    if isinstance(error, SettingsWrong):
        return _(
            "Nothing was changed. A name has at most %(name)s characters and no space at its ends, "
            "a password at least %(least)s characters.",
            name=bounds.USER_CHARS_MAX,
            least=PASSWORD_CHARS_MIN,
        )
    return f"{_(str(error))}. {_(error.hint)}"


def _change(desk: Desk, caller: Caller, sent: dict[str, str]) -> str:
    """Does what the form asks; what was done, in words. Raises what `Users` raises."""
    name, asked, users = sent.get("name", "").strip(), sent.get("do", ""), desk.store.users
    if asked in ("disable", "password") and name == caller.author.user:
        return _("Nothing was changed: another administrator does this to you.")
    done: Action
    if asked == "add":
        if users.get(name) is not None:
            return _("Nothing was changed: there is somebody of this name already.")
        users.add(name, sent.get("role", ""), sent.get("password", ""), desk.now_ms())
        done = "user-add"
        said = _("%(who)s may log in at this computer from now on.", who=name)
    elif asked == "disable":
        users.disable(name)
        done = "user-disable"
        said = _("%(who)s may not log in here any more. Whoever was logged in under this name is out.", who=name)
    elif asked == "enable":
        users.enable(name)
        done = "user-enable"
        said = _("%(who)s is not kept out here any more.", who=name)
    elif asked == "unlock":
        users.unlock(name)
        done = "user-unlock"
        said = _("%(who)s may try again at once.", who=name)
    elif asked == "password":
        users.set_password(name, sent.get("password", ""), desk.now_ms())
        done = "user-password"
        said = _("%(who)s has a new password. It has to be told in person.", who=name)
    else:
        return _("Nothing was changed.")
    desk.store.record(caller.author, desk.now_ms(), done, detail={"name": name})
    return said
