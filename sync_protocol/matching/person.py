"""What is known of a person, for comparing; read out of a FHIR Patient, and the only module here that knows FHIR."""

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from sync_protocol.matching import folding

MOTHER_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
ACCURACY_EXTENSION: Final = "http://hl7.org.au/fhir/StructureDefinition/date-accuracy-indicator"
"""Beside a date, of HL7 Australia: a code of three letters for day, month and year, each A(ccurate), E(stimated) or U(nknown)."""
MOTHER_CODES: Final = frozenset({"MTH", "NMTH", "STPMTH", "ADOPTM", "mother"})
"""Relationships of `Patient.contact` (HL7 v3 RoleCode) by which she is the mother."""
NAME_WORDS_MAX: Final = 6
"""Words of a name that are compared: enough for the longest names, and an assignment of them stays cheap."""
NATIONAL_DIGITS: Final = 9
"""Digits of a phone number without its country and trunk prefix, in most of the world's plans (ITU-T E.164: up to 12)."""

_date = re.compile(r"\d{4}(-\d\d(-\d\d)?)?").match
_not_digit = re.compile(r"\D+").sub


class Person(msgspec.Struct, frozen=True):
    """A description of somebody; whatever is not known is empty. All words are folded (`folding.words`).

    `names`: the words of all her names. `born`: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; `estimated`: from a stated age. `sex`: FHIR's
    `female`, `male`. `phones`: digits, national. `places`: one text a village. `mother`: words of the mother's name.
    `identifiers`: `(system, value)`.
    """

    names: tuple[str, ...] = ()
    born: str = ""
    estimated: bool = False
    sex: str = ""
    phones: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    mother: tuple[str, ...] = ()
    identifiers: tuple[tuple[str, str], ...] = ()


def person_of(patient: dict[str, Any]) -> Person:
    """A decoded FHIR R4 Patient's description. Odd elements are left out."""
    names = _objects(patient.get("name"))
    born = patient.get("birthDate")
    found = _date(born) if isinstance(born, str) else None
    sex = patient.get("gender")
    return Person(
        names=_once(word for name in names for word in folding.words(name_text(name))),
        born=found[0] if found is not None else "",
        estimated=found is None or len(found[0]) < 10 or _is_estimated(patient.get("_birthDate")),
        sex=sex if sex in ("female", "male") else "",
        phones=_phones(patient),
        places=_places(patient),
        mother=_mother(patient),
        identifiers=_identifiers(patient),
    )


def _is_estimated(beside: Any) -> bool:
    """Whether a birth date is marked as estimated in any of its parts."""
    marks = _objects(beside.get("extension")) if isinstance(beside, dict) else []
    codings = (mark.get("valueCoding") for mark in marks if mark.get("url") == ACCURACY_EXTENSION)
    return any(isinstance(coding, dict) and "E" in str(coding.get("code")) for coding in codings)


def name_text(name: dict[str, Any]) -> str:
    """A HumanName's words; its `text` where there are no parts. A title is nobody's name."""
    given = [part for part in _list(name.get("given")) if isinstance(part, str)]
    parts = [
        *given,
        str(name.get("family") or ""),
        str(name.get("suffix") if isinstance(name.get("suffix"), str) else ""),
    ]
    joined = " ".join(part for part in parts if part)
    text = name.get("text")
    return joined or (text if isinstance(text, str) else "")


def _phones(patient: dict[str, Any]) -> tuple[str, ...]:
    contacts = [one for one in _objects(patient.get("telecom")) if one.get("system") in ("phone", "sms", None)]
    digits = (_not_digit("", str(one.get("value", ""))) for one in contacts)
    return _once(one.lstrip("0")[-NATIONAL_DIGITS:] for one in digits if len(one) >= NATIONAL_DIGITS - 2)


def _places(patient: dict[str, Any]) -> tuple[str, ...]:
    addresses = _objects(patient.get("address"))
    texts = (str(one.get("city") or one.get("district") or "") for one in addresses)
    return _once(" ".join(folding.words(text)) for text in texts)


def _mother(patient: dict[str, Any]) -> tuple[str, ...]:
    said = [one.get("valueString") for one in _objects(patient.get("extension")) if one.get("url") == MOTHER_EXTENSION]
    mothers = [one.get("name") for one in _objects(patient.get("contact")) if _is_mother(one)]
    texts = [text for text in said if isinstance(text, str)]
    texts += [name_text(name) for name in mothers if isinstance(name, dict)]
    return _once(word for text in texts for word in folding.words(text))


def _is_mother(contact: dict[str, Any]) -> bool:
    codings = (coding for kind in _objects(contact.get("relationship")) for coding in _objects(kind.get("coding")))
    return any(coding.get("code") in MOTHER_CODES for coding in codings)


def _identifiers(patient: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    entries = _objects(patient.get("identifier"))
    pairs = {(str(one.get("system") or ""), _squeezed(one.get("value"))) for one in entries}
    return tuple(sorted(pair for pair in pairs if pair[1]))


def _squeezed(value: Any) -> str:
    """An identifier as it is compared: without the spaces and dashes that people put in."""
    return "".join(folding.words(value)) if isinstance(value, str) else ""


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))[:NAME_WORDS_MAX]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _objects(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in _list(value) if isinstance(entry, dict)]
