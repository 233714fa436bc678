"""`/admin/people`: who may log in at nodes and at the hub; adding somebody, giving another role or place, disabling, resetting codes."""

from functools import partial
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from hub.api.access import permitted
from hub.console import acts
from hub.console.blocks import Cell, Column, Field, Form, Links, Page, Table
from hub.console.desk import Desk, done
from hub.console.forms import fields_of, name_in
from hub.console.wording import ago
from hub.errors import NotFound
from hub.sessions.visitor import Visitor
from hub.store import accounts
from hub.store.accounts import AccountLine
from sync_protocol.passwords import ROLES

ROLE_WORDS: Final = {
    "clinician": "clinician",
    "midwife": "midwife",
    "registrar": "registrar",
    "citizen": "citizen",
    "operator": "operator: looks after nodes",
    "admin": "administrator of the hub",
}
FIELDS: Final = ("name", "role", "facility", "region", "password")


@get("/people", guards=[permitted("people.see")])
async def listing(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[str]:
    desk = Desk(request, visitor)
    (found,) = await desk.reader.all(
        partial(
            accounts.accounts,
            region=visitor.region,
            asked=desk.asked("q"),
            after=desk.asked("after"),
            limit=desk.limit + 1,
        )
    )
    by_name = {one.name: one for one in sorted(found, key=lambda one: one.revision)}
    lines = [by_name[name] for name in sorted(by_name)]
    shown = lines[: desk.limit]
    find = Form(
        action="/admin/people",
        method="get",
        button="Find",
        fields=(Field(name="q", label="Name begins with", kind="search", value=desk.asked("q")),),
    )
    table = Table(
        name="people",
        title="People",
        columns=tuple(map(Column, ("Name", "Role", "Where", "State", "Added", "Change"))),
        rows=tuple(_row(one, desk) for one in shown),
        empty="There is nobody of such a name.",
        more=desk.link(after=shown[-1].name) if len(lines) > desk.limit else "",
    )
    links = Links((Cell("Add a person", href="/admin/people/new", tone="good"),))
    return desk.answer(
        Page(title="People", here="people", blocks=[*([links] if desk.may("people.add") else []), find, table])
    )


def _row(one: AccountLine, desk: Desk) -> tuple[Cell, ...]:
    where = Cell(one.facility, href=f"/admin/facilities/{one.facility}") if one.facility else Cell(one.region or "all")
    state = Cell("disabled", tone="warn") if one.disabled else Cell("may log in", tone="good")
    change = Cell("Change…", href=f"/admin/people/{one.name}") if desk.may("people.add") else Cell("")
    return Cell(one.name), Cell(one.role), where, state, ago(one.created, desk.now), change


@get("/people/new", guards=[permitted("people.add")])
async def new(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[str]:
    desk = Desk(request, visitor)
    ways = (Cell("People", href="/admin/people"),)
    return desk.answer(Page(title="Add a person", here="people", blocks=[_form(None)], ways=ways))


def _form(one: AccountLine | None) -> Form:
    name = (
        Field(name="name", label="Name", kind="hidden", value=one.name)
        if one
        else Field(name="name", label="Name", required=True)
    )
    return Form(
        action="/admin/people",
        title="Another role, place or password" if one else "",
        button="Save" if one else "Add the person",
        intro="The password is given anew with every change. Tell it to her, and to nobody else.",
        fields=(
            name,
            Field(
                name="role",
                label="Role",
                kind="select",
                value=one.role if one else "midwife",
                options=tuple((role, ROLE_WORDS[role]) for role in ROLES),
            ),
            Field(
                name="facility",
                label="Facility",
                value=one.facility if one else "",
                hint="Its id: she logs in at its nodes. Empty for operators and administrators of the hub.",
            ),
            Field(
                name="region",
                label="Region of an operator",
                value=one.region if one else "",
                hint="The one that she sees; empty: all.",
            ),
            Field(name="password", label="Password", kind="password", required=True, complete="new-password"),
        ),
    )


@post("/people", guards=[permitted("people.add")])
async def add(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[None]:
    desk = Desk(request, visitor)
    given = await fields_of(request, *FIELDS)
    await acts.add_person(desk, given["name"], given["role"], given["password"], given["facility"], given["region"])
    return await done(await _where(desk, given["facility"]), "/admin/people", "person")


async def _where(desk: Desk, facility: str) -> Any:
    """The shard on which somebody of a facility, or of none, is known first."""
    return await desk.hub.shards.of_facility(facility) if facility else desk.hub.shards.first


@get("/people/{name:str}", guards=[permitted("people.add")])
async def one(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], name: FromPath[str]) -> Response[str]:
    desk = Desk(request, visitor)
    line = await _line(desk, name)
    here = f"/admin/people/{line.name}"
    forms = [_form(line)]
    if desk.may("people.disable") and not line.disabled:
        intro = "She can log in no more: here from now on, at each node from its next exchange on. A new password enables her again."
        forms.append(
            Form(
                action=f"{here}/disable",
                button="Disable",
                fields=(),
                title="Let her log in no more",
                intro=intro,
                tone="bad",
            )
        )
    if desk.may("people.reset-codes") and not line.facility:
        intro = (
            "For somebody who lost her telephone. She logs in with the password alone until she sets codes up again."
        )
        forms.append(
            Form(
                action=f"{here}/codes",
                button="Reset",
                fields=(),
                title="Reset her one-time codes",
                intro=intro,
                tone="bad",
            )
        )
    ways = (Cell("People", href="/admin/people"),)
    return desk.answer(Page(title=line.name, here="people", blocks=forms, ways=ways))


async def _line(desk: Desk, name: str) -> AccountLine:
    """Somebody of the visitor's region. Raises `NotFound`."""
    (found,) = await desk.reader.all(partial(accounts.account, region=desk.visitor.region, name=name_in(name)))
    if not found:
        raise NotFound("There is nobody of this name.", hint="Go back to the list and choose again.")
    line: AccountLine = max(found, key=lambda one: one.revision)
    return line


@post("/people/{name:str}/disable", guards=[permitted("people.disable")])
async def disable(
    request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], name: FromPath[str]
) -> Response[None]:
    desk = Desk(request, visitor)
    line = await _line(desk, name)
    await acts.disable_person(desk, line.name)
    return await done(await _where(desk, line.facility), "/admin/people", "disabled")


@post("/people/{name:str}/codes", guards=[permitted("people.reset-codes")])
async def codes(
    request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], name: FromPath[str]
) -> Response[None]:
    desk = Desk(request, visitor)
    line = await _line(desk, name)
    await acts.reset_codes(desk, line.name)
    return await done(desk.hub.shards.first, "/admin/people", "codes")
