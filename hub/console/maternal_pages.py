"""`/admin/maternal`: pregnancies by week, contacts that are overdue, danger signs, and what facilities did month by month."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency

from hub.api.access import permitted
from hub.clinical_codes import DANGER_SIGNS, STATEMENTS, VACCINE_OF, VACCINES
from hub.console import charts, sums, wording
from hub.console.blocks import Block, Cell, Chart, Column, Field, Form, Page, Table, Tile, Tiles
from hub.console.charts import Bars
from hub.console.desk import Desk
from hub.console.facility_pages import COUNTED
from hub.sessions.visitor import Visitor
from hub.store import overview, views
from hub.store.overview import FacilityLine
from hub.store.views import BirthMonth, DangerDay, MonthCount, PregnancyWeek

MONTHS: Final = 12
DAYS: Final = 30
WEEKS_MAX: Final = 44
WHOSE: Final = {
    "danger-signs": "in pregnancy",
    "postnatal-danger-signs": "mothers after birth",
    "newborn-danger-signs": "newborns",
}


@get("/maternal", guards=[permitted("dashboards.see")])
async def page(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[str]:
    desk = Desk(request, visitor)
    region, today = visitor.region, desk.now.date()
    months = wording.months_before(today, MONTHS)
    (lines,) = await desk.reader.all(
        partial(
            overview.facilities, region=region, asked=desk.asked("q"), after=desk.asked("after"), limit=desk.limit + 1
        )
    )
    lines = sorted(lines, key=lambda one: one.id)
    shown: Sequence[FacilityLine] = lines[: desk.limit]
    month = _month(desk.asked("month"), months)
    whole = [views.WHOLE_REGION]
    kinds = ["contact", "outcome", "immunization"]
    weeks, dangers, births, counts, of_facilities = await desk.reader.views(
        partial(views.pregnancy_weeks, region=region, scopes=whole),
        partial(views.danger_days, region=region, scope=views.WHOLE_REGION, since=today - timedelta(days=DAYS - 1)),
        partial(views.birth_months, region=region, scopes=whole, since=months[0], until=months[-1]),
        partial(views.month_counts, region=region, scopes=whole, kinds=kinds, since=months[0], until=months[-1]),
        partial(
            views.month_counts,
            region=region,
            scopes=[one.scope for one in shown],
            kinds=kinds,
            since=month,
            until=month,
        ),
    )
    blocks: list[Block] = [
        _tiles(weeks, dangers, births, today),
        _weeks(weeks),
        _overdue(weeks),
        _danger_days(dangers, today),
        _danger_kinds(dangers, today),
        _months(counts, months),
        _births(births, months),
        _vaccines(counts, months),
        Form(
            action="/admin/maternal",
            method="get",
            button="Show",
            title="Facilities in one month",
            fields=(
                Field(
                    name="month",
                    label="Month",
                    kind="select",
                    value=month.isoformat(),
                    options=tuple((one.isoformat(), wording.month(one)) for one in reversed(months)),
                ),
                Field(name="q", label="Facility: name or id", kind="search", value=desk.asked("q")),
            ),
        ),
        _facilities(shown, of_facilities, month, desk.link(after=shown[-1].id) if len(lines) > desk.limit else ""),
    ]
    title = f"Mothers and babies of {region}" if region else "Mothers and babies"
    age = desk.age_of("pregnancy_week", "danger_day", "birth_month", "month_count")
    return desk.answer(Page(title=title, here="maternal", blocks=blocks, age=age))


def _month(asked: str, months: Sequence[date]) -> date:
    """The month that was asked for, of those that are shown; else the present one."""
    return next((one for one in months if one.isoformat() == asked), months[-1])


def _tiles(
    weeks: Sequence[PregnancyWeek], dangers: Sequence[DangerDay], births: Sequence[BirthMonth], today: date
) -> Tiles:
    late, after = sum(one.overdue for one in weeks), sum(one.overdue_after for one in weeks)
    now = sum(one.n for one in dangers if one.day == today)
    born = sum(one.n for one in births)
    four = sum(one.four for one in births)
    tiles = (
        Tile("Pregnant today", wording.number(sum(one.n for one in weeks)).text),
        Tile(
            "Antenatal contacts overdue",
            wording.number(late).text,
            "warn" if late else "",
            "women whose contact is overdue today",
        ),
        Tile("Contacts after birth overdue", wording.number(after).text, "warn" if after else ""),
        Tile("Danger signs today", wording.number(now).text, "bad" if now else ""),
        Tile(
            "Births in 12 months",
            wording.number(born).text,
            note=f"{wording.share(four, born).text} with four contacts or more",
        ),
    )
    return Tiles(tiles, "Today")


def _weeks(weeks: Sequence[PregnancyWeek]) -> Chart:
    ages = range(WEEKS_MAX + 1)
    timely, late = dict.fromkeys(ages, 0), dict.fromkeys(ages, 0)
    for one in weeks:
        if one.week >= 0:
            at = min(one.week, WEEKS_MAX)
            timely[at] += one.n - one.overdue
            late[at] += one.overdue
    unknown = sum(one.n for one in weeks if one.week < 0)
    total = sum(timely.values()) + sum(late.values())
    series = [Bars("no contact overdue", tuple(timely.values())), Bars("a contact overdue", tuple(late.values()))]
    rows = tuple(
        (Cell(str(week)), wording.number(timely[week] + late[week]), wording.number(late[week])) for week in ages
    )
    rows += (
        (Cell("not known"), wording.number(unknown), wording.number(sum(one.overdue for one in weeks if one.week < 0))),
    )
    title = "Pregnancies by week"
    said = f"{total:,} pregnancies with a known week, {unknown:,} without. The striped part of a bar: a contact is overdue."
    table = Table(
        name="weeks",
        title=title,
        columns=(Column("Week"), Column("Pregnancies", True), Column("A contact is overdue", True)),
        rows=rows,
    )
    return Chart(
        title=title,
        svg=charts.bars("weeks", title, said, [str(week) for week in ages], series),
        keys=charts.keys("weeks", series),
        table=table,
        intro=said,
    )


def _overdue(weeks: Sequence[PregnancyWeek]) -> Table:
    regions = sorted({one.region for one in weeks})
    rows = []
    for region in regions:
        mine = [one for one in weeks if one.region == region]
        pregnant, late = sum(one.n for one in mine), sum(one.overdue for one in mine)
        rows.append(
            (
                Cell(region),
                wording.number(pregnant),
                wording.number(late),
                wording.share(late, pregnant),
                wording.number(sum(one.overdue_after for one in mine)),
            )
        )
    columns = (
        Column("Region"),
        Column("Pregnant", True),
        Column("Contact overdue", True),
        Column("Share", True),
        Column("After birth overdue", True),
    )
    return Table(
        name="overdue",
        half=True,
        title="Contacts overdue by region",
        columns=columns,
        rows=tuple(rows),
        empty="No pregnancy is known.",
    )


def _danger_days(dangers: Sequence[DangerDay], today: date) -> Chart:
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    series = [
        Bars(
            whose,
            tuple(sum(one.n for one in dangers if one.day == day and one.code.startswith(f"{name}/")) for day in days),
        )
        for name, whose in WHOSE.items()
    ]
    rows = tuple(
        (Cell(wording.day(day), plain=day.isoformat()), *(wording.number(one.values[at]) for one in series))
        for at, day in enumerate(days)
    )
    title = "Danger signs by day"
    said = f"{sum(one.n for one in dangers):,} danger signs in {DAYS} days, by the day on which they were found."
    table = Table(
        name="danger-days",
        title=title,
        columns=(Column("Day"), *(Column(whose.capitalize(), True) for whose in WHOSE.values())),
        rows=rows,
    )
    return Chart(
        title=title,
        svg=charts.bars("dangers", title, said, [wording.day(day) for day in days], series),
        keys=charts.keys("dangers", series),
        table=table,
        intro=said,
    )


def _danger_kinds(dangers: Sequence[DangerDay], today: date) -> Table:
    recent, now = sums.by(dangers, "code"), sums.by([one for one in dangers if one.day == today], "code")
    rows = []
    for code, n in sorted(recent.items(), key=lambda item: (-item[1], str(item[0]))):
        statement, _, name = str(code).partition("/")
        sign = DANGER_SIGNS[statement].by_name.get(name) if statement in DANGER_SIGNS else None
        words, whose = (sign.text, STATEMENTS.by_name[statement].text) if sign is not None else (str(code), "")
        rows.append((Cell(words), Cell(whose), wording.number(now.get(code, 0)), wording.number(n)))
    columns = (Column("Sign"), Column("Whose"), Column("Today", True), Column(f"In {DAYS} days", True))
    return Table(
        name="danger-signs",
        half=True,
        title="Which danger signs",
        columns=columns,
        rows=tuple(rows),
        empty="None were found.",
    )


def _of(counts: Sequence[MonthCount], kind: str, code: str, month: date) -> int:
    return sum(one.n for one in counts if one.kind == kind and code in ("", one.code) and one.month == month)


def _months(counts: Sequence[MonthCount], months: Sequence[date]) -> Chart:
    series = [Bars(words, tuple(_of(counts, kind, code, month) for month in months)) for kind, code, words in COUNTED]
    rows = tuple(
        (Cell(wording.month(month), plain=month.isoformat()[:7]), *(wording.number(one.values[at]) for one in series))
        for at, month in enumerate(months)
    )
    title = "Care month by month"
    drawn = [one for one in series if one.name in ("Antenatal contacts", "Contacts after birth")]
    said = "Antenatal contacts, and on top of them contacts after birth. The last month is not over."
    table = Table(
        name="months", title=title, columns=(Column("Month"), *(Column(one.name, True) for one in series)), rows=rows
    )
    return Chart(
        title=title,
        svg=charts.bars("months", title, said, [wording.MONTHS[month.month - 1] for month in months], drawn),
        keys=charts.keys("months", drawn),
        table=table,
        intro=said,
    )


def _births(births: Sequence[BirthMonth], months: Sequence[date]) -> Table:
    rows = []
    for month in months:
        mine = [one for one in births if one.month == month]
        born = sum(one.n for one in mine)
        parts = (sum(one.four for one in mine), sum(one.eight for one in mine), sum(one.soon for one in mine))
        rows.append(
            (
                Cell(wording.month(month), plain=month.isoformat()[:7]),
                wording.number(born),
                *(wording.share(part, born) for part in parts),
            )
        )
    columns = (
        Column("Month"),
        Column("Women who gave birth", True),
        Column("4 contacts or more", True),
        Column("8 contacts or more", True),
        Column("Seen again within 2 days", True),
    )
    return Table(
        name="births",
        half=True,
        title="Coverage of births",
        columns=columns,
        rows=tuple(rows),
        intro="Of women whose pregnancy was recorded before the birth.",
    )


def _vaccines(counts: Sequence[MonthCount], months: Sequence[date]) -> Table:
    last, before = months[-1], months[-2]
    found: dict[str, list[int]] = {}
    for one in counts:
        if one.kind == "immunization":
            name = VACCINE_OF.get(one.code, one.code)
            row = found.setdefault(VACCINES.get(name, name or "not said which"), [0, 0, 0])
            row[0] += one.n * (one.month == last)
            row[1] += one.n * (one.month == before)
            row[2] += one.n
    rows = tuple(
        (Cell(words), *map(wording.number, row))
        for words, row in sorted(found.items(), key=lambda item: (-item[1][2], item[0]))
    )
    columns = (
        Column("Vaccine"),
        Column("This month", True),
        Column(wording.month(before), True),
        Column("12 months", True),
    )
    return Table(
        name="vaccines",
        half=True,
        title="Vaccinations",
        columns=columns,
        rows=rows,
        empty="No vaccination was recorded.",
    )


def _facilities(shown: Sequence[FacilityLine], counts: Sequence[MonthCount], month: date, more: str) -> Table:
    found: dict[tuple[int, str], int] = {}
    for one in counts:
        for kind, code, words in COUNTED:
            if one.kind == kind and code in ("", one.code):
                found[one.scope, words] = found.get((one.scope, words), 0) + one.n
    rows = tuple(
        (
            Cell(line.name, href=f"/admin/facilities/{line.id}"),
            Cell(line.region),
            *(wording.number(found.get((line.scope, words), 0)) for _, _, words in COUNTED),
        )
        for line in shown
    )
    columns = (Column("Facility"), Column("Region"), *(Column(words, True) for _, _, words in COUNTED))
    return Table(
        name="facilities",
        title=f"Facilities in {wording.month(month)}",
        columns=columns,
        rows=rows,
        more=more,
        empty="There is no such facility.",
    )
