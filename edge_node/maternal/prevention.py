"""Medicines that prevent: iron and folic acid, preventive treatment of malaria, calcium, aspirin, treatment against worms.

Sources: WHO ANC 2016, recommendations A.2.1 (iron 30 to 60 mg and folic acid 0.4 mg daily; 60 mg where at least 40 %
are anaemic; 120 mg until a haemoglobin that was too low is normal), A.3 (calcium 1.5 to 2 g daily where the diet has
little), C.4 (worms: one dose after the first trimester), C.6 (sulfadoxine-pyrimethamine from the second trimester, at
least one month apart, at least three doses). Four weeks are taken for the month: the same guideline's contacts at 26
and 30 weeks each have a dose. WHO policy brief on IPTp-SP 2014, p. 4: never with co-trimoxazole, nor with an allergy to
sulfa; not in the first trimester; up to the birth. Aspirin 75 mg from 12 weeks in women at high risk of pre-eclampsia:
WHO recommendations on prevention and treatment of pre-eclampsia 2011, no. 5, and on antiplatelet agents 2021 (begun
before 20 weeks).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from edge_node.maternal.anaemia import anaemia
from edge_node.maternal.course import Course, Due, late_from
from edge_node.maternal.facts import Dose, Mother, Pregnancy, latest, of_kind
from edge_node.maternal.findings import Finding, finding
from edge_node.maternal.screening import hiv_positive
from edge_node.programme import Programme

SP: Final = "sulfadoxine-pyrimethamine"
SP_FROM_WEEK: Final = 13
SP_APART: Final = timedelta(days=28)
SP_AT_LEAST: Final = 3
SUPPLY_DAYS: Final = 30
"""How long a supply lasts where nobody wrote it."""
ASPIRIN_REASONS: Final = frozenset(
    {"hypertension", "diabetes", "kidney-disease", "autoimmune-disease", "multiple-pregnancy"}
)
PAST_REASONS: Final = frozenset({"pre-eclampsia", "severe-pre-eclampsia", "eclampsia"})
_TWO_WEEKS: Final = timedelta(days=14)


def sp_barred(mother: Mother) -> tuple[str, tuple[str, ...]]:
    """Why she must not have sulfadoxine-pyrimethamine (`co-trimoxazole`, `sulfa-allergy`; "" if she may), and the resources."""
    taken = tuple(each.ref for each in mother.medicines if each.kind == "co-trimoxazole" and each.active)
    allergic = tuple(each.ref for each in mother.allergies if each.kind == "sulfa")
    if allergic:
        return "sulfa-allergy", allergic
    return ("co-trimoxazole", taken) if taken else ("", ())


def malaria_due(mother: Mother, at: Course, programme: Programme) -> Iterator[Due]:
    """The next dose of sulfadoxine-pyrimethamine. None while the pregnancy is not dated: it must not be given before 13 weeks."""
    first = at.day(SP_FROM_WEEK)
    if not programme.malaria or first is None or at.used is None or sp_barred(mother)[0]:
        return
    given = of_kind(at.pregnancy.doses, SP)
    from_day = max(first, at.since, *(dose.on + SP_APART for dose in given))
    if from_day < at.used.expected:
        late = from_day + (SP_APART if not given else _TWO_WEEKS)
        number = len({dose.on for dose in given}) + 1
        yield Due(kind="iptp", of=at.pregnancy.ref, number=number, due_from=from_day, overdue_from=late, ends=at.until)


def iron_mg(programme: Programme) -> int:
    """How much iron a day is given to who is not anaemic (WHO ANC 2016, A.2.1)."""
    return 60 if programme.anaemia_common else 30


def iron_due(mother: Mother, at: Course, programme: Programme) -> Iterator[Due]:
    """Iron and folic acid: at once, and again when the supply is used up, with the daily amount."""
    if any(allergy.kind == "iron" for allergy in mother.allergies):
        return
    anaemic = anaemia(mother, at.pregnancy, programme)[0] != "none"
    amount = "120" if anaemic else str(iron_mg(programme))
    yield from _supply(
        at, ("iron-folate", "iron"), "iron-folate", at.since, at.until, (("iron_mg", amount), ("folic_acid_mg", "0.4"))
    )


def calcium_due(mother: Mother, at: Course, programme: Programme) -> Iterator[Due]:
    """Calcium from 20 weeks where the diet has little."""
    first = at.day(20)
    if programme.calcium_low and first is not None and not any(each.kind == "calcium" for each in mother.allergies):
        yield from _supply(at, ("calcium",), "calcium", max(first, at.since), at.until, (("grams", "1.5"),))


def aspirin_reasons(mother: Mother, pregnancy: Pregnancy) -> tuple[str, ...]:
    """Why she is at high risk of pre-eclampsia, by names of conditions; any one is enough."""
    now = {each.kind for each in mother.problems if each.kind in ASPIRIN_REASONS and not each.past}
    before = {each.kind for each in mother.problems if each.kind in PAST_REASONS and each.past}
    fetuses = latest(pregnancy.measures, "fetuses")
    twins = {"multiple-pregnancy"} if fetuses is not None and fetuses.value > 1 else set()
    return tuple(sorted(now | before | twins))


def aspirin_due(mother: Mother, at: Course) -> Iterator[Due]:
    """Aspirin from 12 weeks, to be begun before 20, where the risk is high."""
    first, last = at.day(12), at.day(20)
    if first is None or last is None or any(each.kind == "aspirin" for each in mother.allergies):
        return
    reasons = aspirin_reasons(mother, at.pregnancy)
    begun = of_kind(at.pregnancy.doses, "aspirin") or any(
        each.kind == "aspirin" and each.active for each in mother.medicines
    )
    if reasons and not begun and at.since < last:
        from_day = max(first, at.since)
        late = late_from(at.day(16) or first, from_day, last)
        yield Due(
            kind="aspirin",
            of=at.pregnancy.ref,
            due_from=from_day,
            overdue_from=late,
            ends=last,
            params=(("milligrams", "75"), ("reason", reasons[0])),
        )


def worms_due(mother: Mother, at: Course, programme: Programme) -> Iterator[Due]:
    """One dose of albendazole 400 mg or mebendazole 500 mg after the first trimester, whichever she is not allergic to."""
    first = at.day(13)
    allergic = {allergy.kind for allergy in mother.allergies}
    drug = next((each for each in ("albendazole", "mebendazole") if each not in allergic), "")
    if not programme.worms or first is None or not drug:
        return
    if any(dose.on >= first for dose in of_kind(at.pregnancy.doses, "albendazole", "mebendazole")):
        return
    from_day = max(first, at.since)
    late = late_from(at.day(24) or first, from_day, at.until)
    yield Due(
        kind="worms",
        of=at.pregnancy.ref,
        due_from=from_day,
        overdue_from=late,
        ends=at.until,
        params=(("medicine", drug),),
    )


def _supply(
    at: Course, kinds: tuple[str, ...], kind: str, begin: date, until: date, params: tuple[tuple[str, str], ...]
) -> Iterator[Due]:
    """Due from `begin`, and again from the day on which the last supply is used up."""
    handed: tuple[Dose, ...] = of_kind(at.pregnancy.doses, *kinds)
    ends = [dose.on + timedelta(dose.days or SUPPLY_DAYS) for dose in handed]
    from_day = max([begin, *ends])
    birth = at.used.expected if at.used else until
    if from_day < birth:
        yield Due(
            kind=kind,
            of=at.pregnancy.ref,
            number=len(handed) + 1,
            due_from=from_day,
            overdue_from=from_day + _TWO_WEEKS,
            ends=until,
            params=params,
        )


def prevention_findings(mother: Mother, at: Course, programme: Programme) -> Iterator[Finding]:
    """What must not be given, and what was given at a wrong time."""
    reason, refs = sp_barred(mother)
    if programme.malaria and reason:
        yield finding(f"no-sp-{reason}", "inform", None, refs)
    elif programme.malaria and hiv_positive(mother):
        # WHO gives co-trimoxazole to most people with HIV; here nobody has written whether she takes it.
        yield finding("ask-co-trimoxazole", "manage", None, hiv_positive(mother))
    given = of_kind(at.pregnancy.doses, SP)
    if reason and given:
        yield finding("sp-though-barred", "manage", given[-1].on, [*refs, given[-1].ref], reason=reason)
    first = at.day(SP_FROM_WEEK)
    for dose in given:
        if first is not None and dose.on < first:
            yield finding("sp-too-early", "inform", dose.on, [dose.ref])
    for before, after in pairwise(given):
        if timedelta(0) < after.on - before.on < SP_APART:
            yield finding("sp-too-soon", "inform", after.on, [before.ref, after.ref], days=(after.on - before.on).days)
    for dose in of_kind(at.pregnancy.doses, "albendazole", "mebendazole"):
        if first is not None and dose.on < first:
            yield finding("worms-too-early", "inform", dose.on, [dose.ref])
    for kind in sorted({each.kind for each in mother.allergies} & {"iron", "aspirin", "calcium"}):
        yield finding(
            "allergy-to-prevention", "inform", None, [a.ref for a in mother.allergies if a.kind == kind], medicine=kind
        )
