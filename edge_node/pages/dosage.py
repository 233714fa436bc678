"""How a medicine is to be taken, in words. The prescriber's own text stands before all; without it, what is coded is said.

Source: https://hl7.org/fhir/R4/dosage.html, https://hl7.org/fhir/R4/datatypes.html#Timing
"""

from typing import Any

from edge_node.pages import dates, words
from edge_node.pages.words import Object, concept, first, joined, objects, quantity, range_, text

_ONCE = {("1", "1", "d"): "once a day", ("2", "1", "d"): "twice a day", ("1", "1", "wk"): "once a week"}
_UNITS = {"s": "second", "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year"}
_DAYS = {"mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday"} | {
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}
_WHEN = {
    "MORN": "in the morning",
    "AFT": "in the afternoon",
    "EVE": "in the evening",
    "NIGHT": "at night",
    "NOON": "at noon",
    "HS": "before sleep",
    "WAKE": "after waking",
    "C": "with meals",
    "CM": "with breakfast",
    "CD": "with lunch",
    "CV": "with dinner",
    "AC": "before meals",
    "PC": "after meals",
    "ACM": "before breakfast",
    "ACV": "before dinner",
    "PCM": "after breakfast",
    "PCV": "after dinner",
}


def dosages(value: Any) -> str:
    """All of a prescription's steps, in their order."""
    steps = objects(value)
    return joined((dosage(step) for step in steps), "; then ")


def dosage(step: Object) -> str:
    """One step: `1 tablet, oral, 3 times a day for 7 days, as needed for pain, at most 4 g per day`."""
    told = text(step.get("text")) or text(step.get("patientInstruction"))
    if told:
        return told
    dose = first(step.get("doseAndRate"))
    amount = quantity(dose.get("doseQuantity")) or range_(dose.get("doseRange")) or quantity(step.get("dose"))
    if amount.isdigit():
        amount = f"{amount} at a time"
    rate = quantity(dose.get("rateQuantity")) or words.ratio(dose.get("rateRatio")) or range_(dose.get("rateRange"))
    most = words.ratio(step.get("maxDosePerPeriod")) or quantity(step.get("maxDosePerAdministration"))
    return joined(
        [
            amount,
            f"at {rate}" if rate else "",
            concept(step.get("route")),
            concept(step.get("site")),
            timing(first(step.get("timing"))),
            _as_needed(step),
            concept(step.get("additionalInstruction")),
            f"at most {most}" if most else "",
        ]
    )


def _as_needed(step: Object) -> str:
    reason = concept(step.get("asNeededCodeableConcept"))
    if reason:
        return f"as needed for {reason}"
    return "as needed" if step.get("asNeededBoolean") is True else ""


def timing(value: Object) -> str:
    """`3 times a day for 7 days`, `every 4 to 6 hours`, `on Monday at 09:00`."""
    repeat = first(value.get("repeat"))
    listed = [text(entry)[:5] for entry in _listed(repeat.get("timeOfDay"))]
    return joined(
        [
            _rhythm(repeat) or ("" if repeat else concept(value.get("code"))),
            joined((_WHEN.get(text(entry), "") for entry in _listed(repeat.get("when"))), " and "),
            _on("on ", [_DAYS.get(text(entry), "") for entry in _listed(repeat.get("dayOfWeek"))]),
            _on("at ", listed),
            _bounds(repeat),
            _on("on ", [dates.day_and_time(entry) for entry in _listed(value.get("event"))]),
        ],
        " ",
    )


def _on(word: str, entries: list[str]) -> str:
    together = joined(entries, " and ")
    return word + together if together else ""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _rhythm(repeat: Object) -> str:
    often, most = text(repeat.get("frequency")) or "1", text(repeat.get("frequencyMax"))
    every, longest = text(repeat.get("period")), text(repeat.get("periodMax"))
    unit = _UNITS.get(text(repeat.get("periodUnit")), "")
    if not every or not unit:
        count = text(repeat.get("count"))
        return ("once" if count == "1" else f"{count} times") if count else ""
    usual = _ONCE.get((often, every, text(repeat.get("periodUnit"))))
    if usual and not most and not longest:
        return usual
    times = f"{often} to {most} times" if most else "once" if often == "1" else f"{often} times"
    if every == "1" and not longest:
        return f"{times} {'an' if unit == 'hour' else 'a'} {unit}"
    gap = f"every {every} to {longest} {unit}s" if longest else f"every {every} {unit}s"
    return gap if often == "1" and not most else f"{times} {gap}"


def _bounds(repeat: Object) -> str:
    length = quantity(repeat.get("boundsDuration"))
    if length:
        return f"for {length}"
    span = dates.period(repeat.get("boundsPeriod"))
    if span:
        return span if span.startswith(("since", "until")) else f"from {span}"
    between = range_(repeat.get("boundsRange"))
    return f"for {between}" if between else ""
