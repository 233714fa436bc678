"""What is measured of anybody: fields with ranges by age, the Observations, and what is told of a child's growth.

What is plausible is wider than what is normal: it asks about slips of the finger, not about illness, which is what people come with.
Sources of the normal ranges that it is wider than: WHO, Pocket book of hospital care for children, second edition, 2013 (pulse and
blood pressure by age); WHO, Integrated Management of Childhood Illness, chart booklet, 2014 (fast breathing, fever); WHO Child Growth
Standards 2006 (size). A small child's weight and length are asked about by the growth standards besides.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from edge_node.concepts import VITAL_SIGNS, Concept, amount, codeable, quantity
from edge_node.forms.answers import Answers
from edge_node.forms.care import growth_words, saying
from edge_node.forms.context import Context
from edge_node.forms.fields import Choice, Field, Kind, Section, between, when
from edge_node.forms.maternal.blood_pressure import check_pair
from edge_node.forms.parsing import Doubt, Problem
from edge_node.forms.reading import Amount
from edge_node.growth.child import STANDING_FROM_DAYS, Assessment, Measured, Position, assess
from edge_node.growth.record import OEDEMA
from edge_node.growth.standard import Indicator, Sex
from edge_node.language import C_, N_, Text
from edge_node.maternal.reading import about_day
from edge_node.store.model import Write

SMALL_CHILD_DAYS: Final = 1856
"""Five years: as far as the growth standards reach."""
BANDS: Final = ((28, "newborn"), (365, "infant"), (1826, "toddler"), (4383, "child"))
"""Ages in days below which one is called so: four weeks, one year, five years, twelve years. Older ones are adults here."""


class Vital(Struct, frozen=True):
    """One number: field, what it means, its unit as people write it, what is possible, and what is plausible by age."""

    name: str
    meant: str
    label: Text
    unit: str | Text
    possible: tuple[str, str]
    plausible: MappingProxyType[str, tuple[str, str]]
    whole: bool = False


def _by_age(newborn: str, infant: str, toddler: str, child: str, adult: str) -> MappingProxyType[str, tuple[str, str]]:
    spans = dict(
        zip(("newborn", "infant", "toddler", "child", "adult"), (newborn, infant, toddler, child, adult), strict=True)
    )
    return MappingProxyType({band: (span.split()[0], span.split()[1]) for band, span in spans.items()})


VITALS: Final = (
    Vital("temperature", "temperature", C_("Temperature"), "°C", ("25", "45"),
          _by_age("34.5 39.5", "34.5 40.5", "34.5 40.5", "34.5 40.5", "34.5 40.5")),
    Vital("pulse", "pulse", C_("Pulse"), N_("a minute"), ("10", "320"),
          _by_age("90 200", "80 200", "70 180", "55 160", "45 140"), True),
    Vital("breaths", "respiratory-rate", C_("Breaths"), N_("a minute"), ("3", "150"),
          _by_age("25 75", "20 70", "15 60", "12 45", "8 35"), True),
    Vital("oxygen", "oxygen-saturation", C_("Oxygen in the blood"), "%", ("30", "100"),
          _by_age("85 100", "88 100", "88 100", "88 100", "88 100"), True),
    Vital("systolic", "systolic", C_("Upper blood pressure"), "mmHg", ("30", "300"),
          _by_age("45 100", "55 120", "65 130", "75 145", "85 179"), True),
    Vital("diastolic", "diastolic", C_("Lower blood pressure"), "mmHg", ("10", "200"),
          _by_age("20 70", "25 80", "30 90", "40 95", "45 109"), True),
    Vital("weight", "weight", C_("Weight"), "kg", ("0.3", "350"),
          _by_age("1 6.5", "2 15", "5 30", "10 80", "30 140")),
    Vital("height", "height", C_("Length or height"), "cm", ("25", "250"),
          _by_age("38 62", "42 90", "62 125", "85 180", "130 205")),
    Vital("muac", "muac", C_("Upper arm circumference"), "cm", ("5", "70"),
          _by_age("6 14", "8 20", "10 24", "12 32", "16 50")),
    Vital("head", "head-circumference", C_("Head circumference"), "cm", ("20", "70"),
          _by_age("27 41", "31 52", "40 58", "44 62", "48 66")),
)  # fmt: skip
_PANEL: Final = ("systolic", "diastolic")
LYING: Final = "lying"
STANDING: Final = "standing"
_POSITIONS: Final[Mapping[str, Position]] = {LYING: "lying", STANDING: "standing"}


def band(days: int | None) -> str:
    """The age band; of whom no birth date is known, an adult's."""
    return next((name for below, name in BANDS if days is not None and days < below), "adult")


def section(context: Context, *, folded: bool = False) -> Section:
    """The fields for somebody of this age."""
    title = C_("Measurements")
    return Section(title=title, fields=tuple(_fields(saying.age_days(context))), folded=folded)


def _fields(days: int | None) -> Iterator[Field]:
    age = band(days)
    small = days is not None and days < SMALL_CHILD_DAYS
    for vital in VITALS:
        if vital.name == "head" and not small:
            continue
        yield _number(vital, age)
        if vital.name == "height" and small:
            yield _position(days or 0)
    if small:
        yield Field(name="oedema", label=C_("Swelling of both feet that keeps a dent"), kind=Kind.KNOWN)


def _number(vital: Vital, age: str) -> Field:
    return Field(
        name=vital.name,
        label=vital.label,
        kind=Kind.INTEGER if vital.whole else Kind.DECIMAL,
        unit=vital.unit,
        possible=between(*vital.possible),
        plausible=between(*vital.plausible[age]),
    )


def _position(days: int) -> Field:
    usual = C_("At this age a child is measured lying down.") if days < STANDING_FROM_DAYS else None
    return Field(
        name="position",
        label=C_("How was the child measured?"),
        hint=usual,
        kind=Kind.CHOICE,
        choices=(Choice(LYING, C_("Lying down")), Choice(STANDING, C_("Standing"))),
        when=when("height"),
    )


# --- what is asked once more ------------------------------------------------------------------------------------------


def check(answers: Answers, context: Context) -> Iterator[Problem | Doubt]:
    """The lower pressure above the upper one, one without the other, a weight that leaped, a size that hardly any child has."""
    yield from check_pair(answers, *_PANEL)
    yield from _leap(answers, context)
    assessed = assessment(answers, context)
    if assessed is not None:
        for indicator, text in growth_words.unlikely(assessed):
            # The tick counts for all that was compared: a size that is corrected to another unlikely one is asked about again.
            fields = _GROWN[indicator]
            yield Doubt(fields[0], text, " ".join([indicator, *(str(answers.number(name)) for name in fields)]))


_GROWN: Final[Mapping[Indicator, tuple[str, ...]]] = MappingProxyType(
    {
        Indicator.WEIGHT_FOR_AGE: ("weight",),
        Indicator.LENGTH_FOR_AGE: ("height",),
        Indicator.WEIGHT_FOR_LENGTH: ("weight", "height"),
        Indicator.WEIGHT_FOR_HEIGHT: ("weight", "height"),
        Indicator.BMI_FOR_AGE: ("weight", "height"),
        Indicator.HEAD_FOR_AGE: ("head",),
        Indicator.MUAC_FOR_AGE: ("muac",),
    }
)
"""The fields that a score compares; it is asked about beside the first."""


def _leap(answers: Answers, context: Context) -> Iterator[Doubt]:
    """An adult's weight that differs by a fifth from the last one of half a year: more often a slip than an illness."""
    weight, last = answers.number("weight"), _last_weight(context)
    if weight is None or last is None or band(saying.age_days(context)) != "adult":
        return
    if abs(weight - last) * 5 > last:
        text = C_("The last weight was %(last)s kg. Is %(now)s kg right?")
        told = text.of(last=Amount(str(last)), now=Amount(str(weight)))
        yield Doubt("weight", told, f"last {last}, now {weight}")


def _last_weight(context: Context) -> Decimal | None:
    latest: tuple[date, Decimal] | None = None
    for held in context.of_type("Observation"):
        value = recorded(held.resource, "weight")
        on = about_day(held.resource.get("effectiveDateTime"))
        near = on is not None and 0 <= (context.today - on).days <= 183
        if value is not None and on is not None and near and (latest is None or on >= latest[0]):
            latest = (on, value)
    return latest[1] if latest is not None else None


# --- writing ----------------------------------------------------------------------------------------------------------


def writes(answers: Answers, context: Context, at: str, visit: dict[str, Any]) -> Iterator[Write]:
    """An Observation for each measurement; the two blood pressures are one."""
    for vital in VITALS:
        value = answers.number(vital.name)
        if value is not None and vital.name not in _PANEL:
            yield saying.measurement(context, _meant(vital, answers), value, "vital-signs", at, visit)
    parts = [_component(name, value) for name in _PANEL if (value := answers.number(name)) is not None]
    if parts:
        yield saying.observation(context, VITAL_SIGNS["blood-pressure"], "vital-signs", at, visit, component=parts)
    if (swollen := answers.yes("oedema")) is not None:
        yield saying.observation(context, OEDEMA, "exam", at, visit, valueBoolean=swollen)


def _meant(vital: Vital, answers: Answers) -> Concept:
    """What is written: of a child who lay, the length first, and the height by which all programs find it besides (R4 body height)."""
    meant = VITAL_SIGNS[vital.meant]
    if vital.name != "height" or answers.text("position") != LYING:
        return meant
    length = VITAL_SIGNS["length"]
    return Concept(length.name, length.text, (length.codings[0], meant.codings[0]), length.unit)


def _component(name: str, value: Decimal) -> dict[str, Any]:
    meant = VITAL_SIGNS[name]
    return {"code": codeable(meant), "valueQuantity": quantity(value, meant)}


def recorded(observation: Any, name: str) -> Decimal | None:
    """What an Observation measures of a vital sign, in its unit; None when it does not, or was entered by mistake."""
    found = VITAL_SIGNS.find(observation.get("code"))
    if found is None or found.name != name or observation.get("status") == "entered-in-error":
        return None
    return amount(observation.get("valueQuantity"), found.unit)


# --- a child's growth -------------------------------------------------------------------------------------------------


def assessment(answers: Answers, context: Context) -> Assessment | None:
    """Growth by what was just measured; None of those whom the standards do not reach."""
    born = about_day(context.she.resource.get("birthDate"))
    sex = context.she.resource.get("gender")
    if born is None or sex not in (Sex.FEMALE, Sex.MALE) or not 0 <= (context.today - born).days < SMALL_CHILD_DAYS:
        return None
    measured = Measured(
        saying.day_of(answers, "on", context),
        weight_kg=_float(answers, "weight"),
        length_cm=_float(answers, "height"),
        head_cm=_float(answers, "head"),
        muac_cm=_float(answers, "muac"),
        position=_POSITIONS.get(answers.text("position"), ""),
        oedema=answers.yes("oedema") is True,
    )
    return assess(born, Sex(sex), measured) if measured.day >= born else None


def _float(answers: Answers, name: str) -> float | None:
    value = answers.number(name)
    return float(value) if value is not None else None


def growth_told(answers: Answers, context: Context) -> str:
    """What is told of a child's growth once it is saved; empty where there is nothing to say."""
    assessed = assessment(answers, context)
    return growth_words.told(assessed) if assessed is not None else ""
