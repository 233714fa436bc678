"""A child's growth and vaccinations: in short on her page, with charts and card at `/patients/{id}/child`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath

from edge_node.api.sight import Sight
from edge_node.errors import NotFound
from edge_node.forms.care.growth_words import told
from edge_node.forms.care.vaccination import CHILD_YEARS, NOT_COUNTED
from edge_node.forms.care.vital_signs import SMALL_CHILD_DAYS
from edge_node.forms.context import decode
from edge_node.forms.maternal.choices import words as concept_words
from edge_node.forms.parsing import Found
from edge_node.growth import record as growth_record
from edge_node.growth.child import Measured, assess, length_or_height
from edge_node.growth.standard import Indicator
from edge_node.immunisation import record as immunisation_record
from edge_node.immunisation.due import Standing, stand
from edge_node.immunisation.schedule import load
from edge_node.immunisation.vaccines import VACCINES
from edge_node.immunisation.visits import next_visit
from edge_node.language import C_, Text, clinical
from edge_node.language.days import said
from edge_node.maternal.reading import about_day
from edge_node.pages import chart_words, dates, growth_charts, likeness
from edge_node.pages.desk import Desk
from edge_node.pages.growth_charts import Measure
from edge_node.pages.plot import Picture, picture
from edge_node.pages.reach import Reach
from edge_node.programme import Programme
from edge_node.store.model import Stored

STATES: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "given": C_("given"),
        "overdue": C_("overdue"),
        "due": C_("due now"),
        "later": C_("later"),
        "too-late": C_("too late"),
    }
)
_SHOWN: Final = (
    Indicator.WEIGHT_FOR_AGE,
    Indicator.LENGTH_FOR_AGE,
    Indicator.WEIGHT_FOR_LENGTH,
    Indicator.WEIGHT_FOR_HEIGHT,
    Indicator.HEAD_FOR_AGE,
    Indicator.MUAC_FOR_AGE,
)


class Dose(msgspec.Struct, frozen=True):
    """A dose on the card. `state`: a key of `STATES`; `when`: the day it was given or may be given from."""

    name: str
    state: str
    when: str

    @property
    def state_said(self) -> Text:
        """In words."""
        return STATES[self.state]


class Child(msgspec.Struct, frozen=True):
    """What is known of a child. `growth`: the last measurements in words; `grave`: they refer the child; `due`: the vaccines that can be
    given now, each once though it serves several doses; `uncounted`: what was given and does not count, in words."""

    growth: str
    measured: str
    grave: bool
    doses: tuple[Dose, ...]
    due: tuple[Dose, ...]
    uncounted: tuple[str, ...]
    pictures: tuple[Picture, ...] = ()


def of_patient(everything: Sequence[Stored], today: date, programme: Programme, *, drawn: bool = False) -> Child | None:
    """The child who is the first of `everything`; None of who is grown up, dead, or of unknown age. `drawn`: with charts."""
    if not everything or everything[0].body is None:
        return None
    patient = decode(everything[0].body)
    born = about_day(patient.get("birthDate"))
    if born is None or patient.get("deceasedBoolean") or "deceasedDateTime" in patient:
        return None
    if not 0 <= (today - born).days < CHILD_YEARS * 365.25:
        return None
    told_of = ("Observation", "Immunization", "Condition")
    resources = [decode(one.body) for one in everything if one.type in told_of and one.body is not None]
    child = growth_record.read(patient, resources)
    measured = child.measured if child is not None and (today - born).days < SMALL_CHILD_DAYS else ()
    last = measured[-1] if measured else None
    assessed = assess(child.born, child.sex, last) if child is not None and last is not None else None
    standing, uncounted = _vaccinations(patient, resources, programme)
    return Child(
        growth=told(assessed) if assessed is not None else "",
        measured=said(last.day) if last is not None else "",
        grave=assessed is not None and assessed.degree == "refer",
        doses=tuple(_doses(standing, today)),
        due=tuple(_due(standing, today)),
        uncounted=uncounted,
        pictures=tuple(_pictures(child, measured)) if drawn and child is not None else (),
    )


# --- vaccinations -----------------------------------------------------------------------------------------------------


def _vaccinations(
    patient: Mapping[str, Any], resources: Iterable[Mapping[str, Any]], programme: Programme
) -> tuple[Standing, tuple[str, ...]]:
    read = immunisation_record.read(patient, resources)
    standing = stand(load(programme.vaccines), read.facts)
    not_counted = [
        clinical(
            "%(vaccine)s of %(day)s does not count: %(why)s.",
            vaccine=concept_words(VACCINES[one.vaccine].concept),
            day=said(one.day),
            why=NOT_COUNTED[one.reason],
        )
        for one in standing.uncounted
    ]
    unclear = [
        clinical("“%(text)s” could not be read as a vaccine with a day, and does not count.", text=one.text)
        for one in read.unclear
    ]
    return standing, (*not_counted, *unclear)


def _doses(standing: Standing, today: date) -> Iterable[Dose]:
    """What was given, by day; then what is due and what comes, by day."""
    for one in standing.counted:
        yield Dose(clinical(one.text), "given", said(one.day))
    for item in standing.due:
        if item.state(today) != "too-late":
            yield Dose(clinical(item.text), item.state(today), said(item.due_from))


def _due(standing: Standing, today: date) -> Iterable[Dose]:
    """What the form proposes for today: a five-in-one, not the three doses that it is."""
    visit = next_visit(standing.due, today)
    if visit is None or visit.day > today:
        return
    for name in visit.vaccines:
        late = any(name in item.give and item.state(today) == "overdue" for item in visit.items)
        yield Dose(str(concept_words(VACCINES[name].concept)), "overdue" if late else "due", "")


# --- growth -----------------------------------------------------------------------------------------------------------


def _pictures(child: growth_record.Child, measured: Sequence[Measured]) -> Iterable[Picture]:
    writer = chart_words.writer(chart_words.month_mark)
    for number, indicator in enumerate(_SHOWN):
        measures = [one for each in measured if (one := _measure(indicator, child, each)) is not None]
        chart = growth_charts.growth(indicator, child.sex, measures, writer) if measures else None
        if chart is not None:
            yield picture(chart, f"growth-{number}")


def _measure(indicator: Indicator, child: growth_record.Child, one: Measured) -> Measure | None:
    """A day's measurement as a point of a chart. With swollen feet no weight is drawn: it is too high."""
    age = (one.day - child.born).days
    length = length_or_height(age, one)
    weight = None if one.oedema else one.weight_kg
    if indicator in (Indicator.WEIGHT_FOR_LENGTH, Indicator.WEIGHT_FOR_HEIGHT):
        standing = indicator == Indicator.WEIGHT_FOR_HEIGHT
        fits = length is not None and weight is not None and standing == (age >= 731)
        return Measure(one.day, length or 0.0, weight or 0.0) if fits else None
    values = {
        Indicator.WEIGHT_FOR_AGE: weight,
        Indicator.LENGTH_FOR_AGE: length,
        Indicator.HEAD_FOR_AGE: one.head_cm,
        Indicator.MUAC_FOR_AGE: one.muac_cm,
    }
    value = values[indicator]
    return Measure(one.day, float(age), value) if value is not None else None


# --- the page ---------------------------------------------------------------------------------------------------------


class Read(msgspec.Struct, frozen=True):
    """One reading of a child's page."""

    key: int
    whose: Found
    child: Child


def handlers(desk: Desk) -> list[Any]:
    """The paths."""

    @get("/patients/{id_:str}/child")
    async def one(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[Any]:
        caller = desk.reader(request, id_)
        read: Read = await desk.threads.search(_read, desk, caller.sight, id_)
        await desk.threads.write(desk.store.record, caller.author, desk.now_ms(), "read", read.key)
        given: dict[str, Any] = {"whose": read.whose, "child": read.child, "reach": Reach(caller.sight)}
        return await desk.page(request, caller.author, "child.html", here="patients", **given)

    return [one]


def _read(desk: Desk, sight: Sight, id_: str) -> Read:
    """Raises NotFound, also of somebody who is no child."""
    everything = [stored for stored in desk.store.everything(id_) if stored.body is not None and sight.sees(stored)]
    today = dates.local_day(desk.now_ms())
    child = of_patient(everything, today, desk.store.programme, drawn=True)
    if child is None:
        raise NotFound()
    first = everything[0]
    return Read(first.key, likeness.person(first.id, decode(first.body or b"{}"), today), child)
