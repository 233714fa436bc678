"""A schedule of immunisation, which is data: a TOML file in `edge_node/immunisation/schedules/`. This docstring is the
format.

    name = "who-child"            how settings and code call it
    text = "…"                    how people call it
    source = "…"                  where each of its rules comes from
    anchor = "birth"              what `due` and `by` are counted from: "birth", or "pregnancy" (its first day, of the last period)
    grace_days = 4                how many days too early a dose given may be and still count; never used for planning one
    window = "4w"                 from due to overdue, where a dose says nothing else
    before = "18y"                the age that ends what no series or dose ends sooner: whom the schedule does not concern any more

    [[series]]                    doses against the same thing, in order
    name = "opv"
    text = "Polio drops"
    antigens = ["polio-oral"]     what a day's vaccines must hold, all together, for the day to count
    give = ["opv"]                vaccines to give, the preferred first; each holds all antigens
    interval = "4w"               least time from any earlier vaccine with one of the antigens, counted or not; a dose may say `wait`
                                  besides: the time that is planned, where it is longer than the least that counts
    before = "5y"                 to be given before this age
    only_if = ["hiv-exposed"]     traits of a person, all of which she must have for the series to concern her
    unless = ["hiv-infected"]     traits that forbid it
    enough = 6                    so many doses at any age, four weeks apart, complete the series whatever came when
    doses = [
      { name = "opv-1", text = "Polio drops 1", earliest = "6w", due = "6w", by = "38w" },
    ]                             `earliest`: age before which it is never given; `due` is the same if not said; `by`:
    overdue from then at the latest; antigens, give, interval, before and window may be said for one dose alone; `skip =
    true`: who has become too old for it goes on with the next one late = [{ from = "1y", doses = [ … ] }] other doses
    for who gets the first one at that age or later; the last that fits is taken. What does the same has the same name
    in each

Ages and spans are written as in `periods`. There are no conditions that name other doses: such rules ("OPV 4 only if
OPV 0 was not given", "Measles 1 unless MR 1") are either said by antigens or were circular in the files that had them.
"""

import itertools
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from edge_node.immunisation.periods import Period, period
from edge_node.immunisation.vaccines import VACCINES

NAMES: Final = ("who-child", "kenya-child", "tetanus-mother")
"""The schedules that come with the program."""
CHILDREN: Final = ("who-child", "kenya-child")
"""Those by which children are asked for: a clinic has one."""

ANCHORS: Final = frozenset({"birth", "pregnancy"})


class Dose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One dose of a series, with all that its series and schedule say filled in. Ages from birth; `due` and `by` from
    the anchor."""

    name: str
    text: str
    antigens: frozenset[str]
    give: tuple[str, ...]
    earliest: Period
    due: Period
    interval: Period
    window: Period
    by: Period | None = None
    before: Period | None = None
    wait: Period | None = None
    skip: bool = False


class Late(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The doses of who starts at an age or later."""

    since: Period
    doses: tuple[Dose, ...]


class Series(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Doses against the same thing, in order."""

    name: str
    text: str
    doses: tuple[Dose, ...]
    late: tuple[Late, ...] = ()
    only_if: frozenset[str] = frozenset()
    unless: frozenset[str] = frozenset()
    enough: int | None = None

    @property
    def antigens(self) -> frozenset[str]:
        """All that any of its doses protects against."""
        return frozenset().union(*(dose.antigens for dose in self.doses))

    def plans(self) -> tuple[tuple[Dose, ...], ...]:
        """The usual doses, then those for each late start."""
        return (self.doses, *(late.doses for late in self.late))


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A schedule as rules use it. `grace_days`: see the module."""

    name: str
    text: str
    source: str
    anchor: str
    grace_days: int
    series: tuple[Series, ...]


_OF_SERIES = ("antigens", "give", "interval", "before")
_PERIODS = ("earliest", "due", "interval", "window", "by", "before", "wait")


def read(text: str) -> Schedule:
    """A schedule from TOML. Raises ValueError (msgspec.ValidationError, tomllib.TOMLDecodeError are such) with what is
    wrong and where."""
    raw = tomllib.loads(text)
    given: dict[str, Any] = {name: raw.pop(name) for name in ("window", "before") if name in raw}
    raw["series"] = [_filled_series(series, given) for series in raw.get("series", ())]
    schedule = msgspec.convert(raw, Schedule)
    wrong = problems(schedule)
    if wrong:
        raise ValueError(f"{schedule.name}: " + "; ".join(wrong))
    return schedule


@cache
def load(name: str) -> Schedule:
    """One of the schedules that come with the program. Raises KeyError for another name."""
    if name not in NAMES:
        raise KeyError(name)
    return read(files(__package__).joinpath("schedules", f"{name}.toml").read_text(encoding="utf-8"))


def _filled_series(series: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    given = given | {name: series.pop(name) for name in _OF_SERIES if name in series}
    series["doses"] = [_filled_dose(dose, given) for dose in series.get("doses", ())]
    series["late"] = [
        {"since": _span(late["from"]), "doses": [_filled_dose(dose, given) for dose in late["doses"]]}
        for late in series.get("late", ())
    ]
    return series


def _filled_dose(dose: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    filled = given | {"due": dose.get("earliest")} | dose
    return filled | {name: _span(filled[name]) for name in _PERIODS if name in filled}


def _span(written: object) -> dict[str, int]:
    """A span as the plain members that msgspec makes a Period of, so that its errors name the place in the file."""
    if not isinstance(written, str):
        raise ValueError(f"not a span of time: {written!r}")
    found = period(written)
    return {"months": found.months, "days": found.days}


def problems(schedule: Schedule) -> list[str]:
    """What contradicts itself in a schedule, each in words: for who writes one, before a child is judged by it.

    The files we learnt from had several of these: a fifth dose due before the fourth, limits of age that a late child
    could not keep, and conditions on doses that the file did not have.
    """
    found = [] if schedule.anchor in ANCHORS else [f"anchor {schedule.anchor} is not known"]
    names = [name for series in schedule.series for name in {dose.name for plan in series.plans() for dose in plan}]
    found += sorted({f"{name} is in two series" for name in names if names.count(name) > 1})
    for series in schedule.series:
        for plan in series.plans():
            found += [f"{dose.name} is there twice" for dose in plan if sum(one.name == dose.name for one in plan) > 1]
            found += [problem for dose in plan for problem in _dose_problems(dose, schedule.anchor)]
            found += [problem for one, two in itertools.pairwise(plan) for problem in _order_problems(one, two)]
        if not series.doses:
            found.append(f"{series.name} has no doses")
    return found


def _dose_problems(dose: Dose, anchor: str) -> list[str]:
    found = []
    for name in dose.give:
        if name not in VACCINES:
            found.append(f"{dose.name}: vaccine {name} is not known")
        elif not dose.antigens <= VACCINES[name].antigens:
            found.append(
                f"{dose.name}: {name} does not hold {', '.join(sorted(dose.antigens - VACCINES[name].antigens))}"
            )
    if not dose.give or not dose.antigens:
        found.append(f"{dose.name}: nothing to give, or against nothing")
    if anchor == "birth" and dose.due.days_least < dose.earliest.days_least:
        found.append(f"{dose.name}: due before it may be given")
    if dose.wait is not None and dose.wait.days_least < dose.interval.days_least:
        found.append(f"{dose.name}: planned sooner than its interval")
    if dose.before is not None and dose.before.days_least <= dose.earliest.days_least:
        found.append(f"{dose.name}: too old for it before it may be given")
    return found


def _order_problems(one: Dose, two: Dose) -> list[str]:
    found = []
    if two.due.days_least < one.due.days_least:
        found.append(f"{two.name} is due before {one.name}")
    if one.before is not None and two.before is not None:
        last = one.before.days_least - 1 + two.interval.days_least
        if one.before != two.before and two.before.days_least <= last:
            found.append(f"{two.name}: who gets {one.name} on the last day is too old for it")
    return found
