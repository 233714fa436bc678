"""`/admin/waiting`: what waits for people, conflicts and what was put aside. `/admin/audit`: who did what."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from hub.api.access import permitted
from hub.console import acts, wording
from hub.console.blocks import Block, Cell, Column, Field, Form, Page, Table
from hub.console.desk import Desk, done
from hub.console.node_pages import aside_table
from hub.errors import BadRequest
from hub.sessions.visitor import Visitor
from hub.store import trail
from hub.store.trail import Act, OpenConflicts, Position

CONFLICTS = 200
NUMBER_MAX = 2**62
YEARS = range(2000, 3000)


@get("/waiting", guards=[permitted("quarantine.see")])
async def waiting(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[str]:
    desk = Desk(request, visitor)
    after = _number(desk.asked("after") or "0")
    aside, conflicts = await desk.reader.all(
        partial(trail.aside, region=visitor.region, after=after, limit=desk.limit + 1),
        partial(trail.open_conflicts, region=visitor.region, limit=desk.limit if desk.file else CONFLICTS),
    )
    aside = sorted(aside, key=lambda one: one.id)
    shown = aside[: desk.limit]
    table = aside_table(shown, desk, "Put aside", "quarantine")
    more = desk.link(after=shown[-1].id) if len(aside) > desk.limit else ""
    intro = "What could not be used as it came, the oldest first. What it holds stays sealed; the node has it too."
    table = Table(
        name=table.name,
        title=table.title,
        columns=table.columns,
        rows=table.rows,
        empty=table.empty,
        more=more,
        intro=intro,
    )
    return desk.answer(Page(title="Waiting for people", here="waiting", blocks=[_conflicts(conflicts, desk), table]))


def _conflicts(found: Sequence[OpenConflicts], desk: Desk) -> Table:
    rows = tuple(
        (
            Cell(one.facility_name, href=f"/admin/facilities/{one.facility}"),
            Cell(one.region),
            wording.number(one.resources),
            wording.number(one.elements),
            wording.ago(one.oldest, desk.now),
        )
        for one in sorted(found, key=lambda one: (one.oldest, one.facility))
    )
    columns = (
        Column("Facility"),
        Column("Region"),
        Column("Records", True),
        Column("Statements", True),
        Column("The oldest"),
    )
    intro = "Two people wrote different things without seeing each other's. The clinic's people settle them on their own pages."
    return Table(
        name="conflicts", title="Conflicts open", columns=columns, rows=rows, intro=intro, empty="No conflict is open."
    )


@get("/waiting/{number:int}", guards=[permitted("quarantine.resolve")])
async def confirm(
    request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], number: FromPath[int]
) -> Response[str]:
    desk = Desk(request, visitor)
    form = Form(
        action=f"/admin/waiting/{_number(str(number))}",
        button="I dealt with it",
        fields=(),
        intro="It leaves this list, and the audit says that you dealt with it. What it holds is kept.",
        cancel="/admin/waiting",
    )
    ways = (Cell("Waiting", href="/admin/waiting"),)
    return desk.answer(Page(title=f"Number {number}: dealt with?", here="waiting", blocks=[form], ways=ways))


@post("/waiting/{number:int}", guards=[permitted("quarantine.resolve")])
async def resolve(
    request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], number: FromPath[int]
) -> Response[None]:
    place = await acts.resolve(Desk(request, visitor), _number(str(number)))
    return await done(place, "/admin/waiting", "resolved")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= NUMBER_MAX):
        raise BadRequest("There is no such number.", hint="Go back and choose from the list.")
    return int(text)


@get("/audit", guards=[permitted("audit.see")])
async def audit(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[str]:
    desk = Desk(request, visitor)
    since, until = _day(desk.asked("since")), _day(desk.asked("until"))
    (found,) = await desk.reader.all(
        partial(
            trail.acts,
            region=visitor.region,
            actor=desk.asked("actor"),
            action=desk.asked("action"),
            about=desk.asked("object"),
            since=since,
            until=until + timedelta(days=1) if until else None,
            before=_position(desk.asked("before")),
            limit=desk.limit + 1,
        )
    )
    found = sorted(found, key=_place, reverse=True)
    shown = found[: desk.limit]
    more = desk.link(before=_written(shown[-1])) if len(found) > desk.limit else ""
    search = Form(
        action="/admin/audit",
        method="get",
        button="Search",
        fields=(
            Field(name="actor", label="Who", value=desk.asked("actor"), hint="A person's name, a node's id, or api."),
            Field(
                name="action",
                label="What",
                value=desk.asked("action"),
                hint="As node.revoke; node. for all that begins so.",
            ),
            Field(name="object", label="To what", value=desk.asked("object"), hint="A node, a facility, a person."),
            Field(name="since", label="From", kind="date", value=desk.asked("since")),
            Field(name="until", label="To", kind="date", value=desk.asked("until")),
        ),
    )
    rows = tuple((wording.moment(one.at), Cell(one.actor), Cell(one.action), Cell(one.object)) for one in shown)
    columns = tuple(map(Column, ("When (UTC)", "Who", "What", "To what")))
    table = Table(
        name="audit", title="Who did what", columns=columns, rows=rows, more=more, empty="Nothing of the kind was done."
    )
    blocks: list[Block] = [search, table]
    return desk.answer(Page(title="Audit", here="audit", blocks=blocks))


def _place(one: Act) -> Position:
    return one.at, one.shard, one.id


def _written(one: Act) -> str:
    return f"{one.at.isoformat()}~{one.shard}~{one.id}"


def _position(text: str) -> Position:
    if not text:
        return trail.NEWEST
    at, _, rest = text.partition("~")
    shard, _, id_ = rest.partition("~")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise BadRequest("There is no such page.", hint="Search again.") from error
    if moment.tzinfo is None or len(shard) > 9:
        raise BadRequest("There is no such page.", hint="Search again.")
    return moment, _number(shard), _number(id_)


def _day(text: str) -> datetime | None:
    """The begin of a day, in UTC."""
    if not text:
        return None
    try:
        found = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadRequest("There is no such day.", hint="Write it as 2026-03-31.") from error
    if found.year not in YEARS:
        raise BadRequest("There is no such day in the audit.", hint="Write it as 2026-03-31.")
    return found
