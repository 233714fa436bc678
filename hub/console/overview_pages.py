"""`/admin`: how all regions, facilities and nodes are, the worst of them by name, live counters, and what clinics counted today."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from markupsafe import Markup

from hub.api.access import permitted
from hub.console import charts, sums, wording
from hub.console.blocks import Block, Cell, Column, Map, Page, Region, Table, Tile, Tiles
from hub.console.desk import Desk
from hub.console.node_pages import NODE_COLUMNS, node_row
from hub.sessions.visitor import Visitor
from hub.store import overview, views
from hub.store.overview import Live, RegionHealth, RegionRow

WORST = 12


@get("/", guards=[permitted("stats.see")])
async def page(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[str]:
    desk = Desk(request, visitor)
    region, today = visitor.region, desk.now.date()
    health, regions, worst, live, weeks, dangers, odd = await desk.reader.views(
        partial(overview.region_health, region=region),
        partial(overview.regions, region=region),
        partial(overview.worst_nodes, region=region, limit=desk.limit if desk.file else WORST),
        overview.live,
        partial(views.pregnancy_weeks, region=region, scopes=[views.WHOLE_REGION]),
        partial(views.danger_days, region=region, scope=views.WHOLE_REGION, since=today - timedelta(days=1)),
        partial(views.issues, region=region, scopes=[views.WHOLE_REGION]),
    )
    health = sums.added(health, ("nodes", "facilities", "pending"))
    regions = sums.added(regions, ("facilities", "without_node"))
    live = [one for one in sums.added(live, ("exchanges", "nodes", "online", "pending")) if region in ("", one.region)]
    waiting = sum(one.n for one in odd if one.issue in ("quarantine", "conflict"))
    tiles = [
        *_live_tiles(live, desk.may("nodes.see")),
        Tile("Pregnant today", wording.number(sum(one.n for one in weeks)).text, href="/admin/maternal"),
        Tile(
            "Danger signs since yesterday", wording.number(sum(one.n for one in dangers)).text, href="/admin/maternal"
        ),
        Tile("Waiting for people", wording.number(waiting).text, "warn" if waiting else "", href="/admin/waiting"),
    ]
    worst = sorted(worst, key=lambda one: (-one.health, one.last_seen or one.enrolled, one.id))
    blocks: list[Block] = [
        Tiles(tuple(tiles), "At this moment"),
        Map(
            title="Regions and their facilities",
            regions=tuple(_region(one, health) for one in regions),
            legend=_legend(),
        ),
        Table(
            name="nodes-to-look-at",
            title="Nodes that somebody should look at",
            columns=NODE_COLUMNS,
            rows=tuple(node_row(one, desk.now) for one in (worst if desk.file else worst[:WORST])),
            empty="All nodes are well.",
            more="" if len(worst) < WORST else "/admin/nodes",
        ),
        _regions_table(regions, health),
    ]
    title = f"Overview of {region}" if region else "Overview"
    age = desk.age_of("pregnancy_week", "danger_day", "issue_count")
    return desk.answer(Page(title=title, here="overview", blocks=blocks, age=age, live="/admin/live"))


def _live_tiles(live: Sequence[Live], linked: bool) -> list[Tile]:
    nodes, online = sum(one.nodes for one in live), sum(one.online for one in live)
    return [
        Tile("Exchanges a minute", "–", live="exchanges", note="kept up to date while this page is open"),
        Tile(
            "Nodes seen within 15 minutes",
            f"{online:,}",
            note=f"of {nodes:,}",
            live="online",
            href="/admin/nodes" if linked else "",
        ),
        Tile("Changes waiting at nodes", f"{sum(one.pending for one in live):,}", live="pending"),
    ]


def _region(row: RegionRow, health: Sequence[RegionHealth]) -> Region:
    mine = {one.health: one for one in health if one.region == row.region}
    counts = [(kind, mine[kind].facilities) for kind in sorted(mine, reverse=True) if mine[kind].facilities]
    if row.without_node:
        counts.append((charts.NO_NODE, row.without_node))
    ident = "region-" + "".join(one if one.isalnum() else f"-{ord(one):x}" for one in row.region)
    troubles = [
        Cell(
            f"{mine[kind].nodes:,} × {wording.HEALTH_WORDS[kind]}",
            tone=wording.HEALTH_TONES[kind],
            href=f"/admin/nodes?health={kind}",
        )
        for kind in sorted(mine, reverse=True)
        if kind and mine[kind].nodes
    ]
    facts = (
        ("Facilities", f"{row.facilities:,}"),
        ("Nodes", f"{sum(one.nodes for one in mine.values()):,}"),
        ("Waiting there", f"{sum(one.pending for one in mine.values()):,}"),
    )
    return Region(
        name=row.region,
        href=f"/admin/facilities?region={row.region}",
        svg=charts.field(ident, f"Facilities of {row.region}", counts),
        facts=facts,
        words=tuple(troubles) or (Cell("all nodes are well", tone="good"),)
        if mine
        else (Cell("no node yet", tone="quiet"),),
    )


def _legend() -> tuple[tuple[Markup, str], ...]:
    kinds = [*range(len(wording.HEALTH_WORDS)), charts.NO_NODE]
    words = [*wording.HEALTH_WORDS, "no node"]
    return tuple((charts.sign(kind), said) for kind, said in zip(kinds, words, strict=True))


def _regions_table(regions: Sequence[RegionRow], health: Sequence[RegionHealth]) -> Table:
    columns = [Column("Region"), Column("Facilities", True), Column("Without a node", True), Column("Nodes", True)]
    columns += [Column(words.capitalize(), True) for words in wording.HEALTH_WORDS]
    rows = []
    for row in regions:
        mine = {one.health: one.nodes for one in health if one.region == row.region}
        numbers = [
            row.facilities,
            row.without_node,
            sum(mine.values()),
            *(mine.get(kind, 0) for kind in range(len(wording.HEALTH_WORDS))),
        ]
        rows.append((Cell(row.region, href=f"/admin/facilities?region={row.region}"), *map(wording.number, numbers)))
    return Table(
        name="regions",
        title="Regions in numbers",
        columns=tuple(columns),
        rows=tuple(rows),
        empty="There is no facility yet.",
    )
