"""`/admin/exports`: one's own exports of records, for research and for moving to another system: asked for, looked at, fetched, ended."""

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from hub.api.access import permitted
from hub.api.exporting import address
from hub.console import wording
from hub.console.blocks import Block, Cell, Column, Facts, Field, Form, News, Page, Table, Tone
from hub.console.desk import Desk, done
from hub.console.forms import fields_of, name_in
from hub.exporting import jobs
from hub.exporting.asking import understood
from hub.sessions.visitor import Visitor
from hub.store.exports import JobRow, PartRow

WARNING: Final = "An export holds all that is known of patients, with their names. Each one stands in the audit with who asked for it."
ASYNC: Final = {"prefer": "respond-async"}
KINDS: Final = {"output": "records", "deleted": "what was deleted", "error": "what could not be exported"}
COLUMNS: Final = (
    Column("Asked for"),
    Column("State"),
    Column("Of"),
    Column("Types"),
    Column("Since"),
    Column("Looked at", True),
)


@get("/exports", guards=[permitted("export")])
async def page(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[str]:
    desk = Desk(request, visitor)
    found = await jobs.listed(desk.hub, visitor, desk.limit)
    table = Table(
        name="exports",
        title="Your exports",
        columns=COLUMNS,
        rows=tuple(_row(one, desk) for one in found),
        empty="You have asked for none, or they are over.",
        intro=f"Each is kept for {desk.hub.settings.export_hours} hours after it is done.",
    )
    asking = Form(
        title="Ask for an export",
        action="/admin/exports",
        button="Export",
        fields=(
            Field(name="group", label="Facility", hint="Its id, or that of a Group. Empty for everything you may see."),
            Field(name="types", label="Types", hint="Such as Patient,Observation. Empty for all."),
            Field(name="since", label="Stored since", kind="date"),
        ),
    )
    blocks: list[Block] = [News(text=WARNING, tone="warn"), table, asking, _programs(request)]
    return desk.answer(Page(title="Exports", here="exports", blocks=blocks))


def _programs(request: Request[Any, Any, Any]) -> Facts:
    rows = (
        ("All records", Cell(f"GET {address(request, 'fhir/$export')}")),
        ("Headers", Cell("Accept: application/fhir+json · Prefer: respond-async · Authorization: Bearer …")),
        ("Then", Cell("ask the address in Content-Location until it answers 200: it lists the files (NDJSON)")),
    )
    return Facts(title="For programs: FHIR Bulk Data", rows=rows)


def _row(one: JobRow, desk: Desk) -> tuple[Cell, ...]:
    return (
        Cell(wording.ago(one.made, desk.now).text, at=one.made, href=f"/admin/exports/{one.id}"),
        _state(one),
        Cell(_of(one)),
        Cell(", ".join(one.types) or "all"),
        wording.moment(one.since) if one.since is not None else Cell("the beginning"),
        wording.number(one.rows),
    )


def _of(one: JobRow) -> str:
    return f"Group {one.members}" if one.members else one.facility or one.region or "all regions"


def _state(one: JobRow) -> Cell:
    if one.state == "open":
        return Cell("being made" if one.instant is not None else "waiting", tone="warn")
    tone: Tone = "good" if one.state == "done" else "bad"
    return Cell(one.state, tone=tone)


@post("/exports", guards=[permitted("export")])
async def begin(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[None]:
    desk = Desk(request, visitor)
    given = await fields_of(request, "group", "types", "since")
    since = f"{given['since']}T00:00:00Z" if given["since"] else ""
    asked = understood(
        [(name, value) for name, value in (("_type", given["types"]), ("_since", since)) if value], ASYNC
    )
    path = f"fhir/Group/{given['group']}/$export" if given["group"] else "fhir/$export"
    url = address(request, path) + (f"?{asked.query}" if asked.query else "")
    await jobs.begin(desk.hub, visitor, given["group"], asked, url, desk.now)
    return await done(desk.hub.shards.first, "/admin/exports", "export")


@get("/exports/{job:str}", guards=[permitted("export")])
async def one(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], job: FromPath[str]) -> Response[str]:
    desk = Desk(request, visitor)
    row, parts = await jobs.find(desk.hub, visitor, name_in(job))
    ending = "Erase it…" if row.state == "done" else "End it…"
    facts = Facts(
        title="Export",
        rows=tuple((column.label, cell) for column, cell in zip(COLUMNS, _row(row, desk), strict=True)),
        actions=(Cell(ending, href=f"/admin/exports/{row.id}/drop", tone="bad"),),
    )
    blocks: list[Block] = [facts, _files(row, parts)]
    ways = (Cell("Exports", href="/admin/exports"),)
    return desk.answer(Page(title="Export", here="exports", blocks=blocks, ways=ways))


def _files(row: JobRow, parts: list[PartRow]) -> Table:
    rows = tuple(
        (
            Cell(f"{part.type} {part.number}", href=f"/fhir/$export-files/{row.id}/{part.number}"),
            Cell(KINDS[part.kind]),
            wording.number(part.count),
            wording.number(part.size),
        )
        for part in parts
    )
    empty = "Nothing was found to export." if row.state == "done" else "The files are listed here when it is done."
    columns = (Column("File"), Column("Holds"), Column("Lines", True), Column("Bytes, packed", True))
    return Table(name="files", title="Files (NDJSON)", columns=columns, rows=rows, empty=empty)


@get("/exports/{job:str}/drop", guards=[permitted("export")])
async def confirm(
    request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], job: FromPath[str]
) -> Response[str]:
    desk = Desk(request, visitor)
    row, _ = await jobs.find(desk.hub, visitor, name_in(job))
    here = f"/admin/exports/{row.id}"
    form = Form(
        action=f"{here}/drop",
        button="End and erase it",
        fields=(),
        intro="No more of it is made, and the files that were made are erased. What was fetched already is not.",
        tone="bad",
        cancel=here,
    )
    ways = (Cell("Exports", href="/admin/exports"), Cell("Export", href=here))
    return desk.answer(Page(title="End this export?", here="exports", blocks=[form], ways=ways))


@post("/exports/{job:str}/drop", guards=[permitted("export")])
async def drop(
    request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], job: FromPath[str]
) -> Response[None]:
    desk = Desk(request, visitor)
    await jobs.drop(desk.hub, visitor, name_in(job))
    return await done(desk.hub.shards.first, "/admin/exports", "dropped")
