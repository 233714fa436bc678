"""Why a pregnancy is at high risk: reasons, each with the resource that says so.

Sources: WHO Pregnancy, childbirth, postpartum and newborn care (PCPNC) 2015, B3 and C2 "Assess the pregnant woman": prior
caesarean section, forceps, stillbirth or death of a baby on the first day, third degree tear, convulsions, heavy bleeding, age under
16 (here 18, as in WHO ANC 2016's adolescents) or a first birth over 35, more than five births, several babies, lying across or bottom
down late, HIV, chronic illness. Present findings that refer or need treatment are reasons too.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from edge_node.maternal.course import Course, months_later
from edge_node.maternal.facts import Mother, Pregnancy, Problem, latest, of_kind
from edge_node.maternal.findings import Finding, Param


class Risk(msgspec.Struct, frozen=True, kw_only=True):
    """One reason. `code`: a key of `edge_node.maternal.texts.RISKS`."""

    code: str
    params: tuple[tuple[str, Param], ...] = ()
    refs: tuple[str, ...] = ()


YOUNG_BELOW: Final = 18
OLD_FROM: Final = 35
BIRTHS_FROM: Final = 5
_PAST: Final = frozenset(
    {
        "pre-eclampsia",
        "severe-pre-eclampsia",
        "eclampsia",
        "heavy-bleeding",
        "early-neonatal-death",
        "deep-tear",
        "convulsions",
    }
) | {"gestational-diabetes"}
_NOW: Final = frozenset(
    {
        "hypertension",
        "diabetes",
        "kidney-disease",
        "autoimmune-disease",
        "blood-disorder",
        "epilepsy",
        "heart-disease",
        "tuberculosis",
    }
) | {
    "multiple-pregnancy",
    "pre-eclampsia",
    "severe-pre-eclampsia",
    "eclampsia",
    "pregnancy-hypertension",
    "gestational-diabetes",
}
_FINDINGS: Final = frozenset(
    {
        "hiv-positive",
        "hepatitis-b-positive",
        "syphilis-positive",
        "rhesus-negative",
        "hypertension",
        "pressure-again",
        "diabetes",
    }
) | {"gestational-diabetes"}
"""Findings that are managed here, and make the pregnancy one at risk. All that refer do."""


def risks(mother: Mother, at: Course, found: Iterable[Finding]) -> tuple[Risk, ...]:
    """All reasons, each once, by code. `found`: the present findings of the pregnancy."""
    every = {
        *_of_age(mother, at),
        *_of_history(mother),
        *_of_illness(mother),
        *_of_this(at.pregnancy),
        *_of_findings(found),
    }
    return tuple(sorted(every, key=lambda each: (each.code, repr(each))))


def _of_age(mother: Mother, at: Course) -> Iterator[Risk]:
    """Her age at the expected birth."""
    if mother.born is None or at.used is None:
        return
    birth = at.used.expected
    years = birth.year - mother.born.year - (months_later(mother.born, 12 * (birth.year - mother.born.year)) > birth)
    if years < YOUNG_BELOW:
        yield Risk(code="young", params=(("years", years),))
    elif years >= OLD_FROM:
        yield Risk(code="older", params=(("years", years),))


def _of_history(mother: Mother) -> Iterator[Risk]:
    limits = {"parity": (BIRTHS_FROM, "many-births"), "caesareans": (1, "caesarean"), "stillbirths": (1, "stillbirth")}
    for kind, (least, code) in limits.items():
        told = latest(mother.counts, kind)
        if told is not None and told.value >= least:
            yield Risk(code=code, params=(("number", int(told.value)),), refs=(told.ref,))
    yield from _problems("past", [each for each in mother.problems if each.past and each.kind in _PAST])


def _of_illness(mother: Mother) -> Iterator[Risk]:
    yield from _problems("illness", [each for each in mother.problems if not each.past and each.kind in _NOW])


def _problems(code: str, problems: list[Problem]) -> Iterator[Risk]:
    for kind in sorted({each.kind for each in problems}):
        refs = tuple(sorted(each.ref for each in problems if each.kind == kind))
        yield Risk(code=code, params=(("condition", kind),), refs=refs)


def _of_this(pregnancy: Pregnancy) -> Iterator[Risk]:
    fetuses = latest(pregnancy.measures, "fetuses")
    if fetuses is not None and fetuses.value > 1:
        yield Risk(code="several-babies", params=(("number", int(fetuses.value)),), refs=(fetuses.ref,))
    lies = latest(of_kind(pregnancy.signs, "presentation"), "presentation")
    if lies is not None and lies.value in {"breech", "across"}:
        yield Risk(code="presentation", params=(("presentation", lies.value),), refs=(lies.ref,))


def _of_findings(found: Iterable[Finding]) -> Iterator[Risk]:
    for each in found:
        if each.degree == "refer" or each.code in _FINDINGS:
            yield Risk(code="finding", params=(("finding", each.code), *each.params), refs=each.refs)
