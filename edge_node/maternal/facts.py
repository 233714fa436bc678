"""What is known of a woman, her pregnancies and her newborns, as rules see it: frozen facts, each naming the resource that says it.

`edge_node/maternal/record.py` makes them from FHIR. Tuples are ordered by day and then by resource, whatever the order in which the
resources came; so no rule can depend on the order of entries. Days are calendar days as they were written down where it happened.
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

import msgspec


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody stated. `ref`: the resource, "Observation/17". `on`: the day it is about (or was found)."""

    ref: str
    on: date


class Evidence(Fact, frozen=True, kw_only=True):
    """Something from which the expected date of birth follows.

    `kind`: `lmp`, `ultrasound`, `fundal-height` or `stated` (an expected date or an age in weeks, of unknown origin). `expected`:
    the expected date of birth that follows from it. `lmp`: the first day of the last period, where that is what was stated.
    `age_days`: the age of the pregnancy found on the day `on`, for scans and fundal heights. `certain`: False where she
    is not sure of her last period, or knew the month only. `by`: reference to who stated it, or "".
    """

    kind: str
    expected: date
    lmp: date | None = None
    age_days: int | None = None
    certain: bool = True
    by: str = ""


class Accepted(Fact, frozen=True, kw_only=True):
    """The dating that a clinician took for true on the day `on`: the expected date of birth and the `kind` of evidence for it.

    `at`: the moment as written, which orders two of one day. `source`: reference to the evidence, or "".
    """

    kind: str
    expected: date
    at: str = ""
    by: str = ""
    source: str = ""


class Contact(Fact, frozen=True, kw_only=True):
    """A visit that took place. `kind`: `antenatal-contact`, `postnatal-contact`, `birth`, or "" for a visit of another kind."""

    kind: str


class Pressure(Fact, frozen=True, kw_only=True):
    """One reading of the blood pressure, mmHg. `at`: its moment, if told. `repeat`: stated to be taken again after rest."""

    systolic: Decimal | None
    diastolic: Decimal | None
    at: datetime | None = None
    repeat: bool = False


class Measure(Fact, frozen=True, kw_only=True):
    """A number of a `kind` of `STATEMENTS` or `VITAL_SIGNS`, in that concept's unit."""

    kind: str
    value: Decimal


class Sign(Fact, frozen=True, kw_only=True):
    """A finding of a `kind` of `STATEMENTS` whose `value` is the name of a concept in that kind's table of values."""

    kind: str
    value: str


class Test(Fact, frozen=True, kw_only=True):
    """A test. `kind`: `hiv`, `syphilis` or `hepatitis-b`. `result`: `positive`, `negative`, `inconclusive` or `unknown`."""

    __test__ = False  # It is no test of this program.

    kind: str
    result: str


class Dose(Fact, frozen=True, kw_only=True):
    """A medicine or vaccine given or handed out. `kind`: a name in `MEDICINES` or `VACCINES`. `days`: for how many days it lasts,
    where told."""

    kind: str
    days: int | None = None


class Outcome(Fact, frozen=True, kw_only=True):
    """How the pregnancy ended, for one baby; `on` is the day of it. `kind`: a name in `OUTCOMES`. `baby`: reference to
    the newborn's Patient, or "". `weight_g`: weight at birth in grams. `mode`: a name in `MODES`, or ""."""

    kind: str
    baby: str = ""
    weight_g: Decimal | None = None
    mode: str = ""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An illness, now or earlier. `past`: resolved, or of an earlier pregnancy. `since`: first day, if known."""

    ref: str
    kind: str
    past: bool = False
    since: date | None = None


class Medicine(msgspec.Struct, frozen=True, kw_only=True):
    """A prescription or a statement that she takes it. `kind`: a name in `MEDICINES`, or "" for another medicine. `key`: tells one
    drug from another. `active`: still to be taken. `since`, `until`: days, as far as told. `prescribed`: a prescription, not a
    statement."""

    ref: str
    kind: str
    key: str
    active: bool
    since: date | None = None
    until: date | None = None
    prescribed: bool = False


class Allergy(msgspec.Struct, frozen=True, kw_only=True):
    """An allergy that matters here. `kind`: a name in `ALLERGIES`."""

    ref: str
    kind: str


class Pregnancy(msgspec.Struct, frozen=True, kw_only=True):
    """One pregnancy with all that was stated of it.

    `id`: of its EpisodeOfCare, or of the resource by which another program told of it. `ref`: that resource. `status`: as in
    EpisodeOfCare (`active`, `finished`, …). `start`, `end`: the days of its period, where told.
    """

    id: str
    ref: str
    status: str
    start: date | None = None
    end: date | None = None
    evidence: tuple[Evidence, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    contacts: tuple[Contact, ...] = ()
    pressures: tuple[Pressure, ...] = ()
    measures: tuple[Measure, ...] = ()
    signs: tuple[Sign, ...] = ()
    tests: tuple[Test, ...] = ()
    doses: tuple[Dose, ...] = ()
    outcomes: tuple[Outcome, ...] = ()


class Newborn(msgspec.Struct, frozen=True, kw_only=True):
    """A baby, from its own record. `mothers`: references (Patient or RelatedPerson) to its mother."""

    id: str
    born: date | None
    dead: bool = False
    died: date | None = None
    mothers: tuple[str, ...] = ()
    contacts: tuple[Contact, ...] = ()
    measures: tuple[Measure, ...] = ()
    signs: tuple[Sign, ...] = ()


class Mother(msgspec.Struct, frozen=True, kw_only=True):
    """A woman and what is known of her.

    `born`: day of birth; the middle of the year or month where no more is known. `died`: the day, if `dead` and told.
    `counts`: numbers that she tells (`gravida`, `parity`, `stillbirths`, `caesareans`), each with its day.
    `tests`, `tetanus`, `groups`: of her whole life; `groups` are signs of kind `blood-group` and `rhesus`.
    `signs`: what concerns her and no single pregnancy (`tobacco`, `tetanus-history`). `visits`: every visit that took place.
    `ambiguous`: resources that may belong to more than one of her pregnancies. `unread`: resources that say something which
    could not be understood (no unit, no date).
    """

    id: str
    born: date | None = None
    dead: bool = False
    died: date | None = None
    allergies: tuple[Allergy, ...] = ()
    medicines: tuple[Medicine, ...] = ()
    problems: tuple[Problem, ...] = ()
    counts: tuple[Measure, ...] = ()
    tests: tuple[Test, ...] = ()
    tetanus: tuple[Dose, ...] = ()
    groups: tuple[Sign, ...] = ()
    signs: tuple[Sign, ...] = ()
    visits: tuple[Contact, ...] = ()
    pregnancies: tuple[Pregnancy, ...] = ()
    ambiguous: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


F = TypeVar("F", bound=Fact)
K = TypeVar("K", Measure, Sign, Test, Dose)


def ordered(facts: Iterable[F]) -> tuple[F, ...]:
    """Facts by day, then by resource, then by what they say: one order whatever the order of entry."""
    return tuple(sorted(facts, key=lambda fact: (fact.on, fact.ref, repr(fact))))


def of_kind(facts: Iterable[K], *kinds: str) -> tuple[K, ...]:
    """Those of some kinds, in the order they have."""
    return tuple(fact for fact in facts if fact.kind in kinds)


def latest(facts: Iterable[K], *kinds: str) -> K | None:
    """The last of some kinds; None if there is none. Facts come ordered."""
    found = of_kind(facts, *kinds)
    return found[-1] if found else None


LOSSES = frozenset({"miscarriage", "abortion", "ectopic"})
BIRTHS = frozenset({"live-birth", "stillbirth", "birth"})
"""`birth`: one of which another program did not say how it ended."""
NO_PREGNANCY = frozenset({"not-pregnant", "mistake"})
GONE = frozenset({"moved"})


def born_on(pregnancy: Pregnancy) -> date | None:
    """The day of the birth (the last baby's), alive or not; None while there was none."""
    days = [outcome.on for outcome in pregnancy.outcomes if outcome.kind in BIRTHS]
    return max(days, default=None)


def is_over(pregnancy: Pregnancy) -> bool:
    """Whether she is pregnant no more: a birth, a loss, or a closed episode. One that is only lost from sight goes on."""
    ended = any(
        outcome.kind in BIRTHS | LOSSES | NO_PREGNANCY | GONE | {"mother-died"} for outcome in pregnancy.outcomes
    )
    return ended or pregnancy.status in {"finished", "cancelled"}
