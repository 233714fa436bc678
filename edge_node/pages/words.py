"""FHIR elements as the words of people at a clinic.

Pure functions of decoded JSON (`decode`), whatever is in it: odd data are shown, never an error.

Numbers are shown with the digits that were written: FHIR decimals carry precision, and a dose is never rounded.
Sources: https://hl7.org/fhir/R4/datatypes.html, https://hl7.org/fhir/R4/references.html
"""

import re
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from html import unescape
from typing import Any, TypeAlias

import msgspec

from edge_node.language import CLINICAL, _, digits, reader
from edge_node.pages import codes, dates
from sync_protocol.matching import numbers

Object: TypeAlias = dict[str, Any]
Naming: TypeAlias = Callable[[str], str]
"""What is known here of a reference's target (`Practitioner/f001`), in words; empty when nothing is."""

_DECODER = msgspec.json.Decoder(float_hook=str)
_TAGS = re.compile(r"<[^>]*>")
_ANNOTATION = re.compile(r"\{[^}]*\}")
_QUALIFIER = re.compile(
    r" \((?:qualifier value|body structure|disorder|event|finding|observable entity|physical object|procedure|product|"
    r"record artifact|regime/therapy|situation|substance)\)$",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[A-Z][A-Za-z]+/\S+").fullmatch
_CODED_STATES = ("terminology.hl7.org", "hl7.org/fhir")
DIGITS_MAX = 8
"""More significant digits than anybody measures: `nearly` rounds them for lists, and the whole number stays to be seen."""


def decode(body: bytes) -> Any:
    """JSON with decimals as the text they were written in."""
    return _DECODER.decode(body)


def objects(value: Any) -> list[Object]:
    """The objects of a list, of one object, or none."""
    if isinstance(value, dict):
        return [value]
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def first(value: Any) -> Object:
    """The first object, or an empty one."""
    return next(iter(objects(value)), {})


def texts(value: Any) -> list[str]:
    """The texts of a list, or none."""
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """A text or number as it was written; empty for anything else."""
    if isinstance(value, bool) or value is None:
        return ""
    return str(value).strip() if isinstance(value, str | int) else ""


def joined(parts: Iterable[str], between: str = ", ") -> str:
    """Those that are not empty, each once."""
    return between.join(dict.fromkeys(part for part in parts if part))


# --- codes and references ---------------------------------------------------------------------------------------------


def concept(value: Any) -> str:
    """A CodeableConcept by its own text, else what its coding is called. A list of them is named one after the other."""
    if isinstance(value, list):
        return joined(concept(entry) for entry in objects(value))
    if not isinstance(value, dict):
        return text(value)
    codings = objects(value.get("coding"))
    own = text(value.get("text"))
    if own and not any(own == text(coding.get("code")) for coding in codings):
        return _ours(plainly(own)) if codings else plainly(own)
    named = next((text(coding.get("display")) for coding in codings if text(coding.get("display"))), "")
    return _ours(plainly(named)) or next(filter(None, map(_code_alone, codings)), "")


def _ours(name: str) -> str:
    """What is coded and named by one of this program's own texts, as forms write it: in the reader's language. Any other name as it is."""
    return reader().text(CLINICAL, name)


def plainly(name: str) -> str:
    """A name of SNOMED CT without the kind that it gives in brackets: `Asthma (disorder)` → `Asthma`."""
    return _QUALIFIER.sub("", name)


def _code_alone(coding: Object) -> str:
    """A code that comes without words: FHIR's own are words nearly; of another's it is all there is, and is said to be a code."""
    code = text(coding.get("code"))
    if not code:
        return ""
    system = text(coding.get("system"))
    if code in (known := codes.OF_SYSTEMS.get(system, {})):
        return str(known[code])
    of_fhir = any(part in system for part in _CODED_STATES)
    is_word = of_fhir and len(code) > 3 and code.islower() and not any(map(str.isdigit, code))
    return codes.state(code) if is_word else _("%(unnamed)s (code %(code)s)", unnamed=unnamed(), code=code)


def unnamed() -> str:
    """How a concept begins of which only a code is known."""
    return _("not named")


def code_of(value: Any) -> str:
    """The first code of a CodeableConcept, to decide by; never shown."""
    return text(first(first(value).get("coding")).get("code"))


def reference(value: Any, naming: Naming = lambda target: "") -> str:
    """Who or what is referred to: as the reference itself says, else as it is known here; empty when neither."""
    if not isinstance(value, dict):
        return ""
    display = text(value.get("display"))
    return (
        ("" if _ADDRESS(display) else display)
        or naming(text(value.get("reference")))
        or text(first(value.get("identifier")).get("value"))
    )


# --- people -----------------------------------------------------------------------------------------------------------


def human_name(value: Any) -> str:
    """The name that somebody is called by: the usual or official one before old ones. `Given Given Family`, or its own text."""
    ranks = {"usual": 0, "official": 1, None: 2, "temp": 3, "nickname": 4, "anonymous": 5, "maiden": 6, "old": 7}
    names = sorted(objects(value), key=lambda name: ranks.get(name.get("use"), 2))
    return next(filter(None, map(_one_name, names)), "")


def _one_name(name: Object) -> str:
    if text(name.get("text")):
        return text(name["text"])
    parts = [
        *_texts(name.get("prefix")),
        *_texts(name.get("given")),
        text(name.get("family")),
        *_texts(name.get("suffix")),
    ]
    return " ".join(part for part in parts if part)


def other_names(value: Any) -> list[str]:
    """All further names, each with what it is."""
    shown = human_name(value)
    return list(
        dict.fromkeys(
            f"{name} ({codes.state(one.get('use'))})" if one.get("use") else name
            for one in objects(value)
            if (name := _one_name(one)) and name != shown
        )
    )


def _texts(value: Any) -> list[str]:
    return [text(entry) for entry in value] if isinstance(value, list) else [text(value)]


def sex(patient: Object) -> str:
    """In one word."""
    gender = text(patient.get("gender"))
    return str(codes.SEXES.get(gender, gender.capitalize())) or _("Sex not recorded")


def age(patient: Object, today: date) -> str:
    """`35 years`, `about 35 years`, `died, 62 years`; empty when it is not known."""
    died = patient.get("deceasedDateTime")
    if died is not None:
        end = dates.birth(died)
        return joined([_("died"), dates.age(patient.get("birthDate"), end[0]) if end is not None else ""])
    if patient.get("deceasedBoolean") is True:
        return _("died")
    return dates.age(patient.get("birthDate"), today) or _("age not recorded")


def relationship(value: Any) -> str:
    """How somebody is related, of what is said in words first."""
    said = [str(codes.RELATIONS.get(code_of(one)) or "") or concept(one) for one in objects(value)]
    return joined([one for one in said if not one.startswith(unnamed())] or said)


def telephone(person: Object) -> str:
    """The number to call first."""
    numbers = [entry for entry in objects(person.get("telecom")) if entry.get("system") in ("phone", "sms", None)]
    ranked = sorted(numbers, key=lambda entry: (entry.get("use") == "old", _rank(entry)))
    return left_to_right(next((text(entry.get("value")) for entry in ranked if text(entry.get("value"))), ""))


def _rank(entry: Object) -> int:
    rank = entry.get("rank")
    return rank if isinstance(rank, int) else 99


def contact(entry: Any) -> str:
    """One way to reach somebody: `0803 555 0101 (telephone, home)`."""
    one = first(entry)
    about = joined([codes.state(one.get("system")), codes.state(one.get("use"))])
    value = left_to_right(text(one.get("value")))
    return f"{value} ({about})" if value and about else value


def village(person: Object) -> str:
    """Where somebody lives, as one word: the village or town."""
    home = _home(person.get("address"))
    return text(home.get("city")) or text(home.get("district")) or text(home.get("text"))


def _home(value: Any) -> Object:
    addresses = sorted(objects(value), key=lambda entry: (entry.get("use") == "old", entry.get("use") != "home"))
    return next(iter(addresses), {})


def address(value: Any) -> str:
    """An address in one line."""
    one = first(value)
    parts = [text(one.get(name)) for name in ("city", "district", "state", "postalCode", "country")]
    return text(one.get("text")) or joined([*_texts(one.get("line")), *parts])


def identifier(value: Any) -> str:
    """A number that somebody is known by, with what it is: `Medical Record Number 4711`."""
    one = first(value)
    kind_ = concept(one.get("type"))
    return f"{kind_} {left_to_right(text(one.get('value')))}".strip()


def main_identifier(person: Object) -> str:
    """The number on the card: the first that is not merely a technical one."""
    known = [entry for entry in objects(person.get("identifier")) if text(entry.get("value"))]
    ranked = sorted(known, key=lambda entry: (entry.get("use") == "old", _is_technical(text(entry.get("value")))))
    return left_to_right(_read_out(ranked[0])) if ranked else ""


def _read_out(identifier: Object) -> str:
    """A number of our cards in groups, as it stands on the card; any other as it is."""
    value = text(identifier.get("value"))
    ours = identifier.get("system") == numbers.SYSTEM and numbers.is_number(value)
    return numbers.parse(value).grouped if ours else value


def _is_technical(value: str) -> bool:
    return len(value) > 24 or value.startswith("urn:")


def attachment(value: Any) -> str:
    """A file that is attached: its title. Never its content."""
    return text(first(value).get("title")) or _("attached file")


def narrative(value: Any) -> str:
    """What a writer put beside a record, without its markup."""
    return " ".join(unescape(_TAGS.sub(" ", text(first(value).get("div")))).split())


# --- amounts ----------------------------------------------------------------------------------------------------------


def unit(value: Any) -> str:
    """A unit as people write it."""
    written = text(value)
    return str(codes.UNITS.get(written, _ANNOTATION.sub("", written).strip()))


def quantity(value: Any) -> str:
    """`6.0 mg`, `< 5 mmol/L`: the digits as written."""
    return left_to_right(_quantity(value))


def left_to_right(written: str) -> str:
    """An amount, a telephone number, an identifier: in their order whatever the direction of the text around."""
    return digits.isolated(written, reader().locale)


def _quantity(value: Any) -> str:
    if not isinstance(value, dict):
        return text(value)
    written = text(value.get("unit") or value.get("code"))
    number, named = text(value.get("value")), unit(written)
    amount = joined([text(value.get("comparator")), in_figures(number)], " ")
    if amount and written in codes.COUNTED:
        return codes.COUNTED[written].of(int(number) if _is_whole(number, amount) else _MANY, count=amount)
    between = "" if named == "%" else " "
    return f"{amount}{between}{named}".strip() if amount else named


def _is_whole(number: str, amount: str) -> bool:
    return number.isascii() and number.isdigit() and len(number) <= DIGITS_MAX and amount == in_figures(number)


_MANY = 11
"""Whose form stands for many in every language here, and has the number in it: Arabic says "a day" and "two days" without."""


def in_figures(written: str) -> str:
    """A number with all the digits it was written with, as the reader writes numbers."""
    return digits.amount(written, reader().locale)


def nearly(words: str) -> str:
    """The same with numbers of more than eight significant digits rounded to six, marked by ≈: `≈ 166.825 cm`."""
    return re.sub(r"(?<![\w.,٫-])-?\d+[.,٫]\d{5,}(?![\w.])", lambda found: _rounded(found[0]), words)


def _rounded(written: str) -> str:
    number = digits.plain_number(written)
    said = _six_digits(number)
    return written if said == number else said


def _six_digits(number: str) -> str:
    if len(number.lstrip("-0.").replace(".", "")) <= DIGITS_MAX:
        return number
    try:
        shown = f"{Decimal(number):.6g}"
        shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    except InvalidOperation:
        return number
    return f"≈ {in_figures(shown)}" if "e" not in shown else number


def range_(value: Any) -> str:
    """`4 to 6 mg`."""
    one = first(value)
    low, high = _quantity(one.get("low")), _quantity(one.get("high"))
    if low and high:
        units = [text(end.get("unit") or end.get("code")) for end in (first(one.get("low")), first(one.get("high")))]
        short = _quantity({**first(one.get("low")), "unit": "", "code": ""}) if units[0] == units[1] else low
        return _("%(low)s to %(high)s", low=left_to_right(short), high=left_to_right(high))
    if low:
        return _("from %(low)s", low=left_to_right(low))
    return _("up to %(high)s", high=left_to_right(high)) if high else ""


def ratio(value: Any) -> str:
    """`1 : 128`, `500 mg per 5 mL`."""
    one = first(value)
    above, below = _quantity(one.get("numerator")), _quantity(one.get("denominator"))
    plain = above.replace(" ", "").isdigit() and below.replace(" ", "").isdigit()
    if plain or not (above and below):
        return left_to_right(joined([above, below], " : "))
    return _("%(amount)s per %(each)s", amount=left_to_right(above), each=left_to_right(below))


def references_range(value: Any) -> str:
    """What is normal, as the laboratory wrote it."""
    one = first(value)
    return text(one.get("text")) or range_(one)
