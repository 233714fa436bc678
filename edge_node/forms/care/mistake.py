"""What was entered by mistake is marked so, with a reason, and stays to be read; a number that was mistyped is corrected.

Nothing is deleted: somebody may have acted by what stood there. FHIR's status `entered-in-error` takes it out of every rule, list and
chart; the reason is a note, or the extension below for types that have no notes. What a visit's mistake brought with it goes with it.
"""

from collections.abc import Mapping
from typing import Any, Final

from edge_node.concepts import VITAL_SIGNS, amount
from edge_node.errors import NotFound
from edge_node.forms.answers import Answers
from edge_node.forms.care import saying
from edge_node.forms.care.vital_signs import VITALS, band
from edge_node.forms.context import Context, Held, Sheet, changed
from edge_node.forms.fields import NO, YES, Choice, Field, Form, Kind, Section, between
from edge_node.language import N_, Text, _
from edge_node.maternal.reading import state
from edge_node.store.model import Write

WRONG: Final = "entered-in-error"
REASON: Final = "urn:medtech-edge:mistake-reason"
"""Extension: why a record of a type without notes was marked as entered by mistake."""
VERIFIED: Final = {"Condition": "condition-ver-status", "AllergyIntolerance": "allergyintolerance-verification"}
"""Types whose mistake is a verification status, which then has no clinical status beside it (FHIR R4 con-5, ait-2)."""
WITH_NOTES: Final = frozenset(
    {
        *("Observation", "Condition", "AllergyIntolerance", "MedicationRequest", "MedicationStatement"),
        *("MedicationAdministration", "Immunization", "Procedure", "ServiceRequest", "Task", "CarePlan", "Goal"),
        *("Communication", "CommunicationRequest"),
    }
)
TYPES: Final = frozenset(
    {
        *WITH_NOTES,
        *(
            "Encounter",
            "EpisodeOfCare",
            "DiagnosticReport",
            "DocumentReference",
            "Appointment",
            "Flag",
            "DetectedIssue",
        ),
    }
)
"""Types that may be marked. Not Patient: two records of one person are joined (`edge_node/same_person.py`)."""
_STATUS: Final = {"Goal": "lifecycleStatus"}


def _about(context: Context) -> Held:
    return saying.is_about(context, *TYPES)


def form(context: Context) -> Form:
    """Why, and whether all of a visit goes with it."""
    held = _about(context)
    reason = Field(name="reason", label=N_("What is the mistake?"), kind=Kind.LONG, required=True, chars_max=1000)
    fields = [reason]
    if followers(context):
        choices = (Choice(YES, N_("Yes, all of it")), Choice(NO, N_("No, that is right")))
        label = N_("Is all that was recorded at this visit a mistake, too?")
        fields.append(Field(name="all", label=label, kind=Kind.CHOICE, choices=choices, required=True))
    return Form(
        title=N_("Mark as entered by mistake"),
        intro=None if state(held.resource) != WRONG else N_("This is marked already."),
        sections=(Section(title=N_("The mistake"), fields=tuple(fields)),),
        send=N_("It was a mistake"),
    )


def followers(context: Context) -> list[Held]:
    """What was recorded at a visit: all records that name it."""
    held = _about(context)
    if held.type != "Encounter":
        return []
    return [each for each in context.records if each.type in TYPES and saying.refers_to(each.resource, held.reference)]


def write(answers: Answers, context: Context) -> list[Write]:
    """Each marked, with the reason."""
    whole = followers(context) if answers.yes("all") else []
    return [marked(held, answers.text("reason"), context) for held in (_about(context), *whole)]


def marked(held: Held, reason: str, context: Context) -> Write:
    """One record as entered by mistake."""
    resource = held.resource
    members: dict[str, Any] = {_STATUS.get(held.type, "status"): WRONG}
    if held.type in VERIFIED:
        members = {"verificationStatus": saying.term(VERIFIED[held.type], WRONG), "clinicalStatus": None}
    if held.type in WITH_NOTES:
        members["note"] = [*(resource.get("note") or []), *saying.note(context, reason)]
    else:
        told = {"url": REASON, "valueString": reason}
        members["extension"] = [*(resource.get("extension") or []), told]
    return changed(held, **members)


# --- a number that was mistyped ---------------------------------------------------------------------------------------


def quantities(resource: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Field → the part of an Observation that has a number: itself, or its components."""
    parts = [resource, *(resource.get("component") or [])]
    held = [(f"value{number}", part) for number, part in enumerate(parts)]
    return [(name, part) for name, part in held if isinstance(part.get("valueQuantity"), Mapping)]


def correct_form(context: Context) -> Form:
    """The numbers of a measurement or test, and why they are changed."""
    held = saying.is_about(context, "Observation")
    numbers = quantities(held.resource)
    if not numbers:
        raise NotFound()
    age = band(saying.age_days(context))
    reason = Field(name="reason", label=N_("What was wrong?"), kind=Kind.LONG, chars_max=1000)
    return Form(
        title=N_("Correct a number"),
        sections=(
            Section(title=N_("Right is"), fields=(*(_number(name, part, age) for name, part in numbers), reason)),
        ),
    )


def _number(name: str, part: Mapping[str, Any], age: str) -> Field:
    code = part.get("code") or {}
    quantity = part["valueQuantity"]
    found = VITAL_SIGNS.find(code)
    # What another program wrote in grams or pounds is corrected in these, and our range is of another unit.
    ours = found is not None and amount(quantity, found.unit) == quantity.get("value")
    vital = next((one for one in VITALS if found is not None and ours and one.meant == found.name), None)
    return Field(
        name=name,
        label=Text(str(code.get("text") or "Value"), "clinical"),
        unit=str(quantity.get("unit") or quantity.get("code") or ""),
        kind=Kind.DECIMAL,
        required=True,
        possible=between(*vital.possible) if vital is not None else None,
        plausible=between(*vital.plausible[age]) if vital is not None else None,
    )


def start_correct(context: Context) -> dict[str, str]:
    """The numbers as they stand."""
    held = saying.is_about(context, "Observation")
    return {name: str(part["valueQuantity"].get("value", "")) for name, part in quantities(held.resource)}


def correct(answers: Answers, context: Context) -> list[Write]:
    """The Observation with the right numbers; status `corrected`, as FHIR has it for a final result that was wrong."""
    held = saying.is_about(context, "Observation")
    resource = held.resource
    new = {name: answers.number(name) for name, _part in quantities(resource)}
    components = [_with(part, new.get(f"value{at}")) for at, part in enumerate(resource.get("component") or [], 1)]
    members = {
        **_with(resource, new.get("value0")),
        "component": components,
        "status": "corrected",
        "note": [*(resource.get("note") or []), *saying.note(context, answers.text("reason"))],
    }
    return [changed(held, **members)]


def _with(part: Mapping[str, Any], value: Any) -> dict[str, Any]:
    if value is None:
        return dict(part)
    return {**part, "valueQuantity": {**part["valueQuantity"], "value": value}}


MISTAKE: Final = Sheet(
    name="mistake",
    path="/patients/{id_}/mistake",
    form=form,
    write=write,
    edits=lambda context: [_about(context).reference, *(held.reference for held in followers(context))],
    news=lambda answers, context: _("It is marked as entered by mistake."),
)
CORRECT: Final = Sheet(
    name="correct-number",
    path="/patients/{id_}/correct",
    form=correct_form,
    start=start_correct,
    write=correct,
    edits=lambda context: (saying.is_about(context, "Observation").reference,),
    news=lambda answers, context: _("The number is corrected."),
)
