"""Any FHIR element in words, told by its shape: what conflicts are shown with, and records that have no words of their own. Never JSON."""

import re
from collections.abc import Callable
from typing import Any

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
        return "yes" if value else "no"
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
    return _LABELS.get(plain) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).lower()


def _valued(value: Object) -> str:
    system = text(value.get("system"))
    if system in _CONTACTS:
        return words.contact(value)
    is_amount = not {"unit", "comparator", "code"}.isdisjoint(value) or not isinstance(value["value"], str)
    return words.quantity(value) if is_amount else words.identifier(value)


_LABELS = {
    "birthDate": "date of birth",
    "gender": "sex",
    "deceased": "death",
    "telecom": "telephone or e-mail",
    "verification": "status",
    "clinicalStatus": "status",
    "verificationStatus": "certainty",
    "code": "what it is",
    "vaccineCode": "vaccine",
    "occurrence": "date",
    "effective": "date",
    "performed": "date",
    "onset": "began",
    "abatement": "ended",
    "dosageInstruction": "how to take it",
    "medication": "medicine",
    "identifier": "number",
    "subject": "patient",
    "active": "in use",
    "component": "parts of the result",
    "link": "same person as",
    "individual": "who",
}
"""Elements whose names in FHIR are not what people say."""

_SHAPES: tuple[tuple[Callable[[Any], str], frozenset[str]], ...] = (
    (dosage, frozenset({"doseAndRate", "timing", "asNeededBoolean", "asNeededCodeableConcept", "maxDosePerPeriod"})),
    (words.concept, frozenset({"coding"})),
    (words.human_name, frozenset({"family", "given"})),
    (words.narrative, frozenset({"div"})),
    (words.attachment, frozenset({"contentType", "hash"})),
    (words.address, frozenset({"city", "line", "postalCode", "district"})),
    (words.ratio, frozenset({"numerator", "denominator"})),
    (words.range_, frozenset({"low", "high"})),
    (dates.period, frozenset({"start", "end"})),
)
"""Data types by members that only they have."""
