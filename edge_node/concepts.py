"""What is said with codes: a `Concept` is one meaning with all the codings by which it is written and recognised.

A form writes a concept with `codeable`, a rule finds it again with `Table.find` or `says`; so both speak of the same thing.
Tables stand beside their users; those of measurements that every part of the clinic takes stand here.

Sources: LOINC (https://loinc.org), SNOMED CT, and the codes of the WHO SMART guideline on antenatal care
(WorldHealthOrganization/smart-anc, CodeSystem anc-custom-codes). Vital signs by the FHIR R4 vital signs profiles
(https://hl7.org/fhir/R4/observation-vitalsigns.html).
"""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

import msgspec

LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
WHO_ANC: Final = "http://fhir.org/guides/who/anc-cds/CodeSystem/anc-custom-codes"
CVX: Final = "http://hl7.org/fhir/sid/cvx"
ATC: Final = "http://www.whocc.no/atc"
UCUM: Final = "http://unitsofmeasure.org"
LOCAL: Final = "urn:medtech-edge:codes"
"""For what no public code system names. Each such coding stands alone in its concept's table."""

ALIASES: Final = MappingProxyType(
    {
        "http://smart.who.int/anc/CodeSystem/anc-custom-codes": WHO_ANC,
        "http://fhir.org/guides/who/anc-cds/CodeSystem/anc-custom": WHO_ANC,
    }
)
"""Other addresses under which a code system has been published."""


class Coding(msgspec.Struct, frozen=True):
    """One code of one code system, as in FHIR's Coding without display and version."""

    system: str
    code: str


class Concept(msgspec.Struct, frozen=True):
    """One meaning.

    `name`: how rules and forms call it, unique in its table. `text`: plain English for people. `codings`: by which it is recognised; the
    first of each code system is the one written.
    `unit`: for measurements, the UCUM unit in which rules have them; "" for others. `words`: a regular expression for lower-case
    free text that means it too, for what people write by hand (allergies, medicines); "" for none.
    """

    name: str
    text: str
    codings: tuple[Coding, ...]
    unit: str = ""
    words: str = ""


def concept(
    name: str,
    text: str,
    *,
    loinc: str = "",
    snomed: str = "",
    anc: str = "",
    local: str = "",
    cvx: str = "",
    atc: str = "",
    more: tuple[Coding, ...] = (),
    unit: str = "",
    words: str = "",
) -> Concept:
    """A concept from space-separated codes of each system, WHO's without their common "ANC."."""
    systems = ((LOINC, loinc), (SNOMED, snomed), (WHO_ANC, anc), (CVX, cvx), (ATC, atc), (LOCAL, local))
    codings = [
        Coding(system, f"ANC.{code}" if system == WHO_ANC else code)
        for system, codes in systems
        for code in codes.split()
    ]
    return Concept(name, text, (*codings, *more), unit, words)


class Table:
    """Concepts by name, and by any of their codings.

    Raises ValueError when two of its concepts share a name or a coding: what is read could mean either.
    """

    def __init__(self, concepts: Iterable[Concept]) -> None:
        by_name: dict[str, Concept] = {}
        by_coding: dict[tuple[str, str], Concept] = {}
        for each in concepts:
            if each.name in by_name:
                raise ValueError(f"two concepts are named {each.name}")
            by_name[each.name] = each
            for coding in each.codings:
                key = (coding.system, coding.code)
                if by_coding.setdefault(key, each) is not each:
                    raise ValueError(f"{coding.code} means {by_coding[key].name} and {each.name}")
        self._by_name: Final = MappingProxyType(by_name)
        self._by_coding: Final = MappingProxyType(by_coding)
        self._worded: Final = tuple(each for each in by_name.values() if each.words)

    def __getitem__(self, name: str) -> Concept:
        """The concept of that name. Raises KeyError."""
        return self._by_name[name]

    def __iter__(self) -> Iterator[Concept]:
        return iter(self._by_name.values())

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def find(self, codeable: object) -> Concept | None:
        """The concept that a FHIR CodeableConcept (as decoded JSON) says by its first known coding; None if by none."""
        for system, code in codes_of(codeable):
            found = self._by_coding.get((system, code))
            if found is not None:
                return found
        return None

    def read(self, codeable: object) -> tuple[Concept, ...]:
        """The concept that a CodeableConcept says by code and all that it says in words. For what people also write by hand."""
        found = self.find(codeable)
        text = text_of(codeable).casefold() if self._worded else ""
        worded = [each for each in self._worded if each is not found and re.search(each.words, text)]
        return (*([found] if found else []), *worded)


def codes_of(codeable: object) -> Iterator[tuple[str, str]]:
    """(system, code) of each coding of a CodeableConcept, the system by its present address. Nothing for what is none."""
    codings = codeable.get("coding") if isinstance(codeable, dict) else None
    for coding in codings if isinstance(codings, list) else ():
        if isinstance(coding, dict):
            system, code = coding.get("system"), coding.get("code")
            if isinstance(system, str) and isinstance(code, str):
                yield ALIASES.get(system, system), code


def text_of(codeable: object) -> str:
    """All that a CodeableConcept says in words: its text and its codings' displays."""
    if not isinstance(codeable, dict):
        return ""
    codings = codeable.get("coding")
    displays = (
        [coding.get("display") for coding in codings if isinstance(coding, dict)] if isinstance(codings, list) else []
    )
    return " ".join(part for part in (codeable.get("text"), *displays) if isinstance(part, str))


def says(codeable: object, meant: Concept) -> bool:
    """Whether any coding of a CodeableConcept is one of the concept's."""
    return any(Coding(system, code) in meant.codings for system, code in codes_of(codeable))


def codeable(meant: Concept) -> dict[str, Any]:
    """The FHIR CodeableConcept that says the concept: the first of its codings in each code system, and its text."""
    written: dict[str, str] = {}
    for coding in meant.codings:
        written.setdefault(coding.system, coding.code)
    codings = [{"system": system, "code": code} for system, code in written.items()]
    # FHIR has no empty lists; what no code system names is said in words, and recognised by them.
    return {"coding": codings, "text": meant.text} if codings else {"text": meant.text}


def quantity(value: Decimal | int, meant: Concept) -> dict[str, Any]:
    """The FHIR Quantity of a measurement in its concept's unit."""
    return {"value": value, "unit": SPOKEN_UNITS.get(meant.unit, meant.unit), "system": UCUM, "code": meant.unit}


SPOKEN_UNITS: Final = MappingProxyType(
    {"mm[Hg]": "mmHg", "Cel": "°C", "/min": "per minute", "wk": "weeks", "d": "days", "[degF]": "°F"}
)
"""Units as people read them, where UCUM's code is another."""

_SPELLINGS: Final = MappingProxyType(
    {
        "mmhg": "mm[Hg]", "mm hg": "mm[Hg]", "kpa": "kPa",
        "cel": "Cel", "c": "Cel", "°c": "Cel", "degc": "Cel", "degf": "[degF]", "f": "[degF]", "°f": "[degF]",
        "bpm": "/min", "{beats}/min": "/min", "{breaths}/min": "/min", "beats/min": "/min", "beats/minute": "/min",
        "breaths/minute": "/min", "per minute": "/min", "kgs": "kg", "lb": "[lb_av]", "lbs": "[lb_av]", "in": "[in_i]",
        "gm/dl": "g/dL", "g/dl": "g/dL", "g/l": "g/L", "weeks": "wk", "week": "wk", "days": "d", "day": "d",
        "months": "mo", "month": "mo", "percent": "%",
    }
)  # fmt: skip
"""Lower-case spellings of units met in the field, by UCUM code."""

_FACTORS: Final = MappingProxyType(
    {
        ("g", "kg"): Decimal("0.001"),
        ("kg", "g"): Decimal(1000),
        ("[lb_av]", "kg"): Decimal("0.45359237"),
        ("[lb_av]", "g"): Decimal("453.59237"),
        ("m", "cm"): Decimal(100),
        ("mm", "cm"): Decimal("0.1"),
        ("[in_i]", "cm"): Decimal("2.54"),
        ("g/L", "g/dL"): Decimal("0.1"),
        ("kPa", "mm[Hg]"): Decimal("7.500617"),
        ("wk", "d"): Decimal(7),
    }
)


MOST: Final = Decimal(10) ** 12
"""No measurement is as large, nor any but 0 as near to 0 as one by it, in whatever unit: the keyboard stuck."""


def number(value: object) -> Decimal | None:
    """A JSON number (int, float or Decimal, as the decoder has it) as Decimal; None for anything else, for NaN, and for what is so far
    from all that is measured that no chart holds it (`MOST`)."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and (found == 0 or 1 / MOST <= abs(found) <= MOST) else None


def amount(of: object, unit: str) -> Decimal | None:
    """A FHIR Quantity's value in `unit` (UCUM). None if it has none, or its unit is missing or cannot be converted.

    A number without a unit is not guessed at: 38 may be a temperature or a fundal height, 100 kilograms or pounds. Nor is a value with
    a comparator ("< 7") taken for a measurement.
    """
    if not isinstance(of, dict) or of.get("comparator"):
        return None
    value = number(of.get("value"))
    if value is None:
        return None
    for spelled in (of.get("code"), of.get("unit")):
        if isinstance(spelled, str):
            known = _SPELLINGS.get(spelled.casefold(), spelled)
            if known == unit:
                return value
            if (known, unit) in _FACTORS:
                return value * _FACTORS[known, unit]
            if (known, unit) == ("[degF]", "Cel"):
                return (value - 32) * 5 / 9
    return None


RESULTS: Final = Table(
    (
        concept("positive", "Positive", snomed="10828004"),
        concept("negative", "Negative", snomed="260385009"),
        concept("inconclusive", "Not clear", snomed="419984006"),
    )
)
"""Results of tests that have no codes of their own."""

VITAL_SIGNS: Final = Table(
    (
        concept("blood-pressure", "Blood pressure", loinc="85354-9 55284-4", snomed="75367002"),
        concept(
            "systolic", "Upper blood pressure", loinc="8480-6", snomed="271649006", anc="B8.DE17 B8.DE20", unit="mm[Hg]"
        ),
        concept(
            "diastolic",
            "Lower blood pressure",
            loinc="8462-4",
            snomed="271650006",
            anc="B8.DE19 B8.DE21",
            unit="mm[Hg]",
        ),
        concept(
            "pulse", "Pulse", loinc="8867-4", snomed="78564009 364075005 301147003", anc="B8.DE36 B8.DE37", unit="/min"
        ),
        concept(
            "temperature", "Temperature", loinc="8310-5 8331-1", snomed="386725007", anc="B8.DE34 B8.DE35", unit="Cel"
        ),
        concept("respiratory-rate", "Breaths per minute", loinc="9279-1", snomed="86290005", unit="/min"),
        concept(
            "oxygen-saturation",
            "Oxygen in the blood",
            loinc="2708-6 59408-5",
            snomed="431314004",
            anc="B8.DE49",
            unit="%",
        ),
        concept("weight", "Weight", loinc="29463-7 3141-9", snomed="27113001", anc="B8.DE3", unit="kg"),
        concept("height", "Height", loinc="8302-2", snomed="50373000", anc="B8.DE1", unit="cm"),
        concept("length", "Length lying down", loinc="8306-3", unit="cm"),
        concept(
            "body-mass-index", "Weight for height (BMI)", loinc="39156-5", snomed="60621009", anc="B8.DE4", unit="kg/m2"
        ),
        concept("muac", "Upper arm circumference", loinc="56072-2", snomed="284473002", unit="cm"),
        concept("head-circumference", "Head circumference", loinc="9843-4 8287-5", snomed="363812007", unit="cm"),
        concept("birth-weight", "Weight at birth", loinc="8339-4", snomed="364589006", anc="End.23", unit="g"),
    )
)
"""Measurements that any patient may have. A blood pressure is one Observation of `blood-pressure` with components `systolic` and
`diastolic`; WHO's own form writes two Observations, which are read too."""
