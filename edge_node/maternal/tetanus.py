"""Tetanus: which doses count, how long they protect, which is due in this pregnancy.

Five doses protect for life: the second at least 4 weeks after the first (then 3 years), the third 6 months after that
(5 years), the fourth and fifth each a year later (10 years; all childbearing years). In a pregnancy: two doses where
none is known, the second at least two weeks before the birth; one where there were one to four; none after five.
Sources: WHO ANC 2016, recommendation C.5 with its remarks; WHO Standards for maternal and neonatal care 1.1 (2006),
"Maternal immunization against tetanus", tables 1 and 2. By its table 2, three doses in infancy count as two of a
woman's five, and each further dose as one.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from edge_node.maternal.course import Course, Due, months_later
from edge_node.maternal.facts import Mother, latest
from edge_node.maternal.findings import Finding, finding

LIFELONG: Final = 5
CHILDHOOD_YEARS: Final = 7
"""Doses before the seventh birthday are those of childhood."""
BEFORE_BIRTH: Final = timedelta(days=14)
_WITHIN: Final = timedelta(days=28)
_PROTECTED_YEARS: Final = {2: 3, 3: 5, 4: 10}


def _earliest(counted: int, last: date) -> date:
    """The first day for the dose after `counted` ones."""
    if counted <= 1:
        return last + timedelta(days=28)
    return months_later(last, 6 if counted == 2 else 12)


def counted(mother: Mother, until: date = date.max) -> tuple[int, date | None]:
    """How many doses count before a day, and the day of the last that does.

    A dose given sooner than it may be after the one before does not count. Where no dose is on record, what she tells does:
    "all five doses" as five, "one to four" as one.
    """
    days = sorted({dose.on for dose in mother.tetanus if dose.on < until})
    grown = months_later(mother.born, 12 * CHILDHOOD_YEARS) if mother.born else date.min
    childhood = [day for day in days if day < grown]
    number, last = max(len(childhood) - 1, 0), childhood[-1] if len(childhood) > 1 else None
    for day in days[len(childhood) :]:
        if last is None or day >= _earliest(number, last):
            number, last = number + 1, day
    told = latest(mother.signs, "tetanus-history")
    if number == 0 and told is not None:
        number = {"full": LIFELONG, "some": 1}.get(told.value, 0)
    return min(number, LIFELONG), last


def protected_on(mother: Mother, day: date) -> bool:
    """Whether the doses before a day protect on that day (WHO Standards 1.1, table 1). At a birth: the baby is protected too."""
    number, last = counted(mother, day)
    if number >= LIFELONG:
        return True
    years = _PROTECTED_YEARS.get(number)
    return years is not None and last is not None and day < months_later(last, 12 * years)


def tetanus_due(mother: Mother, at: Course) -> Iterator[Due]:
    """The next dose in this pregnancy, if one is wanted."""
    if any(allergy.kind == "tetanus-vaccine" for allergy in mother.allergies):
        return
    before, _ = counted(mother, at.lmp)
    now, last = counted(mother)
    # What she tells counts before, so a first dose on record may be her second.
    during = [dose.on for dose in mother.tetanus if dose.on >= at.lmp]
    number = max(now, min(before + len(_spaced(during)), LIFELONG))
    wanted = 2 if before == 0 else 1
    if number >= LIFELONG or number - before >= wanted:
        return
    from_day = max(at.since, _earliest(number, last) if last else at.since)
    birth = at.used.expected if at.used else at.until
    if from_day >= birth:
        return
    late = from_day + _WITHIN
    if number - before == 1:
        late = max(min(late, birth - BEFORE_BIRTH), from_day)
    yield Due(
        kind="tetanus", of=at.pregnancy.ref, number=number + 1, due_from=from_day, overdue_from=late, ends=at.until
    )


def _spaced(days: list[date]) -> list[date]:
    """Days that are at least 4 weeks apart, from the first."""
    kept: list[date] = []
    for day in sorted(set(days)):
        if not kept or day >= kept[-1] + timedelta(days=28):
            kept.append(day)
    return kept


def tetanus_findings(mother: Mother) -> Iterator[Finding]:
    """An allergy to the vaccine, since it explains why none is due."""
    refs = [allergy.ref for allergy in mother.allergies if allergy.kind == "tetanus-vaccine"]
    if refs:
        yield finding("tetanus-allergy", "inform", None, refs)
