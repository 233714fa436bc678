"""How a medicine is to be taken, in words. The prescriber's own text stands before all; without it, what is coded is said.

Source: https://hl7.org/fhir/R4/dosage.html, https://hl7.org/fhir/R4/datatypes.html#Timing
"""

from datetime import date, timedelta
from typing import Any

from edge_node.language import C_, Text, _, clinical
from edge_node.pages import dates, words
from edge_node.pages.words import Object, concept, first, joined, objects, quantity, range_, text

_ONCE = {
    ("1", "1", "d"): C_("once a day"),
    ("2", "1", "d"): C_("twice a day"),
    ("1", "1", "wk"): C_("once a week"),
}
_A = {
    "s": C_("%(times)s a second"),
    "min": C_("%(times)s a minute"),
    "h": C_("%(times)s an hour"),
    "d": C_("%(times)s a day"),
    "wk": C_("%(times)s a week"),
    "mo": C_("%(times)s a month"),
    "a": C_("%(times)s a year"),
}
_EVERY = {
    "s": C_("every %(number)s seconds"),
    "min": C_("every %(number)s minutes"),
    "h": C_("every %(number)s hours"),
    "d": C_("every %(number)s days"),
    "wk": C_("every %(number)s weeks"),
    "mo": C_("every %(number)s months"),
    "a": C_("every %(number)s years"),
}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_A_MONDAY = date(2024, 1, 1)
_WHEN = {
    "MORN": C_("in the morning"),
    "AFT": C_("in the afternoon"),
    "EVE": C_("in the evening"),
    "NIGHT": C_("at night"),
    "NOON": C_("at noon"),
    "HS": C_("before sleep"),
    "WAKE": C_("after waking"),
    "C": C_("with meals"),
    "CM": C_("with breakfast"),
    "CD": C_("with lunch"),
    "CV": C_("with dinner"),
    "AC": C_("before meals"),
    "PC": C_("after meals"),
    "ACM": C_("before breakfast"),
    "ACV": C_("before dinner"),
    "PCM": C_("after breakfast"),
    "PCV": C_("after dinner"),
}


def dosages(value: Any) -> str:
    """All of a prescription's steps, in their order."""
    steps = objects(value)
    return joined((dosage(step) for step in steps), f"; {clinical('then')} ")


def dosage(step: Object) -> str:
    """One step: `1 tablet, oral, 3 times a day for 7 days, as needed for pain, at most 4 g per day`."""
    told = text(step.get("text")) or text(step.get("patientInstruction"))
    if told:
        return told
    dose = first(step.get("doseAndRate"))
    amount = quantity(dose.get("doseQuantity")) or range_(dose.get("doseRange")) or quantity(step.get("dose"))
    if amount.isdigit():
        amount = clinical("%(amount)s at a time", amount=amount)
    rate = quantity(dose.get("rateQuantity")) or words.ratio(dose.get("rateRatio")) or range_(dose.get("rateRange"))
    most = words.ratio(step.get("maxDosePerPeriod")) or quantity(step.get("maxDosePerAdministration"))
    return joined(
        [
            amount,
            clinical("at %(rate)s", rate=rate) if rate else "",
            concept(step.get("route")),
            concept(step.get("site")),
            timing(first(step.get("timing"))),
            _as_needed(step),
            concept(step.get("additionalInstruction")),
            clinical("at most %(amount)s", amount=most) if most else "",
        ]
    )


def _as_needed(step: Object) -> str:
    reason = concept(step.get("asNeededCodeableConcept"))
    if reason:
        return clinical("as needed for %(reason)s", reason=reason)
    return clinical("as needed") if step.get("asNeededBoolean") is True else ""


def timing(value: Object) -> str:
    """`3 times a day for 7 days`, `every 4 to 6 hours`, `on Monday at 09:00`."""
    repeat = first(value.get("repeat"))
    listed = [text(entry)[:5] for entry in _listed(repeat.get("timeOfDay"))]
    return joined(
        [
            _rhythm(repeat) or ("" if repeat else concept(value.get("code"))),
            joined((str(_WHEN.get(text(entry), "")) for entry in _listed(repeat.get("when"))), f" {_('and')} "),
            _on(_ON, [_weekday(text(entry)) for entry in _listed(repeat.get("dayOfWeek"))]),
            _on(_AT, listed),
            _bounds(repeat),
            _on(_ON, [dates.day_and_time(entry) for entry in _listed(value.get("event"))]),
        ],
        " ",
    )


_ON, _AT = C_("on %(days)s"), C_("at %(days)s")


def _on(around: Text, entries: list[str]) -> str:
    together = joined(entries, f" {_('and')} ")
    return str(around.of(days=together)) if together else ""


def _weekday(code: str) -> str:
    return dates.weekday(_A_MONDAY + timedelta(days=_DAYS.index(code))) if code in _DAYS else ""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _rhythm(repeat: Object) -> str:
    often, most = text(repeat.get("frequency")) or "1", text(repeat.get("frequencyMax"))
    every, longest = text(repeat.get("period")), text(repeat.get("periodMax"))
    unit = text(repeat.get("periodUnit"))
    if not every or unit not in _EVERY:
        count = text(repeat.get("count"))
        return _times(count, "") if count else ""
    usual = _ONCE.get((often, every, unit))
    if usual and not most and not longest:
        return str(usual)
    times = _times(often, most)
    if every == "1" and not longest:
        return str(_A[unit].of(times=times))
    number = _("%(low)s to %(high)s", low=every, high=longest) if longest else every
    gap = str(_EVERY[unit].of(number=number))
    return gap if often == "1" and not most else f"{times} {gap}"


def _times(often: str, most: str) -> str:
    if not most and often == "1":
        return clinical("once")
    number = _("%(low)s to %(high)s", low=often, high=most) if most else often
    return clinical("%(number)s times", number=number)


def _bounds(repeat: Object) -> str:
    length = quantity(repeat.get("boundsDuration"))
    if length:
        return clinical("for %(time)s", time=length)
    span = dates.period(repeat.get("boundsPeriod"))
    if span:
        ends = first(repeat.get("boundsPeriod"))
        return clinical("from %(period)s", period=span) if ends.get("start") and ends.get("end") else span
    between = range_(repeat.get("boundsRange"))
    return clinical("for %(time)s", time=between) if between else ""
