"""One record of a patient as a line that people read.

A table of readers by type of resource; a type that has none is shown by `_other`, so nothing that is stored stays unseen.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from edge_node.forms.care.notes import text_of
from edge_node.language import _
from edge_node.pages import clinical, codes, lines, words
from edge_node.pages.elements import anything, chosen, members
from edge_node.pages.lines import Line
from edge_node.pages.words import Naming, Object, concept, first, joined, objects, reference, text

NARRATIVE_CHARS_MAX = 600
_GENERATED = "Generated Narrative"
"""What programs write beside a record, which says nothing that the record does not."""


def line(type_: str, resource: Object, naming: Naming) -> Line:
    """A record of any type."""
    said = _READERS.get(type_, _other)(resource, naming)
    return _narrated(said, resource) if lines.nameless("").strip() in said.what else said


def _narrated(said: Line, resource: Object) -> Line:
    """A record without a name, with the words that its writer put beside it."""
    told = words.narrative(resource.get("text"))
    if not told or told.startswith(_GENERATED):
        return said
    return msgspec.structs.replace(said, notes=(*said.notes, told[:NARRATIVE_CHARS_MAX]))


# --- plans, people, papers --------------------------------------------------------------------------------------------


def _plan(resource: Object, naming: Naming) -> Line:
    state, over, wrong = lines.status(resource, "status" if "status" in resource else "lifecycleStatus")
    when, sort = lines.when(
        resource, "period", "occurrenceDateTime", "occurrencePeriod", "startDate", "start", "created", "authoredOn"
    )
    title = lines.best(text(resource.get("title")), *_concepts(resource, "code", "category", "type"))
    said = title or lines.best(*_concepts(resource, "description", "serviceType"))
    forbidden = _("Do not:") + " " if resource.get("doNotPerform") is True else ""
    for_what = joined(reference(one, naming) for one in objects(resource.get("addresses")))
    steps = [_activity(entry, naming) for entry in objects(resource.get("activity"))]
    reached = concept(resource.get("achievementStatus"))
    about = [
        _("for %(reason)s", reason=for_what) if for_what else "",
        text(resource.get("description")) if title else "",
        joined(steps),
        reached,
        *lines.notes(resource),
    ]
    return Line(
        what=forbidden + lines.named(said, codes.kind(text(resource.get("resourceType")))),
        when=when,
        sort=sort,
        notes=tuple(filter(None, about)),
        state=lines.unless(state, "active"),
        over=over,
        wrong=wrong,
        tone="odd" if forbidden else "",
    )


def _concepts(resource: Object, *names: str) -> list[str]:
    return [concept(resource.get(name)) for name in names]


def _activity(entry: Object, naming: Naming) -> str:
    detail = first(entry.get("detail"))
    said = concept(detail.get("code")) or text(detail.get("description")) or reference(entry.get("reference"), naming)
    if detail.get("doNotPerform") is True:
        said = _("do not: %(what)s", what=said)
    ended = text(detail.get("status")) in codes.PAST
    return _("%(what)s (done)", what=said) if said and ended else said


def _relative(resource: Object, naming: Naming) -> Line:
    numbers = tuple(filter(None, (words.contact(entry) for entry in objects(resource.get("telecom")))))
    return Line(
        what=lines.named(words.human_name(resource.get("name")), _("person")),
        value=words.relationship(resource.get("relationship")),
        notes=numbers,
        over=resource.get("active") is False,
    )


def _document(resource: Object, naming: Naming) -> Line:
    state, over, wrong = lines.status(resource)
    when, sort = lines.when(resource, "date", "dateTime", "authored", "sent", "created", "recorded")
    attached = first(first(resource.get("content")).get("attachment"))
    title = text(resource.get("description")) or text(attached.get("title")) or text(resource.get("title"))
    what = title or lines.best(*_concepts(resource, "type", "category", "topic", "scope"))
    written = text_of(resource) or ""
    messages = [anything(_payload(entry), naming) for entry in objects(resource.get("payload"))]
    answers = list(_answers(resource.get("item"), naming))
    kind = concept(resource.get("type"))
    who = joined(reference(one, naming) for one in objects(resource.get("author")))
    by = _("Written by %(who)s.", who=who) if who and written else ""
    about = [kind if title and kind != title else "", written, *messages, *answers, by]
    return Line(
        what=lines.named(what, codes.kind(text(resource.get("resourceType")))),
        when=when,
        sort=sort,
        notes=tuple(filter(None, about)),
        state=lines.unless(state, "current", "active", "completed"),
        over=over and resource.get("status") != "completed",
        wrong=wrong,
    )


def _answers(items: Any, naming: Naming) -> Iterator[str]:
    """The questions of a form with their answers, in their order."""
    for item in objects(items):
        given = objects(item.get("answer"))
        said = joined(chosen(answer, "value", naming) for answer in given)
        asked = text(item.get("text")) or text(item.get("linkId"))
        if said:
            yield f"{asked}: {said}"
        yield from _answers(item.get("item"), naming)
        for answer in given:
            yield from _answers(answer.get("item"), naming)


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
        state=lines.unless(state, "active"),
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
