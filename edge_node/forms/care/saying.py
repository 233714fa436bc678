"""What all forms of the record write in the same way: status, notes, the visit, who says it, when.

Sources: FHIR R4 (https://hl7.org/fhir/R4/), profiles of vital signs (https://hl7.org/fhir/R4/observation-vitalsigns.html).
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from edge_node.concepts import Concept, codeable, quantity
from edge_node.errors import NotFound
from edge_node.forms.answers import Answers, Dated
from edge_node.forms.context import Context, Held, create, without_empty
from edge_node.forms.registration import is_estimated
from edge_node.maternal.reading import VOID, about_day, coded, state, target, whole_day
from edge_node.store.model import Write

TERMS: Final = "http://terminology.hl7.org/CodeSystem/"
OPENS: Final = time(8)
"""FHIR wants a time of day of an appointment. Who is given a day comes in the morning."""
LASTS: Final = timedelta(minutes=30)
GUESSED_YEARS: Final = 10
"""So far an age that was guessed may be wrong."""


def term(system: str, code: str, text: str = "") -> dict[str, Any]:
    """A CodeableConcept of one of HL7's own code systems, by the end of its address."""
    return without_empty({"coding": [{"system": TERMS + system, "code": code}], "text": text})


def moment_of(context: Context, dated: Dated | None) -> str:
    """When something was, as a FHIR dateTime: now, where no day or today was given; of another day no more is known than was typed."""
    if dated is None or dated.text == context.today.isoformat():
        return context.moment
    return dated.text


def by(context: Context) -> dict[str, str]:
    """Who writes, as a Reference without address: people at a clinic are users, not Practitioners."""
    return {"display": context.author.user}


def note(context: Context, *texts: str) -> list[dict[str, Any]]:
    """Annotations with who and when; of empty texts none."""
    return [{"authorString": context.author.user, "time": context.moment, "text": text} for text in texts if text]


def visit_of_today(context: Context) -> dict[str, Any]:
    """`{"encounter": …}` of the visit that took place today, the last one where there are several; empty without one.

    What is written while she is here belongs to her visit, and nobody has to say so.
    """
    today = [each for each in context.of_type("Encounter") if _is_of(each, context.today)]
    latest = max(today, key=lambda each: (str((each.resource.get("period") or {}).get("start")), each.id), default=None)
    return {"encounter": {"reference": latest.reference}} if latest is not None else {}


def _is_of(encounter: Held, day: date) -> bool:
    began = (encounter.resource.get("period") or {}).get("start")
    return state(encounter.resource) not in VOID and whole_day(began) == day


def observation(
    context: Context, concept: Concept, category: str, at: str, visit: dict[str, Any], **members: Any
) -> Write:
    """An Observation of her. `category`: a code of observation-category; `at`: a FHIR dateTime; `visit`: as `visit_of_today` has it."""
    body = {
        "status": "final",
        "category": [term("observation-category", category)],
        "code": codeable(concept),
        "subject": context.subject,
        "effectiveDateTime": at,
        "performer": [by(context)],
        **visit,
        **members,
    }
    return create("Observation", context.new_id(), body)


def measurement(
    context: Context, concept: Concept, value: Decimal, category: str, at: str, visit: dict[str, Any], **members: Any
) -> Write:
    """An Observation of a number in its concept's unit."""
    return observation(context, concept, category, at, visit, valueQuantity=quantity(value, concept), **members)


def appointment(context: Context, on: date, at: str = "", what: str = "") -> Write:
    """An Appointment on a day, at a time ("14:05") where one was given. Source: FHIR R4 Appointment, app-3."""
    body = {
        "status": "booked",
        "description": what,
        **times(context, on, at),
        "created": context.moment,
        "participant": [{"actor": context.subject, "status": "accepted"}],
    }
    return create("Appointment", context.new_id(), body)


def times(context: Context, on: date, at: str = "") -> dict[str, str]:
    """Begin and end of an appointment."""
    begin = datetime.combine(on, time.fromisoformat(at) if at else OPENS, context.at.tzinfo)
    return {"start": begin.isoformat(timespec="seconds"), "end": (begin + LASTS).isoformat(timespec="seconds")}


def active(records: Iterable[Held]) -> Iterable[Held]:
    """Conditions and allergies that are in force: not resolved, not refuted, not entered by mistake."""
    for held in records:
        over = coded(held.resource.get("clinicalStatus")) in {"resolved", "inactive", "remission"}
        if not over and coded(held.resource.get("verificationStatus")) not in VOID:
            yield held


def is_about(context: Context, *types: str) -> Held:
    """The record that the form's address names. Raises NotFound when it is none of hers, or of another type."""
    held = context.about
    if held is None or held.type not in types or held not in context.records:
        raise NotFound()
    return held


def age_days(context: Context) -> int | None:
    """How old she is; None where nothing of her birth is known. Of a year or month alone, its middle is taken."""
    born = about_day(context.she.resource.get("birthDate"))
    return (context.today - born).days if born is not None else None


def born_from(context: Context) -> date | None:
    """The first day on which she may have been born; None where nothing of her birth is known. Of a birth that somebody guessed, years
    before: nothing that a card says is to be refused for it."""
    text = context.she.resource.get("birthDate")
    about = about_day(text)
    if about is None:
        return None
    if is_estimated(context.she.resource):
        return date(about.year - GUESSED_YEARS, 1, 1)
    return {4: about.replace(month=1, day=1), 7: about.replace(day=1)}.get(len(str(text)), about)


def is_dead(context: Context) -> bool:
    """Whether she has died."""
    return bool(context.she.resource.get("deceasedBoolean")) or "deceasedDateTime" in context.she.resource


def day_of(answers: Answers, name: str, context: Context) -> date:
    """The day of a whole date that was given; today without one."""
    dated = answers.date(name)
    return dated.first if dated is not None else context.today


def refers_to(resource: Any, reference: str) -> bool:
    """Whether a resource names another as its visit."""
    context = resource.get("context")
    linked = context.get("encounter") if isinstance(context, dict) else None
    entries = linked if isinstance(linked, list) else []
    return target(resource.get("encounter")) == reference or any(target(each) == reference for each in entries)
