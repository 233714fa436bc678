"""The rules by which lists over all patients are kept: one record to what stands on which list, from which day to which.

Of each patient three kinds of rows come out, all with days in place of states, so that they stay true as time passes:

* **items** (`CARE`, `VACCINES`): single things that are due, as the packages of knowledge say them; what a list tells of its people;
* **lists** (`LISTS`): the days on which somebody stands on a list, joined, so that a list has her once and a page of it is one query;
* **counts** (`counted(code)`): what a month's indicators count, each on the first day of its month.

To the dead nothing is due; what contradicts itself in their record is listed all the same. The version of these rules is made of the text
of all modules that take part (`version`): another program derives anew, without anybody having to think of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final

import msgspec

from edge_node.immunisation import record as vaccinations
from edge_node.immunisation.due import Due as Dose
from edge_node.immunisation.due import Standing, stand
from edge_node.immunisation.reminders import name_of
from edge_node.immunisation.schedule import load
from edge_node.maternal.contradictions import contradictions
from edge_node.maternal.course import Due as Item
from edge_node.maternal.course import months_later
from edge_node.maternal.facts import Mother
from edge_node.maternal.lists import BIRTH_AFTER, BIRTH_BEFORE, Work, newborn_work, work
from edge_node.maternal.record import read_mother, read_newborn
from edge_node.programme import Programme
from edge_node.rules_version import rules_version
from edge_node.store.due import Due, Rules
from edge_node.worklists import counting
from edge_node.worklists.spans import DAY, Span, joined, span

Resource = Mapping[str, Any]

CARE: Final = "care"
VACCINES: Final = "vaccines"
DUE, OVERDUE, HIGH_RISK, LOST = "due", "overdue", "high-risk", "lost"
BIRTHS, IMMUNISATION, CONTRADICTIONS = "births", "immunisation", "contradictions"
LISTS: Final = (DUE, OVERDUE, HIGH_RISK, LOST, BIRTHS, IMMUNISATION, CONTRADICTIONS)

SOON: Final = timedelta(days=6)
"""A week's list has what is due today or within six days more."""
CHILD_YEARS: Final = 5
LATER_DAYS: Final = 365
"""The list of immunisations has children under five, whom a clinic's sessions are for, and what becomes due later for a year: else
everybody who was not immunised as a child stood there until she is eighteen. Her own page says what she may still have. Ours."""
_LONG_AGO: Final = date(1970, 1, 1)

SUBJECTS: Final[Mapping[str, str]] = {
    "AllergyIntolerance": "patient",
    "Condition": "subject",
    "Encounter": "subject",
    "EpisodeOfCare": "patient",
    "Immunization": "patient",
    "MedicationAdministration": "subject",
    "MedicationDispense": "subject",
    "MedicationRequest": "subject",
    "MedicationStatement": "subject",
    "Observation": "subject",
    "Procedure": "subject",
    "RelatedPerson": "patient",
    "ServiceRequest": "subject",
}
"""Types that the packages of knowledge read."""


@cache
def rules(programme: Programme) -> Rules:
    """The rules by a clinic's programme."""
    return Rules(version(programme), SUBJECTS, lambda resources: derive(resources, programme))


def version(programme: Programme) -> str:
    """A name for what these rules answer, made of the text of every module of the packages they come from and of the settings."""
    return rules_version(programme, tuple((__package__, name) for name in ("watching.py", "spans.py", "counting.py")))


def derive(resources: Sequence[Resource], programme: Programme) -> Iterator[Due]:
    """All rows of one person. The first resource is her Patient; records that were merged into hers may be among the others."""
    person = resources[0]
    id_ = str(person["id"])
    mother = read_mother(id_, resources)
    place = village(person)
    standing = stand(load(programme.vaccines), vaccinations.read(person, resources).facts)
    rows = [*_contradictions(mother), *counting.counts(mother, standing, _born(person))]
    if not mother.dead:
        rows += _care((work(mother, programme), newborn_work(read_newborn(id_, resources))))
        rows += _vaccines(standing, _born(person))
    yield from (msgspec.structs.replace(row, place=place) for row in rows)


def _care(works: Sequence[Work]) -> Iterator[Due]:
    asked = [item for each in works for item in each.items]
    yield from map(_item, asked)
    weeks = (span(item.due_from - SOON, min(item.overdue_from, item.ends), item.due_from) for item in asked)
    late = (span(item.overdue_from, item.ends, item.overdue_from) for item in asked)
    yield from _rows(DUE, joined(weeks))
    yield from _rows(OVERDUE, joined(late))
    births = [day for each in works for day in each.expected]
    yield from _rows(BIRTHS, joined(span(day - BIRTH_BEFORE, day + BIRTH_AFTER, day) for day in births))
    lost = (span(each.lost_from, each.lost_until, each.lost_from) for each in works if each.lost_from)
    yield from _rows(LOST, joined(lost))
    at_risk = [each for each in works if each.risks and each.risk_until]
    until = max((each.risk_until for each in at_risk if each.risk_until), default=None)
    if until is not None:
        about = min((day for each in at_risk for day in each.expected), default=until)
        reasons = [{"code": risk.code, "params": _plain(risk.params)} for each in at_risk for risk in each.risks]
        yield Due(HIGH_RISK, "", _LONG_AGO, about, until - DAY, {"risks": reasons})


def _item(item: Item) -> Due:
    about = {"kind": item.kind, "of": item.of, "number": item.number, "params": _plain(item.params)}
    code = f"{item.kind} {item.number} {item.of}"
    return Due(CARE, code, item.due_from, item.overdue_from, item.ends - DAY, about)


def _vaccines(standing: Standing, born: date | None) -> Iterator[Due]:
    if born is None:
        return
    for dose in standing.due:
        about = {"text": dose.text, "dose": dose.dose}
        yield Due(VACCINES, name_of(dose), dose.due_from, dose.overdue_from, dose.not_after, about)
    asked = (span(dose.due_from - SOON, _listed_until(dose, born), dose.due_from) for dose in standing.due)
    yield from _rows(IMMUNISATION, joined(asked))


def _listed_until(dose: Dose, born: date) -> date:
    until = max(months_later(born, 12 * CHILD_YEARS), dose.due_from + timedelta(LATER_DAYS))
    return until if dose.not_after is None else min(until, dose.not_after + DAY)


def _contradictions(mother: Mother) -> Iterator[Due]:
    codes = sorted({each.code for each in contradictions(mother)})
    if codes:
        yield Due(CONTRADICTIONS, "", _LONG_AGO, _LONG_AGO, None, {"codes": codes})


def _rows(list_: str, spans: Iterable[Span]) -> Iterator[Due]:
    for each in spans:
        yield Due(list_, "", each.first, each.about, each.last)


def _plain(params: Iterable[tuple[str, object]]) -> list[tuple[str, object]]:
    """Parameters as JSON has them: days and decimals as text, with a mark of what they are."""
    return [(name, _marked(value)) for name, value in params]


def _marked(value: object) -> object:
    if isinstance(value, date):
        return {"day": value.isoformat()}
    return {"amount": str(value)} if isinstance(value, Decimal) else value


# --- the person -------------------------------------------------------------------------------------------------------


def village(patient: Resource) -> str:
    """The village or town of a Patient: of her home, not an old address; "" where none is told."""
    given = patient.get("address")
    addresses = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    first = sorted(addresses, key=lambda each: (each.get("use") == "old", each.get("use") != "home"))[:1]
    named = (each.get(name) for each in first for name in ("city", "district", "text"))
    return next((text.strip() for text in named if isinstance(text, str) and text.strip()), "")


def _born(patient: Resource) -> date | None:
    found = vaccinations.last_day(patient.get("birthDate"))
    return found[0] if found else None
