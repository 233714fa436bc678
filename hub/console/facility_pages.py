"""`/admin/facilities`: all facilities, one with its nodes and numbers; adding one."""

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from hub.api.access import permitted
from hub.console import acts, sums, wording
from hub.console.blocks import Block, Cell, Column, Facts, Field, Form, Links, Page, Table, Tile, Tiles
from hub.console.desk import Desk, done
from hub.console.forms import fields_of, name_in
from hub.console.node_pages import NODE_COLUMNS, aside_table, node_row
from hub.console.quality_pages import ISSUES
from hub.sessions.visitor import Visitor
from hub.store import overview, trail, views
from hub.store.overview import FacilityLine
from hub.store.views import MonthCount

COLUMNS: Final = (
    Column("Facility"),
    Column("Id"),
    Column("Region"),
    Column("Nodes", True),
    Column("The worst of them"),
    Column("Seen"),
    Column("Waiting there", True),
)
MONTHS: Final = 6
COUNTED: Final = (
    ("contact", "antenatal-contact", "Antenatal contacts"),
    ("contact", "birth", "Births"),
    ("outcome", "live-birth", "Babies born alive"),
    ("contact", "postnatal-contact", "Contacts after birth"),
    ("immunization", "", "Vaccinations"),
)
"""(kind, code; '' for all codes, words) of what is told of each month."""


@get("/facilities", guards=[permitted("facilities.see")])
async def listing(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[str]:
    desk = Desk(request, visitor)
    asked, of_region = desk.asked("q"), desk.asked("region")
    # What is asked for in the address never widens what she may see.
    region = visitor.region or of_region
    (found,) = await desk.reader.all(
        partial(overview.facilities, region=region, asked=asked, after=desk.asked("after"), limit=desk.limit + 1)
    )
    found = sorted(found, key=lambda one: one.id)
    shown: Sequence[FacilityLine] = found[: desk.limit]
    find = Form(
        action="/admin/facilities",
        method="get",
        button="Find",
        fields=(
            Field(name="q", label="Name or id", kind="search", value=asked),
            Field(name="region", label="Region", value=of_region)
            if not visitor.region
            else Field(name="region", label="", kind="hidden"),
        ),
    )
    table = Table(
        name="facilities",
        title="Facilities",
        columns=COLUMNS,
        rows=tuple(_row(one, desk) for one in shown),
        empty="There is no such facility.",
        more=desk.link(after=shown[-1].id) if len(found) > desk.limit else "",
    )
    links = Links((Cell("Add a facility", href="/admin/facilities/new", tone="good"),))
    blocks: list[Block] = [*([links] if desk.may("facilities.add") else []), find, table]
    title = f"Facilities of {region}" if region else "Facilities"
    return desk.answer(Page(title=title, here="facilities", blocks=blocks))


def _row(one: FacilityLine, desk: Desk) -> tuple[Cell, ...]:
    return (
        Cell(one.name, href=f"/admin/facilities/{one.id}"),
        Cell(one.id),
        Cell(one.region),
        wording.number(one.nodes),
        wording.health(one.health),
        wording.ago(one.last_seen, desk.now),
        wording.number(one.pending),
    )


@get("/facilities/new", guards=[permitted("facilities.add")])
async def form(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[str]:
    desk = Desk(request, visitor)
    region = Field(
        name="region", label="Region", value=visitor.region, required=True, hint="Its name, as on the overview."
    )
    adding = Form(
        action="/admin/facilities",
        button="Add the facility",
        intro="Its id stands in records and cannot be changed later: take the one that your ministry uses.",
        fields=(
            Field(name="id", label="Id", required=True, hint="Letters without accents, digits, - and . only."),
            Field(name="name", label="Name", required=True),
            region,
        ),
    )
    ways = (Cell("Facilities", href="/admin/facilities"),)
    return desk.answer(Page(title="Add a facility", here="facilities", blocks=[adding], ways=ways))


@post("/facilities", guards=[permitted("facilities.add")])
async def add(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[None]:
    desk = Desk(request, visitor)
    given = await fields_of(request, "id", "name", "region")
    place = await acts.add_facility(desk, given["id"], given["name"], given["region"])
    return await done(place, f"/admin/facilities/{given['id']}", "added")


@get("/facilities/{facility:str}", guards=[permitted("facilities.see")])
async def one(
    request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], facility: FromPath[str]
) -> Response[str]:
    desk = Desk(request, visitor)
    region = visitor.region
    line: FacilityLine = await desk.reader.one(partial(overview.facility, region=region, facility_id=name_in(facility)))
    months = wording.months_before(desk.now.date(), MONTHS)
    nodes, counts, weeks, odd, aside, conflicts = await desk.reader.views(
        partial(overview.nodes_of, region=region, facility=line.id),
        partial(
            views.month_counts,
            region=region,
            scopes=[line.scope],
            kinds=["contact", "outcome", "immunization"],
            since=months[0],
            until=months[-1],
        ),
        partial(views.pregnancy_weeks, region=region, scopes=[line.scope]),
        partial(views.issues, region=region, scopes=[line.scope]),
        partial(trail.aside, region=region, facility=line.id, limit=desk.limit),
        partial(trail.open_conflicts, region=region, facility=line.id, limit=1),
    )
    issues = sums.by(odd, "issue")
    late = sum(one.overdue + one.overdue_after for one in weeks)
    numbers = desk.may("dashboards.see")
    tiles = (
        Tile("Pregnant today", wording.number(sum(one.n for one in weeks)).text),
        Tile("Contacts overdue", wording.number(late).text, "warn" if late else ""),
        Tile(
            "Conflicts open",
            wording.number(sum(one.resources for one in conflicts)).text,
            note="settled by the clinic's people",
        ),
    )
    links = (
        [Cell("Enrol a node here", href=f"/admin/enrol?facility={line.id}", tone="good")]
        if desk.may("nodes.invite")
        else []
    )
    if desk.may("facilities.move"):
        links.append(Cell("Move to another shard…", href=f"/admin/facilities/{line.id}/move"))
    blocks: list[Block] = [
        *([Links(tuple(links))] if links else []),
        *([Tiles(tiles, "Today")] if numbers else []),
        Table(
            name="nodes",
            title="Its nodes",
            columns=NODE_COLUMNS,
            rows=tuple(node_row(node, desk.now) for node in nodes),
            empty="No node was enrolled for it yet.",
        ),
    ]
    if numbers:
        blocks += [month_table(counts, months), _issues(issues)]
    if desk.may("quarantine.see"):
        blocks.append(aside_table(aside, desk, "Put aside from this facility", "quarantine"))
    age = desk.age_of("pregnancy_week", "month_count", "issue_count") if numbers else ""
    ways = (
        Cell("Facilities", href="/admin/facilities"),
        Cell(line.region, href=f"/admin/facilities?region={line.region}"),
    )
    return desk.answer(Page(title=f"{line.name} ({line.id})", here="facilities", blocks=blocks, age=age, ways=ways))


def month_table(counts: Sequence[MonthCount], months: Sequence[date]) -> Table:
    """What happened in each month, the earliest first."""
    rows = []
    for kind, code, words in COUNTED:
        found = dict.fromkeys(months, 0)
        for one in counts:
            if one.kind == kind and code in ("", one.code) and one.month in found:
                found[one.month] += one.n
        rows.append((Cell(words), *map(wording.number, found.values())))
    columns = (Column("What"), *(Column(wording.month(month), True) for month in months))
    return Table(name="months", title="Month by month", columns=columns, rows=tuple(rows))


def _issues(issues: dict[object, int]) -> Facts:
    rows = tuple((words, wording.number(issues.get(issue, 0))) for issue, words, _ in ISSUES)
    return Facts(title="Data quality", rows=rows)
