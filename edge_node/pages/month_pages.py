"""`/month/{year-month}`: the month's indicators, each number opened to the people behind it, and as files for others.

The numbers are kept (`edge_node/worklists/counting.py`), so a month is a few queries however many patients there are. Until all is worked
out the page says so, and nothing can be kept or sent as complete. Opening a number reads a list of names, and is audited as that.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath

from edge_node.api.access import Caller
from edge_node.dhis2 import District
from edge_node.errors import NotFound
from edge_node.language import _
from edge_node.maternal.indicators import Indicator, Month, data_value_set, measure_report
from edge_node.pages import dates, people, rendering
from edge_node.pages.desk import Desk
from edge_node.pages.forms import asked_for, posted
from edge_node.pages.people import Person
from edge_node.store import due, reading
from edge_node.store.model import Write
from edge_node.store.state import whereabouts
from edge_node.store.store import Store
from edge_node.worklists.counting import INDICATORS, ONE_YEAR_OLD, counted

MONTHS: Final = 24
"""So many months back are there to choose from at once; earlier ones by their years."""
YEARS_MAX: Final = 60
"""No clinic's records go back further: a date before that is a mistake."""
ON_A_PAGE: Final = 50
FHIR: Final = "application/fhir+json"
JSON: Final = "application/json"
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_MONTH = re.compile(r"(\d{4})-(\d\d)").fullmatch
_NOT_IN_IDS: Final = re.compile(r"[^A-Za-z0-9.-]+")


class Here(msgspec.Struct, frozen=True):
    """Where the numbers are of: this node, and its facility once it has one."""

    node: str
    facility: str


class Count(msgspec.Struct, frozen=True):
    """One number of the page. `share`: of the number that it is a part of, in words."""

    indicator: Indicator
    number: int
    share: str


class Behind(msgspec.Struct, frozen=True):
    """The people behind a number, a page of them: each, and how often she is counted."""

    people: tuple[tuple[Person, int], ...]
    more: bool


def handlers(desk: Desk, district: District | None) -> list[Any]:
    """The paths."""
    return [*_reading(desk, district), *_files(desk, district)]


def _reading(desk: Desk, district: District | None) -> list[Any]:
    @get("/month")
    async def latest(request: Request[Any, Any, Any]) -> Response[Any]:
        desk.caller(request, "indicators")
        return rendering.redirect(f"/month/{written(before(desk.parts.lists.today()))}")

    @post("/month", status_code=200)
    async def choose(request: Request[Any, Any, Any]) -> Response[Any]:
        desk.caller(request, "indicators")
        sent = (await posted(request)).get("month", "")
        return rendering.redirect(f"/month/{written(_month(sent))}")

    @get("/month/{month:str}")
    async def one(request: Request[Any, Any, Any], month: FromPath[str]) -> Response[Any]:
        author, asked = desk.caller(request, "indicators").author, _month(month)
        left = await desk.parts.lists.a_little()
        counts = await desk.threads.search(count, desk.store, asked)
        today = desk.parts.lists.today()
        page: dict[str, Any] = {
            "month": month,
            "title": named(asked),
            "months": [(written(each), named(each)) for each in chosen_from(today, asked)],
            "years": await desk.threads.search(earlier_years, desk.store, today),
            "counts": told(counts),
            "left": left,
            "over": asked.last < today,
            "district": district,
            "kept": await desk.threads.search(_kept, desk, asked),
        }
        return await desk.page(request, author, "month.html", here="today", **page)

    @get("/month/{month:str}/{code:str}")
    async def behind(request: Request[Any, Any, Any], month: FromPath[str], code: FromPath[str]) -> Response[Any]:
        author, asked = desk.author(request), _month(month)
        indicator = next((each for each in INDICATORS if each.code == code), None)
        if indicator is None:
            raise NotFound()
        skip = _skip(asked_for(request).get("from", ""))
        left = await desk.parts.lists.a_little()
        found: Behind = await desk.threads.search(who, desk.store, asked, code, desk.parts.lists.today(), skip)
        detail = {"list": counted(code), "rows": len(found.people)}
        await desk.threads.write(desk.store.record, author, desk.now_ms(), "list", detail=detail)
        page: dict[str, Any] = {
            "month": month,
            "title": named(asked),
            "indicator": indicator,
            "whole": next((each for each in INDICATORS if each.code == indicator.of), None),
            "found": found,
            "following": skip + ON_A_PAGE if found.more else 0,
            "left": left,
        }
        return await desk.page(request, author, "month_people.html", here="today", **page)

    return [latest, choose, one, behind]


def _files(desk: Desk, district: District | None) -> list[Any]:
    async def counts_of(month: Month) -> tuple[dict[str, int], bool]:
        """The counts, and whether they can change no more but by a late entry."""
        left = await desk.parts.lists.a_little()
        complete = not left and month.last < desk.parts.lists.today()
        return await desk.threads.search(count, desk.store, month), complete

    async def downloaded(caller: Caller, month: Month, kind: str) -> None:
        detail = {"month": written(month), "kind": kind}
        await desk.threads.write(desk.store.record, caller.author, desk.now_ms(), "month-download", detail=detail)

    @get("/month/{month:str}/files/report")
    async def report(request: Request[Any, Any, Any], month: FromPath[str]) -> Response[Any]:
        caller, asked = desk.caller(request, "indicators"), _month(month)
        counts, complete = await counts_of(asked)
        body = as_report(counts, asked, _here(desk), desk.parts.lists.today(), complete=complete)
        await downloaded(caller, asked, "report")
        return _file(body, f"month-{month}.json", FHIR)

    @get("/month/{month:str}/files/dhis2")
    async def dhis2(request: Request[Any, Any, Any], month: FromPath[str]) -> Response[Any]:
        caller, asked = desk.caller(request, "indicators"), _month(month)
        counts, complete = await counts_of(asked)
        body = as_data_values(counts, asked, _here(desk), desk.parts.lists.today(), district)
        if not complete:
            del body["completeDate"]
        await downloaded(caller, asked, "dhis2")
        return _file(body, f"dhis2-{month}.json", JSON)

    @post("/month/{month:str}/keep", status_code=200)
    async def keep(request: Request[Any, Any, Any], month: FromPath[str]) -> Response[Any]:
        caller, asked = desk.caller(request, "indicators"), _month(month)
        caller.sight.check_writes("MeasureReport")
        counts, complete = await counts_of(asked)
        if complete:
            body = as_report(counts, asked, _here(desk), desk.parts.lists.today(), complete=True)
            id_ = report_id(asked, _here(desk))
            write = Write("MeasureReport", id_, _ENCODER.encode({**body, "id": id_}))
            await desk.threads.write(desk.store.write, [write], caller.author, desk.now_ms())
            desk.parts.feed.changed()
            desk.tell(caller.author, "good", _("The report of %(month)s is kept.", month=named(asked)))
        else:
            desk.tell(caller.author, "bad", _("Nothing was kept: the numbers are not complete yet."))
        return rendering.redirect(f"/month/{month}")

    return [report, dhis2, keep]


def _file(body: object, name: str, media_type: str) -> Response[Any]:
    headers = {**rendering.HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    return Response(msgspec.json.format(_ENCODER.encode(body)), media_type=media_type, headers=headers)


# --- months -----------------------------------------------------------------------------------------------------------


def _month(text: str) -> Month:
    """Raises NotFound for what is no month."""
    found = _MONTH(text)
    try:
        return Month(int(found[1]), int(found[2])) if found is not None else Month(0, 0)
    except ValueError as error:
        raise NotFound() from error


def _skip(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0


def written(month: Month) -> str:
    """`2026-03`."""
    return f"{month.year:04}-{month.month:02}"


def named(month: Month) -> str:
    """`March 2026`."""
    return dates.calendar_day(month.first, whole=False)


def before(today: date) -> Month:
    """The month before that of a day: the last one that is over."""
    return Month(today.year - (today.month == 1), (today.month - 2) % 12 + 1)


def lately(today: date) -> list[Month]:
    """The present month and those before it, the latest first."""
    found = [Month(today.year, today.month)]
    while len(found) <= MONTHS:
        found.append(before(found[-1].first))
    return found


def chosen_from(today: date, asked: Month) -> list[Month]:
    """The latest months, the latest first, and all of an earlier year of which one is asked for."""
    found = lately(today)
    year = [Month(asked.year, number) for number in range(12, 0, -1)] if asked.year <= found[-1].year else []
    return [*found, *(each for each in year if each < found[-1])]


def earlier_years(store: Store, today: date) -> list[int]:
    """The years of which not all months are among the latest, back to the first with something counted; the latest first."""
    with store.snapshot() as connection:
        told = [counted(each.code) for each in INDICATORS if each.code != ONE_YEAR_OLD]
        first = due.first_beginning(connection, told)
    last = before(lately(today)[-1].first).year
    return list(range(last, max(first.year, today.year - YEARS_MAX) - 1, -1)) if first is not None else []


# --- numbers ----------------------------------------------------------------------------------------------------------


def count(store: Store, month: Month) -> dict[str, int]:
    """Every indicator of the month, all as they were at one moment."""
    with store.snapshot() as connection:
        return {each.code: due.beginning(connection, counted(each.code), month.first) for each in INDICATORS}


def told(counts: Mapping[str, int]) -> list[Count]:
    """Numbers with their shares, in the order of the page."""
    return [Count(each, counts[each.code], _share(counts, each)) for each in INDICATORS]


def _share(counts: Mapping[str, int], of: Indicator) -> str:
    whole = counts[of.of] if of.of else 0
    return f"{rendering.number(round(100 * counts[of.code] / whole))} %" if whole else ""


def who(store: Store, month: Month, code: str, today: date, skip: int) -> Behind:
    """A page of the people behind a number."""
    with store.snapshot() as connection:
        found = due.who_begins(connection, counted(code), month.first, ON_A_PAGE + 1, skip)
        stored = {one.key: one for one in reading.read_many(connection, [key for key, _number in found[:ON_A_PAGE]])}
    persons = [(people.person(stored[key], today), number) for key, number in found[:ON_A_PAGE] if key in stored]
    return Behind(tuple(persons), len(found) > ON_A_PAGE)


def as_report(counts: Mapping[str, int], month: Month, here: Here, today: date, *, complete: bool) -> dict[str, Any]:
    """The month as a FHIR MeasureReport; `pending` while it is not complete. A node without a facility names itself in words."""
    report = measure_report(counts, month, f"Organization/{here.facility}", today, INDICATORS)
    reporter = report["reporter"] if here.facility else {"display": here.node}
    return {**report, "status": "complete" if complete else "pending", "reporter": reporter}


def as_data_values(
    counts: Mapping[str, int], month: Month, here: Here, today: date, district: District | None
) -> dict[str, Any]:
    """The month as a DHIS2 data value set: under the district's ids where it gave them, else under our codes."""
    unit = district.org_unit if district is not None else here.facility or here.node
    ids = district.elements if district is not None else {}
    return data_value_set(counts, month, unit, today, district.data_set if district else "", ids, INDICATORS)


def report_id(month: Month, here: Here) -> str:
    """The id of the one report of a month of this clinic."""
    place = _NOT_IN_IDS.sub("-", here.facility or here.node)[:40]
    return f"month-{written(month)}-{place}"


def _here(desk: Desk) -> Here:
    with desk.store.reading() as connection:
        return Here(*whereabouts(connection))


def _kept(desk: Desk, month: Month) -> str:
    """When the month's report was kept, in words; "" when it was not."""
    stored = desk.store.read("MeasureReport", report_id(month, _here(desk)))
    return dates.moment(stored.updated_ms, desk.now_ms()) if stored is not None and not stored.gone else ""
