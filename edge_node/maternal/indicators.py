"""The indicators of a month, counted over many records: as FHIR MeasureReport and as a DHIS2 data value set.

Sources: WHO ANC monitoring framework 2018 (first contact in the first 12 weeks; at least four, at least eight contacts,
of women who gave birth); WHO SMART ANC, measures ANCIND01 and others; WHO Analysis and use of health facility data:
RMNCAH 2019 (institutional births, low birth weight below 2500 g, postnatal care within two days). A first contact is
early before 12w0d by the dating in use; in an undated pregnancy it is not counted as early. FHIR R4 MeasureReport;
DHIS2 Web API, dataValueSets.
"""

import calendar
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import msgspec

from edge_node.language import N_, Text
from edge_node.maternal.contacts import antenatal
from edge_node.maternal.dating import age_days, dating
from edge_node.maternal.facts import BIRTHS, LOSSES, Mother, Pregnancy, born_on, of_kind
from edge_node.maternal.prevention import SP, SP_AT_LEAST
from edge_node.maternal.tetanus import protected_on

MEASURE: Final = "urn:medtech-edge:measure:maternal-month"
_POPULATION: Final = "http://terminology.hl7.org/CodeSystem/measure-population"
EARLY_DAYS: Final = 12 * 7
LOW_WEIGHT_G: Final = Decimal(2500)


class Month(msgspec.Struct, frozen=True, order=True):
    """A calendar month. Raises ValueError where there is none."""

    year: int
    month: int

    def __post_init__(self) -> None:
        date(self.year, self.month, 1)

    @property
    def first(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def last(self) -> date:
        return date(self.year, self.month, calendar.monthrange(self.year, self.month)[1])

    def holds(self, day: date | None) -> bool:
        return day is not None and self.first <= day <= self.last


class Indicator(msgspec.Struct, frozen=True, kw_only=True):
    """One count. `of`: the code of the count that it is a part of, for the share; "" for a plain count."""

    code: str
    text: Text
    of: str = ""


INDICATORS: Final = (
    Indicator(code="first-contacts", text=N_("First antenatal contacts")),
    Indicator(code="first-contacts-early", text=N_("… before 12 weeks"), of="first-contacts"),
    Indicator(code="contacts", text=N_("Antenatal contacts")),
    Indicator(code="danger-signs", text=N_("Pregnant women with a danger sign")),
    Indicator(code="births", text=N_("Women who gave birth")),
    Indicator(code="births-4-contacts", text=N_("… with at least 4 contacts"), of="births"),
    Indicator(code="births-8-contacts", text=N_("… with at least 8 contacts"), of="births"),
    Indicator(code="births-sp-3", text=N_("… with at least 3 doses of SP"), of="births"),
    Indicator(code="births-tetanus", text=N_("… protected against tetanus"), of="births"),
    Indicator(code="births-hiv-known", text=N_("… whose HIV status was known"), of="births"),
    Indicator(code="births-syphilis-tested", text=N_("… tested for syphilis"), of="births"),
    Indicator(code="births-caesarean", text=N_("… by caesarean section"), of="births"),
    Indicator(code="births-seen-2-days", text=N_("… seen again within two days"), of="births"),
    Indicator(code="babies", text=N_("Babies born")),
    Indicator(code="live-births", text=N_("… alive"), of="babies"),
    Indicator(code="stillbirths", text=N_("… dead"), of="babies"),
    Indicator(code="low-weight", text=N_("… alive, below 2500 g"), of="live-births"),
    Indicator(code="losses", text=N_("Pregnancies lost")),
    Indicator(code="mothers-died", text=N_("Women who died in pregnancy or within 42 days after it")),
)

MATERNAL_DEATH_DAYS: Final = 42
"""After the end of a pregnancy (ICD-11: maternal death)."""


def month_counts(mothers: Iterable[Mother], month: Month) -> dict[str, int]:
    """Every indicator of the month, in the order of `INDICATORS`. Records are looked at one at a time."""
    counted: Counter[str] = Counter()
    for mother in mothers:
        for pregnancy in mother.pregnancies:
            counted.update(_of(mother, pregnancy, month))
        if month.holds(mother.died) and any(_maternal(mother, each) for each in mother.pregnancies):
            counted["mothers-died"] += 1
    return {each.code: counted[each.code] for each in INDICATORS}


def _of(mother: Mother, pregnancy: Pregnancy, month: Month) -> Iterator[str]:
    visits = antenatal(pregnancy)
    yield from ("contacts" for visit in visits if month.holds(visit.on))
    if visits and month.holds(visits[0].on):
        yield "first-contacts"
        used = dating(pregnancy)
        if used is not None and age_days(used.expected, visits[0].on) < EARLY_DAYS:
            yield "first-contacts-early"
    if any(month.holds(sign.on) and sign.value != "none" for sign in of_kind(pregnancy.signs, "danger-signs")):
        yield "danger-signs"
    if month.holds(born_on(pregnancy)):
        yield "births"
        yield from (code for code, holds in _AT_BIRTH.items() if holds(mother, pregnancy))
    for outcome in pregnancy.outcomes:
        if month.holds(outcome.on):
            yield from _babies(outcome.kind, outcome.weight_g)


def _babies(kind: str, weight_g: Decimal | None) -> Iterator[str]:
    if kind in LOSSES:
        yield "losses"
    if kind in BIRTHS:
        yield "babies"
        yield from {"live-birth": ("live-births",), "stillbirth": ("stillbirths",)}.get(kind, ())
        if kind == "live-birth" and weight_g is not None and weight_g < LOW_WEIGHT_G:
            yield "low-weight"


def _contacts(least: int) -> Callable[[Mother, Pregnancy], bool]:
    return lambda mother, pregnancy: len(antenatal(pregnancy)) >= least


def _protected(mother: Mother, pregnancy: Pregnancy) -> bool:
    born = born_on(pregnancy)
    return born is not None and protected_on(mother, born)


def _hiv_known(mother: Mother, pregnancy: Pregnancy) -> bool:
    born = born_on(pregnancy)
    before = [test for test in of_kind(mother.tests, "hiv") if born is not None and test.on <= born]
    during = {test.ref for test in of_kind(pregnancy.tests, "hiv")}
    return any(test.result == "positive" or (test.result == "negative" and test.ref in during) for test in before)


def _seen_again(mother: Mother, pregnancy: Pregnancy) -> bool:
    born = born_on(pregnancy)
    seen = [visit for visit in pregnancy.contacts if visit.kind == "postnatal-contact"]
    return born is not None and any(0 <= (visit.on - born).days <= 2 for visit in seen)


_AT_BIRTH: Final[Mapping[str, Callable[[Mother, Pregnancy], bool]]] = MappingProxyType(
    {
        "births-4-contacts": _contacts(4),
        "births-8-contacts": _contacts(8),
        "births-sp-3": lambda mother, pregnancy: len({dose.on for dose in of_kind(pregnancy.doses, SP)}) >= SP_AT_LEAST,
        "births-tetanus": _protected,
        "births-hiv-known": _hiv_known,
        "births-syphilis-tested": lambda mother, pregnancy: any(
            test.result in {"positive", "negative"} for test in of_kind(pregnancy.tests, "syphilis")
        ),
        "births-caesarean": lambda mother, pregnancy: any(each.mode == "caesarean" for each in pregnancy.outcomes),
        "births-seen-2-days": _seen_again,
    }
)


def _maternal(mother: Mother, pregnancy: Pregnancy) -> bool:
    ends = [each.on for each in pregnancy.outcomes if each.kind in BIRTHS | LOSSES]
    died = mother.died
    if died is None:
        return False
    if ends:
        return 0 <= (died - max(ends)).days <= MATERNAL_DEATH_DAYS
    used = dating(pregnancy)
    return pregnancy.status == "active" and (used is None or 0 <= age_days(used.expected, died) <= 315)


def measure_report(
    counts: Mapping[str, int],
    month: Month,
    reporter: str,
    made_on: date,
    indicators: Sequence[Indicator] = INDICATORS,
) -> dict[str, Any]:
    """A FHIR MeasureReport (summary) of the counts. `reporter`: reference to the Organization or Location. `indicators`: what is told.

    A count that is a part of another has both as populations, and the share as score.
    """
    return {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "summary",
        "measure": MEASURE,
        "date": made_on.isoformat(),
        "reporter": {"reference": reporter},
        "period": {"start": month.first.isoformat(), "end": month.last.isoformat()},
        "group": [_group(each, counts) for each in indicators],
    }


def _group(of: Indicator, counts: Mapping[str, int]) -> dict[str, Any]:
    code = {"coding": [{"system": MEASURE, "code": of.code}], "text": of.text.message}
    if not of.of:
        return {"code": code, "population": [_population("initial-population", counts[of.code])]}
    whole = counts[of.of]
    group = {"code": code, "population": [_population("numerator", counts[of.code]), _population("denominator", whole)]}
    share = {"measureScore": {"value": round(Decimal(counts[of.code]) / whole, 4)}} if whole else {}
    return group | share


def _population(name: str, count: int) -> dict[str, Any]:
    return {"code": {"coding": [{"system": _POPULATION, "code": name}]}, "count": count}


def data_value_set(
    counts: Mapping[str, int],
    month: Month,
    org_unit: str,
    made_on: date,
    data_set: str = "",
    elements: Mapping[str, str] | None = None,
    indicators: Sequence[Indicator] = INDICATORS,
) -> dict[str, Any]:
    """A DHIS2 data value set of the counts, for `POST /api/dataValueSets` or its import page.

    `org_unit`, `data_set`: their identifiers there. `elements`: data element of each indicator; those not named have
    the indicator's code, for imports by `dataElementIdScheme=code`.
    """
    named = elements or {}
    values = [{"dataElement": named.get(each.code, each.code), "value": str(counts[each.code])} for each in indicators]
    head = {"dataSet": data_set} if data_set else {}
    return head | {
        "completeDate": made_on.isoformat(),
        "period": f"{month.year:04}{month.month:02}",
        "orgUnit": org_unit,
        "dataValues": values,
    }
