"""One record of a patient as a line that people read.

A table of readers by type of resource; a type that has none is shown by `_other`, so nothing that is stored stays unseen.
"""

from collections.abc import Callable
from typing import Any

from edge_node.pages import clinical, codes, lines, words
from edge_node.pages.elements import anything, members
from edge_node.pages.lines import Line
from edge_node.pages.words import Naming, Object, concept, first, joined, objects, reference, text


def line(type_: str, resource: Object, naming: Naming) -> Line:
    """A record of any type."""
    return _READERS.get(type_, _other)(resource, naming)


# --- plans, people, papers --------------------------------------------------------------------------------------------


def _plan(resource: Object, naming: Naming) -> Line:
    state, over, wrong = lines.status(resource, "status" if "status" in resource else "lifecycleStatus")
    when, sort = lines.when(
        resource, "period", "occurrenceDateTime", "occurrencePeriod", "startDate", "created", "authoredOn", "start"
    )
    title = (
        text(resource.get("title"))
        or concept(resource.get("code"))
        or concept(resource.get("category"))
        or concept(resource.get("type"))
    )
    said = title or concept(resource.get("description")) or concept(resource.get("serviceType"))
    steps = [_activity(entry, naming) for entry in objects(resource.get("activity"))]
    reached = concept(resource.get("achievementStatus"))
    about = [text(resource.get("description")) if title else "", joined(steps), reached, *lines.notes(resource)]
    return Line(
        what=lines.named(said, "plan"),
        when=when,
        sort=sort,
        notes=tuple(filter(None, about)),
        state=state if state != "active" else "",
        over=over,
        wrong=wrong,
    )


def _activity(entry: Object, naming: Naming) -> str:
    detail = first(entry.get("detail"))
    said = concept(detail.get("code")) or text(detail.get("description")) or reference(entry.get("reference"), naming)
    ended = text(detail.get("status")) in codes.PAST
    return f"{said} (done)" if said and ended else said


def _relative(resource: Object, naming: Naming) -> Line:
    numbers = tuple(filter(None, (words.contact(entry) for entry in objects(resource.get("telecom")))))
    return Line(
        what=lines.named(words.human_name(resource.get("name")), "person"),
        value=concept(resource.get("relationship")),
        notes=numbers,
        over=resource.get("active") is False,
    )


def _document(resource: Object, naming: Naming) -> Line:
    state, over, wrong = lines.status(resource)
    when, sort = lines.when(resource, "date", "dateTime", "authored", "sent", "created", "recorded")
    attached = first(first(resource.get("content")).get("attachment"))
    title = text(resource.get("description")) or text(attached.get("title")) or text(resource.get("title"))
    what = title or concept(resource.get("type")) or concept(resource.get("category")) or concept(resource.get("topic"))
    messages = [anything(_payload(entry), naming) for entry in objects(resource.get("payload"))]
    answers = len(objects(resource.get("item")))
    about = [concept(resource.get("type")) if title else "", *messages, f"{answers} answers" if answers else ""]
    return Line(
        what=lines.named(what or concept(resource.get("scope")), "document"),
        when=when,
        sort=sort,
        notes=tuple(filter(None, about)),
        state=state if state not in ("current", "active", "done") else "",
        over=over and state != "done",
        wrong=wrong,
    )


def _payload(entry: Object) -> Any:
    return next((entry[name] for name in entry if name.startswith("content")), None)


def _other(resource: Object, naming: Naming) -> Line:
    """A record of a type that has no reader: its name if it has one, and its members."""
    state, over, wrong = lines.status(resource)
    when, sort = lines.when(
        resource,
        "date",
        "period",
        "authoredOn",
        "recorded",
        "issued",
        "created",
        "occurrenceDateTime",
        "effectiveDateTime",
    )
    title = text(resource.get("title")) or concept(resource.get("code")) or words.human_name(resource.get("name"))
    hidden = frozenset(
        {"resourceType", "status", "subject", "patient", "identifier", "text", "code", "title", "encounter"}
    )
    type_ = text(resource.get("resourceType"))
    told = members(resource, naming, hidden)
    said = title or codes.kind(type_)
    return Line(
        what=said[:1].upper() + said[1:],
        when=when,
        sort=sort,
        notes=(told,) if told else (),
        state=state if state != "active" else "",
        over=over,
        wrong=wrong,
        category=codes.kind(type_),
    )


_READERS: dict[str, Callable[[Object, Naming], Line]] = {
    "AllergyIntolerance": clinical.allergy,
    "Flag": clinical.warning,
    "DetectedIssue": clinical.warning,
    "Condition": clinical.condition,
    "MedicationRequest": clinical.medicine,
    "MedicationStatement": clinical.medicine,
    "MedicationAdministration": clinical.medicine,
    "MedicationDispense": clinical.medicine,
    "Immunization": clinical.vaccination,
    "Encounter": clinical.visit,
    "EpisodeOfCare": _plan,
    "Observation": clinical.result,
    "DiagnosticReport": clinical.report,
    "Procedure": clinical.procedure,
    "CarePlan": _plan,
    "Goal": _plan,
    "ServiceRequest": _plan,
    "Task": _plan,
    "Appointment": _plan,
    "CommunicationRequest": _plan,
    "RelatedPerson": _relative,
    "DocumentReference": _document,
    "QuestionnaireResponse": _document,
    "Consent": _document,
    "Communication": _document,
}
