"""Any FHIR element in words, told by its shape: what conflicts are shown with, and records that have no words of their own. Never JSON."""

import re
from collections.abc import Callable
from typing import Any

from edge_node.forms.care.notes import text_of
from edge_node.language import N_, _
from edge_node.pages import codes, dates, words
from edge_node.pages.dosage import dosage
from edge_node.pages.words import Naming, Object, joined, text

_NOTHING: frozenset[str] = frozenset()
_HIDDEN = frozenset(
    {"id", "extension", "modifierExtension", "system", "url", "version", "contained", "meta", "implicitRules"}
)
_CONTACTS = frozenset({"phone", "sms", "email", "fax", "pager"})
_CODE = re.compile(r"[a-z][a-z-]*").fullmatch
_IS_DATE = re.compile(r"\d{4}-\d\d").match
_ENDINGS = (
    "CodeableConcept",
    "DateTime",
    "Quantity",
    "Boolean",
    "Integer",
    "Period",
    "Range",
    "Ratio",
    "String",
    "Age",
)


def nobody(target: str) -> str:
    """Knows the name of nothing."""
    return ""


def chosen(holder: Object, stem: str, naming: Naming = nobody) -> str:
    """The words of a choice element: `chosen(observation, "value")` reads whichever `value[x]` is there."""
    for name, value in holder.items():
        if name.startswith(stem) and name[len(stem) : len(stem) + 1].isupper():
            return anything(value, naming)
    return ""


def anything(value: Any, naming: Naming = nobody) -> str:
    """Any element in words."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return joined((anything(entry, naming) for entry in value), "; ")
    if not isinstance(value, dict):
        written = text(value)
        return dates.day_and_time(written) if _IS_DATE(written) else written
    for read, signs in _SHAPES:
        if not signs.isdisjoint(value):
            return read(value)
    if "value" in value:
        return _valued(value)
    if isinstance(value.get("code"), str):
        return words.concept({"coding": [value]})
    if "reference" in value or "display" in value:
        return words.reference(value, naming)
    if text(value.get("text")):
        return text(value["text"])
    return members(value, naming)


def members(value: Object, naming: Naming = nobody, hidden: frozenset[str] = _NOTHING) -> str:
    """An object's members, each with its name: `status: active; severity: severe`."""
    return joined((labelled(name, value[name], naming) for name in value if name not in hidden), "; ")


def labelled(name: str, value: Any, naming: Naming = nobody) -> str:
    """`birth date: 1 May 1990`; empty for nothing and for what only machines read."""
    if name in _HIDDEN or name.startswith("_"):
        return ""
    said = anything(value, naming)
    if isinstance(value, str) and said == value and _CODE(value):
        said = codes.state(value)
    return f"{label(name)}: {said}" if said else ""


def label(name: str) -> str:
    """An element's name as words: `clinicalStatus` → `clinical status`, `valueQuantity` → `value`, `deceased[x]` → `death`."""
    plain = name.lstrip("_").partition("|")[0].removesuffix("[x]")
    for ending in _ENDINGS:
        if plain.endswith(ending) and plain != ending:
            plain = plain.removesuffix(ending)
            break
    if plain in _LABELS:
        return str(_LABELS[plain])
    # What points to a record of one kind is named after it: `encounter`, `episodeOfCare`.
    kind = plain[:1].upper() + plain[1:]
    return codes.kind(kind) if kind in codes.KINDS else re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).lower()


def _attached(value: Object) -> str:
    """A file's title, and what a note says: that is its text, and no file."""
    file = value["attachment"]
    return joined((words.attachment(file), text_of({"content": [value]}) or ""), ": ")


def _related(value: Object) -> str:
    """A record that another one is in place of: by its kind, which is said where a reference is."""
    return anything(value["target"])


def _valued(value: Object) -> str:
    system = text(value.get("system"))
    if system in _CONTACTS:
        return words.contact(value)
    is_amount = not {"unit", "comparator", "code"}.isdisjoint(value) or not isinstance(value["value"], str)
    return words.quantity(value) if is_amount else words.identifier(value)


_LABELS = {
    "birthDate": N_("date of birth"),
    "gender": N_("sex"),
    "deceased": N_("death"),
    "telecom": N_("telephone or e-mail"),
    "verification": N_("status"),
    "clinicalStatus": N_("status"),
    "verificationStatus": N_("certainty"),
    "code": N_("what it is"),
    "vaccineCode": N_("vaccine"),
    "occurrence": N_("date"),
    "effective": N_("date"),
    "performed": N_("date"),
    "onset": N_("began"),
    "abatement": N_("ended"),
    "dosageInstruction": N_("how to take it"),
    "medication": N_("medicine"),
    "identifier": N_("number"),
    "subject": N_("patient"),
    "active": N_("in use"),
    "component": N_("parts of the result"),
    "link": N_("same person as"),
    "individual": N_("who"),
    "author": N_("written by"),
    "performer": N_("done by"),
    "content": N_("what it says"),
    "relatesTo": N_("in place of"),
    "encounter": N_("visit"),
    "date": N_("date"),
    "name": N_("name"),
    "address": N_("address"),
    "contact": N_("next of kin"),
    "status": N_("status"),
    "note": N_("note"),
    "severity": N_("severity"),
    "criticality": N_("criticality"),
    "reaction": N_("reaction"),
    "category": N_("category"),
    "value": N_("value"),
    "period": N_("period"),
    "photo": N_("photo"),
    "maritalStatus": N_("marital status"),
    "managingOrganization": N_("clinic"),
    "communication": N_("language"),
    "recorder": N_("recorded by"),
    "asserter": N_("said by"),
    "recordedDate": N_("recorded on"),
    "priority": N_("urgency"),
    "reasonCode": N_("reason"),
    "interpretation": N_("interpretation"),
    "bodySite": N_("part of the body"),
}
"""Elements whose names in FHIR are not what people say."""

_SHAPES: tuple[tuple[Callable[[Any], str], frozenset[str]], ...] = (
    (dosage, frozenset({"doseAndRate", "timing", "asNeededBoolean", "asNeededCodeableConcept", "maxDosePerPeriod"})),
    (words.concept, frozenset({"coding"})),
    (words.human_name, frozenset({"family", "given"})),
    (words.narrative, frozenset({"div"})),
    (words.attachment, frozenset({"contentType", "hash"})),
    (_attached, frozenset({"attachment"})),
    (_related, frozenset({"target"})),
    (words.address, frozenset({"city", "line", "postalCode", "district"})),
    (words.ratio, frozenset({"numerator", "denominator"})),
    (words.range_, frozenset({"low", "high"})),
    (dates.period, frozenset({"start", "end"})),
)
"""Data types by members that only they have."""
