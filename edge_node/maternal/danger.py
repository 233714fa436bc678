"""Danger signs: any one refers at once.

Sources: the thirteen of pregnancy: WHO SMART ANC, ANCDT01 (rapid assessment). After birth: WHO recommendations on
postnatal care of the mother and newborn 2013, recommendations 2 and 9, kept by WHO recommendations on maternal and
newborn care for a positive postnatal experience 2022.
"""

from collections.abc import Iterable, Iterator

from edge_node.maternal.facts import BIRTHS, LOSSES, NO_PREGNANCY, Newborn, Pregnancy, Sign, of_kind
from edge_node.maternal.findings import Finding, finding


def last_check(signs: Iterable[Sign], kind: str) -> tuple[Sign, ...]:
    """All signs of the last day on which this was looked at, "none" among them. Earlier ones are over by then."""
    found = of_kind(signs, kind)
    return tuple(each for each in found if each.on == found[-1].on) if found else ()


def present(signs: Iterable[Sign], kind: str) -> tuple[Sign, ...]:
    """The danger signs of the last check. Where "none" and a sign were stated on one day, the sign stands."""
    return tuple(each for each in last_check(signs, kind) if each.value != "none")


def dangers(pregnancy: Pregnancy) -> Iterator[Finding]:
    """A finding for each danger sign of the mother that was there when it was last looked for, in pregnancy and after birth.

    Looking for those after birth, be it on the same day, is looking again; and what was found of an unborn baby ends with its birth.
    """
    after = last_check(pregnancy.signs, "postnatal-danger-signs")
    for kind in ("danger-signs", "postnatal-danger-signs"):
        for sign in present(pregnancy.signs, kind):
            if kind == "postnatal-danger-signs" or not after or after[-1].on < sign.on:
                yield finding(kind, "refer", sign.on, [sign.ref], sign=sign.value)
    if not any(outcome.kind in BIRTHS | LOSSES | NO_PREGNANCY for outcome in pregnancy.outcomes):
        yield from _unborn(pregnancy)


def newborn_dangers(newborn: Newborn) -> Iterator[Finding]:
    """A finding for each danger sign of a baby that was there when it was last looked for."""
    if newborn.dead:
        return
    for sign in present(newborn.signs, "newborn-danger-signs"):
        yield finding("newborn-danger-signs", "refer", sign.on, [sign.ref], sign=sign.value)


def _unborn(pregnancy: Pregnancy) -> Iterator[Finding]:
    """The baby does not move, its heart is not heard, or beats too slowly or fast.

    No movements or no heartbeat refer. Normal heart rate 110 to 160 a minute (WHO recommendations on intrapartum care
    2018, WHO Labour Care Guide 2020, section 3: alert below 110 and from 160).
    """
    for sign in last_check(pregnancy.signs, "fetal-movement"):
        if sign.value in {"none", "reduced"}:
            yield finding(f"movement-{sign.value}", "refer", sign.on, [sign.ref])
    for sign in last_check(pregnancy.signs, "fetal-heartbeat"):
        if sign.value == "no":
            yield finding("no-heartbeat", "refer", sign.on, [sign.ref])
    rates = of_kind(pregnancy.measures, "fetal-heart-rate")
    for rate in (each for each in rates if each.on == rates[-1].on):
        if not 110 <= rate.value < 160:
            yield finding("heart-rate", "refer", rate.on, [rate.ref], rate=rate.value)
