"""`/admin/quality`: what cannot be right in the data, what came late, which records may be of one person; and where there is most of it."""

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency

from hub.api.access import permitted
from hub.console import charts, sums, wording
from hub.console.blocks import Block, Cell, Chart, Column, Page, Table, Tile, Tiles
from hub.console.charts import Bars
from hub.console.desk import Desk
from hub.errors import BadRequest
from hub.sessions.visitor import Visitor
from hub.store import views
from hub.store.views import ArrivalMonth, Issue

ISSUES: Final = (
    ("future", "Days in the future", "What was done or found, said to be of a day that has not come."),
    ("past", "Days before 1900", "Said to be of a time before anybody was born who lives now."),
    ("undated", "Without a day", "What was done or found, without saying when, or on a day that does not exist."),
    (
        "pair",
        "Pairs that may be one person",
        "Two records, at two facilities of a region, that probably are of one person.",
    ),
    ("conflict", "Conflicts open", "Two people wrote different things; people of the clinic settle it."),
    ("quarantine", "Put aside", "What could not be used as it came."),
    ("parked", "Waiting for others", "Changes that depend on another node's, which has not come yet."),
)
"""(issue, words, what it means)."""
LATE_WORDS: Final = ("of a day to come", "within a day", "within a week", "within a month", "within a quarter", "later")
MONTHS: Final = 12


@get("/quality", guards=[permitted("dashboards.see")])
async def page(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[str]:
    desk = Desk(request, visitor)
    region = visitor.region
    chosen = desk.asked("issue") or "pair"
    if chosen not in {issue for issue, _, _ in ISSUES}:
        raise BadRequest("There is no such kind of trouble.", hint="Choose one from the list.")
    months = wording.months_before(desk.now.date(), MONTHS)
    odd, arrivals, worst = await desk.reader.views(
        partial(views.issues, region=region, scopes=[views.WHOLE_REGION]),
        partial(views.arrivals, region=region, scope=views.WHOLE_REGION, since=months[0]),
        partial(views.worst, region=region, issue=chosen, limit=desk.limit),
    )
    odd = sums.added(odd, ("n",))
    totals = sums.by(odd, "issue")
    tiles = tuple(
        Tile(words, wording.number(totals.get(issue, 0)).text, note=meaning, href=desk.link(issue=issue))
        for issue, words, meaning in ISSUES
    )
    names = {issue: words for issue, words, _ in ISSUES}
    blocks: list[Block] = [
        Tiles(tiles, "What cannot be right, or waits"),
        _most(sorted(worst, key=lambda row: (-row[3], row[1]))[: desk.limit], names[chosen]),
        _late(arrivals, months),
        _by_region(odd),
    ]
    age = desk.age_of("issue_count", "arrival_month")
    return desk.answer(Page(title="Data quality", here="quality", blocks=blocks, age=age))


def _most(worst: Sequence[tuple[str, str, str, int]], words: str) -> Table:
    rows = tuple(
        (Cell(name, href=f"/admin/facilities/{id_}"), Cell(id_), Cell(region), wording.number(n))
        for region, id_, name, n in worst
    )
    columns = (Column("Facility"), Column("Id"), Column("Region"), Column(words, True))
    return Table(name="where", half=True, title=f"{words}: where most", columns=columns, rows=rows, empty="Nowhere.")


def _late(arrivals: Sequence[ArrivalMonth], months: Sequence[date]) -> Chart:
    found = {(one.month, one.late): 0 for one in arrivals}
    for one in arrivals:
        found[one.month, one.late] += one.n
    labels = [wording.month(month) for month in months]
    series = [
        Bars(words, tuple(found.get((month, late), 0) for month in months)) for late, words in enumerate(LATE_WORDS)
    ]
    rows = tuple((Cell(label), *(wording.number(one.values[at]) for one in series)) for at, label in enumerate(labels))
    total = sum(sum(one.values) for one in series)
    soon = sum(series[1].values) + sum(series[2].values)
    about = f"{total:,} visits, vaccinations and findings came in {len(labels)} months"
    said = f"{about}, {wording.share(soon, total).text} of them within a week."
    table = Table(
        name="late",
        title="How late things came",
        columns=(Column("Month"), *(Column(words.capitalize(), True) for words in LATE_WORDS)),
        rows=rows,
    )
    title = "How long after the day did it reach the hub?"
    return Chart(
        title=title,
        svg=charts.bars("late", title, said, [wording.MONTHS[month.month - 1] for month in months], series),
        keys=charts.keys("late", series),
        table=table,
        intro=said,
    )


def _by_region(odd: Sequence[Issue]) -> Table:
    regions = sorted({one.region for one in odd})
    found = {(one.region, one.issue): one.n for one in odd}
    rows = tuple(
        (Cell(region), *(wording.number(found.get((region, issue), 0)) for issue, _, _ in ISSUES)) for region in regions
    )
    columns = (Column("Region"), *(Column(words, True) for _, words, _ in ISSUES))
    return Table(name="regions", title="By region", columns=columns, rows=rows, empty="Nothing odd was found.")
