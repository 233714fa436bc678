"""Tests and scans: which are due, when again, and what their results ask for.

Sources: WHO ANC 2016: B1.1 (haemoglobin), B2.4 (one scan before 24 weeks), B1.7 (HIV); WHO consolidated guidelines on
HIV testing 2019, chapter 7 (HIV and syphilis as early as possible; where HIV is common again in the third trimester;
after an unclear result again in 14 days); WHO guideline on syphilis in pregnancy 2017; WHO guidelines on hepatitis B
and C testing 2017 (once in pregnancy); WHO Diagnostic criteria of hyperglycaemia first detected in pregnancy 2013
(glucose). The guideline leaves the weeks of further haemoglobin tests open: ours are the contacts at 26 and 36 weeks,
and four weeks after a value that was too low (WHO PCPNC 2015, C4). WHO SMART ANC, ANCDT07: a scan is wanted before 24
weeks; its published logic tests for the opposite of its own text, which is followed here.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from edge_node.maternal.anaemia import anaemia
from edge_node.maternal.course import Course, Due, late_from
from edge_node.maternal.facts import Mother, Pregnancy, Test, latest, of_kind
from edge_node.maternal.findings import Finding, finding
from edge_node.programme import Programme

_WITHIN: Final = timedelta(days=28)
"""A first test is overdue four weeks after the pregnancy became known."""
_AGAIN: Final = timedelta(days=14)
HAEMOGLOBIN_WEEKS: Final = (0, 26, 36)


def tests_due(mother: Mother, at: Course, programme: Programme) -> Iterator[Due]:
    """HIV, syphilis and hepatitis B: the first in this pregnancy, again after an unclear result, again in the third trimester."""
    for kind in ("hiv", "syphilis", "hepatitis-b"):
        every = of_kind(mother.tests, kind)
        if _is_known(mother, kind, every if kind != "syphilis" else _during(every, at)):
            continue
        during = [test for test in _during(every, at) if test.result in {"negative", "inconclusive"}]
        if not during:
            yield _test(at, kind, 1, at.since, at.since + _WITHIN)
        elif during[-1].result == "inconclusive":
            again = during[-1].on + _AGAIN
            yield _test(at, kind, 2, again, again + _AGAIN)
        elif kind != "hepatitis-b" and programme.hiv_common:
            yield from _third_trimester(at, kind, during[-1])


def _is_known(mother: Mother, kind: str, tests: tuple[Test, ...]) -> bool:
    """Found positive, or on her list of illnesses."""
    return any(test.result == "positive" for test in tests) or (kind == "hiv" and bool(hiv_positive(mother)))


def hiv_positive(mother: Mother) -> tuple[str, ...]:
    """The resources that say that she has HIV, the test last: a positive one or an illness on her list. None if nothing does."""
    ill = [each.ref for each in mother.problems if each.kind == "hiv" and not each.past]
    return (*ill, *(test.ref for test in of_kind(mother.tests, "hiv") if test.result == "positive"))


def _third_trimester(at: Course, kind: str, last: Test) -> Iterator[Due]:
    third, late = at.day(28), at.day(36)
    if third is not None and late is not None and last.on < third:
        from_day = max(third, at.since)
        yield _test(at, kind, 2, from_day, late_from(late, from_day, at.until))


def _during(tests: tuple[Test, ...], at: Course) -> tuple[Test, ...]:
    return tuple(test for test in tests if test.on >= at.lmp)


def _test(at: Course, kind: str, number: int, from_day: date, late: date) -> Due:
    return Due(
        kind=f"{kind}-test", of=at.pregnancy.ref, number=number, due_from=from_day, overdue_from=late, ends=at.until
    )


def blood_group_due(mother: Mother, at: Course) -> Iterator[Due]:
    """Blood group and rhesus factor, once in her life."""
    known = {sign.kind for sign in mother.groups} | {"rhesus" for sign in mother.groups if sign.value[-1] in "+-"}
    if not {"blood-group", "rhesus"} <= known:
        yield Due(
            kind="blood-group", of=at.pregnancy.ref, due_from=at.since, overdue_from=at.since + _WITHIN, ends=at.until
        )


def haemoglobin_due(mother: Mother, at: Course, programme: Programme) -> Iterator[Due]:
    """Haemoglobin at once, at 26 and 36 weeks, and four weeks after anaemia was found. One test from two weeks before counts."""
    days = [each.on for each in of_kind(at.pregnancy.measures, "haemoglobin")]
    severity, _ = anaemia(mother, at.pregnancy, programme)
    if days and severity != "none":
        yield _haemoglobin(at, len(days) + 1, max(days) + _WITHIN)
        return
    planned = [max(at.since, at.day(week) or at.since) for week in HAEMOGLOBIN_WEEKS if week == 0 or at.used]
    for index, day in enumerate(planned):
        begin = date.min if index == 0 else day - _AGAIN
        if not any(test >= begin for test in days):
            yield _haemoglobin(at, index + 1, day)
            return


def _haemoglobin(at: Course, number: int, day: date) -> Due:
    return Due(
        kind="haemoglobin", of=at.pregnancy.ref, number=number, due_from=day, overdue_from=day + _WITHIN, ends=at.until
    )


def scan_due(at: Course) -> Iterator[Due]:
    """One scan before 24 weeks."""
    last = at.day(24)
    done = any(each.kind == "ultrasound" for each in at.pregnancy.evidence) or of_kind(at.pregnancy.signs, "ultrasound")
    if last is not None and not done and at.since < last:
        late = late_from(at.day(20) or last, at.since, last)
        yield Due(kind="scan", of=at.pregnancy.ref, due_from=at.since, overdue_from=late, ends=last)


def glucose_due(mother: Mother, at: Course) -> Iterator[Due]:
    """A glucose test at 24 to 28 weeks for one who had diabetes of pregnancy before; for others it is the clinic's choice."""
    first, late, last = at.day(24), at.day(28), at.day(34)
    risk = any(each.kind == "gestational-diabetes" and each.past for each in mother.problems)
    done = of_kind(at.pregnancy.measures, *_GLUCOSE)
    if risk and not done and first is not None and late is not None and last is not None and at.since < last:
        from_day = max(first, at.since)
        overdue = late_from(late, from_day, last)
        yield Due(kind="glucose", of=at.pregnancy.ref, due_from=from_day, overdue_from=overdue, ends=last)


_GLUCOSE: Final = {
    "fasting-glucose": (Decimal("5.1"), Decimal("7.0")),
    "glucose-one-hour": (Decimal("10.0"), None),
    "glucose-two-hours": (Decimal("8.5"), Decimal("11.1")),
    "random-glucose": (None, Decimal("11.1")),
}
"""mmol/L in plasma from which it is diabetes of pregnancy, and from which it is diabetes (WHO 2013, recommendations 1 and 2)."""


def result_findings(mother: Mother, pregnancy: Pregnancy) -> Iterator[Finding]:
    """What results ask for: treatment and follow-up here. HIV and hepatitis B for life, syphilis of this pregnancy."""
    if hiv_positive(mother):
        yield finding("hiv-positive", "manage", None, hiv_positive(mother))
    for kind, tests in (("hepatitis-b", mother.tests), ("syphilis", pregnancy.tests)):
        positive = [test for test in of_kind(tests, kind) if test.result == "positive"]
        if positive:
            yield finding(f"{kind}-positive", "manage", positive[-1].on, [positive[-1].ref])
    if any(sign.value.endswith("-") for sign in mother.groups):
        yield finding(
            "rhesus-negative", "manage", None, [sign.ref for sign in mother.groups if sign.value.endswith("-")]
        )
    yield from _sugar(pregnancy)


def _sugar(pregnancy: Pregnancy) -> Iterator[Finding]:
    for kind, (gestational, diabetes) in _GLUCOSE.items():
        last = latest(pregnancy.measures, kind)
        if last is None:
            continue
        if diabetes is not None and last.value >= diabetes:
            yield finding("diabetes", "manage", last.on, [last.ref], glucose=last.value)
        elif gestational is not None and last.value >= gestational:
            yield finding("gestational-diabetes", "manage", last.on, [last.ref], glucose=last.value)
