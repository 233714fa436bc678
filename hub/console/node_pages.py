"""`/admin/nodes`: all nodes, one node with its last exchanges; enrolling one, revoking one, having one wiped."""

from datetime import datetime
from functools import partial
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from hub.api.access import permitted
from hub.console import acts, wording
from hub.console.blocks import Block, Cell, Column, Facts, Field, Form, Links, News, Page, Table
from hub.console.desk import Desk, done
from hub.console.forms import fields_of, name_in
from hub.errors import BadRequest
from hub.sessions.visitor import Visitor
from hub.store import exchanges, overview, trail
from hub.store.exchanges import ExchangeRow
from hub.store.overview import NodeLine

NODE_COLUMNS: Final = (
    Column("Node"),
    Column("Facility"),
    Column("How it is"),
    Column("Seen"),
    Column("Waiting there", True),
    Column("Behind", True),
    Column("Version"),
    Column("Disk"),
    Column("Clock"),
    Column("Records"),
)
VERDICTS: Final = {"merged": Cell("taken"), "fork": Cell("two copies of it", tone="bad")}
INVITING: Final = {"clinic": "a clinic's own computer", "pop": "a point of presence: all facilities of the region"}


def node_row(node: NodeLine, now: datetime) -> tuple[Cell, ...]:
    """A node in a list."""
    how = wording.health(node.health) if node.state == "active" else Cell(wording.STATE_WORDS[node.state], tone="quiet")
    return (
        Cell(node.name or node.id, href=f"/admin/nodes/{node.id}", plain=node.id),
        Cell(node.facility_name, href=f"/admin/facilities/{node.facility}"),
        how,
        wording.ago(node.last_seen, now),
        wording.number(node.pending),
        wording.number(node.behind),
        Cell(node.version or "–"),
        wording.disk(node.disk),
        wording.offset(node.clock_offset_ms),
        wording.agreed(node.agreed),
    )


@get("/nodes", guards=[permitted("nodes.see")])
async def listing(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[str]:
    desk = Desk(request, visitor)
    state, health = desk.asked("state") or "active", desk.asked("health")
    wanted = int(health) if health in map(str, range(len(overview.HEALTH))) else -1
    if state not in ("any", *wording.STATE_WORDS):
        raise BadRequest("There is no such state of nodes.", hint="Choose one from the list.")
    (found,) = await desk.reader.all(
        partial(
            overview.nodes,
            region=visitor.region,
            state="" if state == "any" else state,
            health=wanted,
            after=desk.asked("after"),
            limit=desk.limit + 1,
        )
    )
    found = sorted(found, key=lambda one: one.id)
    shown = found[: desk.limit]
    choice = Form(
        action="/admin/nodes",
        method="get",
        button="Show",
        fields=(
            Field(
                name="health",
                label="How it is",
                kind="select",
                value=health,
                options=(("", "any"), *((str(at), words) for at, words in enumerate(wording.HEALTH_WORDS))),
            ),
            Field(
                name="state",
                label="State",
                kind="select",
                value=state,
                options=(*wording.STATE_WORDS.items(), ("any", "any")),
            ),
        ),
    )
    table = Table(
        name="nodes",
        title="Nodes",
        columns=NODE_COLUMNS,
        rows=tuple(node_row(one, desk.now) for one in shown),
        empty="There is no such node.",
        more=desk.link(after=shown[-1].id) if len(found) > desk.limit else "",
    )
    links = Links((Cell("Enrol a node", href="/admin/enrol", tone="good"),))
    return desk.answer(
        Page(title="Nodes", here="nodes", blocks=[*([links] if desk.may("nodes.invite") else []), choice, table])
    )


@get("/nodes/{node:str}", guards=[permitted("nodes.see")])
async def one(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], node: FromPath[str]) -> Response[str]:
    desk = Desk(request, visitor)
    line: NodeLine = await desk.reader.one(partial(overview.node, region=visitor.region, node_id=name_in(node)))
    last, aside = await desk.reader.all(
        partial(exchanges.last_exchanges, node=line.id),
        partial(trail.aside, region=visitor.region, node=line.id, limit=desk.limit),
    )
    actions = []
    if line.state == "active" and desk.may("nodes.revoke"):
        actions.append(Cell("Revoke…", href=f"/admin/nodes/{line.id}/revoke", tone="bad"))
    if line.state in ("active", "revoked") and desk.may("nodes.wipe"):
        actions.append(Cell("Lost or stolen: wipe…", href=f"/admin/nodes/{line.id}/wipe", tone="bad"))
    blocks: list[Block] = [_facts(line, desk, tuple(actions)), _exchanges(last, desk)]
    if desk.may("quarantine.see"):
        blocks.append(aside_table(aside, desk, f"Put aside from {line.name or line.id}", "quarantine"))
    ways = (Cell("Nodes", href="/admin/nodes"), Cell(line.facility_name, href=f"/admin/facilities/{line.facility}"))
    return desk.answer(Page(title=f"Node {line.name or line.id}", here="nodes", blocks=blocks, ways=ways))


def _facts(line: NodeLine, desk: Desk, actions: tuple[Cell, ...]) -> Facts:
    rows = (
        ("Id", Cell(line.id)),
        ("State", Cell(wording.STATE_WORDS[line.state], tone="good" if line.state == "active" else "warn")),
        ("How it is", wording.health(line.health)),
        ("Facility", Cell(f"{line.facility_name} ({line.facility})", href=f"/admin/facilities/{line.facility}")),
        ("Region", Cell(line.region)),
        ("Sort", Cell(wording.ROLE_WORDS[line.role])),
        ("Enrolled", wording.moment(line.enrolled)),
        ("Seen", wording.ago(line.last_seen, desk.now)),
        ("Exchanges", wording.number(line.exchanges)),
        ("Changes waiting there", wording.number(line.pending)),
        ("Changes it has yet to get", wording.number(line.behind)),
        ("Version", Cell(line.version or "–")),
        ("Disk", wording.disk(line.disk)),
        ("Clock", wording.offset(line.clock_offset_ms)),
        ("Records as at the hub", wording.agreed(line.agreed)),
    )
    return Facts(title="What it says of itself", rows=rows, actions=actions)


def _exchanges(last: list[ExchangeRow], desk: Desk) -> Table:
    columns = [Column("When"), Column("Result")]
    columns += [
        Column(words, True)
        for words in ("Came", "Scopes that went", "Refused", "Wait for others", "Waiting there", "Behind")
    ]
    rows = tuple(
        (
            Cell(wording.ago(row.at, desk.now).text, at=row.at),
            VERDICTS[row.verdict],
            *(wording.number(n) for n in (row.pushed, row.pulled, row.refused, row.parked, row.pending, row.behind)),
        )
        for row in last
    )
    return Table(
        name="exchanges",
        title="Its last exchanges",
        columns=tuple(columns),
        rows=rows,
        empty="It has never exchanged anything.",
        intro=f"The last {exchanges.PLACES}, the latest first.",
    )


def aside_table(found: list[trail.Aside], desk: Desk, title: str, name: str) -> Table:
    """What is in quarantine."""
    columns = tuple(map(Column, ("Number", "Since", "Why", "What is wrong", "Node", "Facility")))
    rows = tuple(
        (
            Cell(str(row.id), href=f"/admin/waiting/{row.id}" if desk.may("quarantine.resolve") else ""),
            wording.ago(row.since, desk.now),
            Cell(row.reason),
            Cell(row.detail),
            Cell(row.node, href=f"/admin/nodes/{row.node}"),
            Cell(row.facility_name, href=f"/admin/facilities/{row.facility}"),
        )
        for row in found
    )
    return Table(name=name, title=title, columns=columns, rows=rows, empty="Nothing was put aside.")


CONFIRM: Final = {
    "revoke": (
        "Revoke the node {name}?",
        "It gets nothing any more, and nothing is taken from it. What it holds stays readable there. This cannot be taken back: to "
        "connect the computer again, enrol it with a new code.",
        "Revoke it",
    ),
    "wipe": (
        "Have the node {name} erase itself?",
        "For a computer that was lost or stolen. It gets nothing any more, and is told to erase itself the next time it calls. What it "
        "had not sent is lost. This cannot be taken back.",
        "Have it erased",
    ),
}


@get("/nodes/{node:str}/revoke", guards=[permitted("nodes.revoke")])
async def confirm_revoke(
    request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], node: FromPath[str]
) -> Response[str]:
    return await _confirm(request, visitor, node, "revoke")


@get("/nodes/{node:str}/wipe", guards=[permitted("nodes.wipe")])
async def confirm_wipe(
    request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], node: FromPath[str]
) -> Response[str]:
    return await _confirm(request, visitor, node, "wipe")


async def _confirm(request: Request[Any, Any, Any], visitor: Visitor, node: str, what: str) -> Response[str]:
    desk = Desk(request, visitor)
    line: NodeLine = await desk.reader.one(partial(overview.node, region=visitor.region, node_id=name_in(node)))
    title, intro, button = CONFIRM[what]
    name = f"{line.name or line.id} of {line.facility_name}"
    here = f"/admin/nodes/{line.id}"
    form = Form(action=f"{here}/{what}", button=button, fields=(), intro=intro, tone="bad", cancel=here)
    return desk.answer(
        Page(
            title=title.format(name=name),
            here="nodes",
            blocks=[form],
            ways=(Cell("Nodes", href="/admin/nodes"), Cell(line.name or line.id, href=here)),
        )
    )


@post("/nodes/{node:str}/revoke", guards=[permitted("nodes.revoke")])
async def revoke(
    request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], node: FromPath[str]
) -> Response[None]:
    desk = Desk(request, visitor)
    return await done(await acts.revoke(desk, name_in(node)), f"/admin/nodes/{node}", "revoked")


@post("/nodes/{node:str}/wipe", guards=[permitted("nodes.wipe")])
async def wipe(
    request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], node: FromPath[str]
) -> Response[None]:
    desk = Desk(request, visitor)
    return await done(await acts.wipe(desk, name_in(node)), f"/admin/nodes/{node}", "wipe")


@get("/enrol", guards=[permitted("nodes.invite")])
async def invite_form(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[str]:
    desk = Desk(request, visitor)
    return desk.answer(Page(title="Enrol a node", here="nodes", blocks=[_invite_form(desk.asked("facility"))]))


def _invite_form(facility: str) -> Form:
    return Form(
        action="/admin/enrol",
        button="Make a code",
        intro="A code connects one computer to the hub, once. Give it to whoever installs the computer, by telephone or on paper.",
        fields=(
            Field(
                name="facility",
                label="Facility",
                value=facility,
                required=True,
                hint="Its id, as it stands on the list of facilities.",
            ),
            Field(name="role", label="Sort", kind="select", value="clinic", options=tuple(INVITING.items())),
        ),
    )


@post("/enrol", status_code=200, guards=[permitted("nodes.invite")])
async def invite(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[str]:
    desk = Desk(request, visitor)
    given = await fields_of(request, "facility", "role")
    made = await acts.invite(desk, given["facility"], given["role"])
    until = wording.moment(made.expires).text
    text = f"The code for one computer of {made.facility}, good until {until} UTC. It is shown this once: write it down now."
    how = Facts(
        title="At the computer",
        rows=(
            ("Type", Cell(f"medtech-edge enroll --hub {desk.request.base_url}".rstrip("/") + f" --code {made.code}")),
            ("or", Cell("open its pages, choose Hub, and type the address and the code")),
        ),
    )
    ways = (Cell("Nodes", href="/admin/nodes"),)
    return desk.answer(
        Page(
            title="A code for a new node",
            here="nodes",
            blocks=[News(text=text, code=made.code, tone="good"), how],
            ways=ways,
        )
    )
