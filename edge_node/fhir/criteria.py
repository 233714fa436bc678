"""What a search asks of one parameter, typed, and how its text is read (https://hl7.org/fhir/R4/search.html).

Errors name the parameter and the rule, never the value: a search holds names and numbers of people.
"""

import re
from decimal import Decimal, InvalidOperation
from math import inf, nextafter
from typing import TypeAlias

import msgspec

from edge_node.fhir.definitions import resource_types
from edge_node.fhir.parameters import Parameter
from edge_node.fhir.readers import reference_target
from edge_node.fhir.values import fold, interval

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")

_prefixed = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL).fullmatch
_number = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?", re.ASCII).fullmatch
_local = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})(/_history/[A-Za-z0-9\-.]{1,64})?").fullmatch
_id = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch


class QueryError(Exception):
    """A search that cannot be answered; the caller's fault (400). Carries what an OperationOutcome needs.

    ``code`` is a FHIR issue type, ``expression`` the parameter's name as it was sent.
    """

    def __init__(self, code: str, expression: str, diagnostics: str) -> None:
        super().__init__(diagnostics)
        self.code = code
        self.expression = expression
        self.diagnostics = diagnostics


class TokenValue(msgspec.Struct, frozen=True):
    """``code``, ``system|code``, ``|code`` (system '') or ``system|`` (code None); a system of None is any."""

    code: str | None
    system: str | None


class ReferenceValue(msgspec.Struct, frozen=True):
    """A target: local ones by type and id, all others by their address in ``text``."""

    text: str
    type: str = ""
    id: str = ""


class StringValue(msgspec.Struct, frozen=True):
    """Text as it was sent, and folded."""

    text: str
    folded: str


class DateValue(msgspec.Struct, frozen=True):
    """A prefix, and the first and last millisecond that the text stands for."""

    prefix: str
    low: int
    high: int


class QuantityValue(msgspec.Struct, frozen=True):
    """A prefix, a number with the range [low, high) of its precision, and a unit (None is any).

    With a system the code must be that system's; without one ``code`` is a code or a printed unit.
    """

    prefix: str
    number: float
    low: float
    high: float
    system: str | None = None
    code: str | None = None


class UriValue(msgspec.Struct, frozen=True):
    text: str


Value: TypeAlias = TokenValue | ReferenceValue | StringValue | DateValue | QuantityValue | UriValue


class Criterion(msgspec.Struct, frozen=True):
    """One parameter of a search: any of ``values`` under ``modifier``.

    ``modifier`` is one of '', exact, contains, not, missing, identifier; for ``missing`` the answer is in ``missing``
    and there are no values. With ``chain`` there are no values either: the reference must lead to a resource of that
    type that meets its criterion, for any of them. ``target`` is a type that references are narrowed to.
    """

    parameter: Parameter
    modifier: str = ""
    values: tuple[Value, ...] = ()
    missing: bool = False
    target: str = ""
    chain: tuple["Chain", ...] = ()


class Chain(msgspec.Struct, frozen=True):
    """A type that a chained reference may lead to, and what is asked of it."""

    type: str
    criterion: Criterion


class Reverse(msgspec.Struct, frozen=True):
    """``_has``: some resource of ``type`` refers here by ``reference`` and meets the criterion."""

    type: str
    reference: Parameter
    criterion: Criterion


def split(text: str, separator: str) -> list[str]:
    """The parts between separators that are not escaped; escapes stay (https://hl7.org/fhir/R4/search.html#escaping)."""
    parts, start, place = [], 0, 0
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif text[place] == separator:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    return [*parts, text[start:]]


def unescape(text: str) -> str:
    """``\\,`` ``\\|`` ``\\$`` and ``\\\\`` as what they stand for; any other backslash is itself."""
    return re.sub(r"\\([,|$\\])", r"\1", text) if "\\" in text else text


def escape(text: str) -> str:
    """The inverse of unescape, for values that are put into a search."""
    return re.sub(r"([,|$\\])", r"\\\1", text)


def read_values(parameter: Parameter, name: str, text: str, target: str, now_ms: int, base: str) -> tuple[Value, ...]:
    """The values of a parameter, split at commas. Raises QueryError."""
    values: list[Value] = []
    for part in split(text, ","):
        if part != "":
            values += _READ[parameter.kind](parameter, name, part, target, now_ms, base)
    return tuple(values)


def read_token(name: str, text: str) -> TokenValue:
    """A token in the form ``[system|]code``."""
    parts = [unescape(part) for part in split(text, "|")]
    if len(parts) == 1:
        return TokenValue(parts[0], None)
    if len(parts) > 2 or parts == ["", ""]:
        raise QueryError("value", name, "A token is code, system|code, |code or system|")
    return TokenValue(parts[1] or None, parts[0])


def _token(parameter: Parameter, name: str, text: str, target: str, now_ms: int, base: str) -> list[Value]:
    return [read_token(name, text)]


def _string(parameter: Parameter, name: str, text: str, target: str, now_ms: int, base: str) -> list[Value]:
    plain = unescape(text)
    return [StringValue(plain, fold(plain))]


def _uri(parameter: Parameter, name: str, text: str, target: str, now_ms: int, base: str) -> list[Value]:
    return [UriValue(unescape(text))]


def _reference(parameter: Parameter, name: str, text: str, target: str, now_ms: int, base: str) -> list[Value]:
    """``Type/id``, an address, or an id alone, which may be of any type that the parameter points to."""
    plain = unescape(text)
    if base and plain.startswith(base):
        plain = plain[len(base) :].lstrip("/")
    found = _local(plain)
    if found:
        return [ReferenceValue(f"{found[1]}/{found[2]}", found[1], found[2])]
    if ":" in plain or "/" in plain or plain.startswith("#"):
        return [ReferenceValue(reference_target(plain)[0])]
    if not _id(plain):
        raise QueryError("value", name, "A reference is Type/id, an id, or an address")
    targets = {use.target for use in parameter.uses}
    types = (target,) if target else parameter.targets if "" in targets else tuple(targets)
    return [ReferenceValue(f"{type_name}/{plain}", type_name, plain) for type_name in types or resource_types()]


def read_date(name: str, text: str, now_ms: int) -> DateValue:
    """A prefix and a date. ``ap`` widens by a tenth of the distance from now, as R4 recommends."""
    found = _prefixed(text.replace(" ", "+"))  # A zone's + that nobody percent-encoded arrives as a space.
    prefix, rest = (found[1] or "eq", found[2]) if found else ("eq", text)
    try:
        low, high = interval(rest)
    except ValueError:
        raise QueryError("value", name, "Not a date: [prefix]YYYY[-MM[-DD[Thh:mm[:ss[.sss]][zone]]]]") from None
    if prefix == "ap":
        slack = abs(now_ms - (low + high) // 2) // 10
        return DateValue("ap", low - slack, high + slack)
    return DateValue(prefix, low, high)


def _date(parameter: Parameter, name: str, text: str, target: str, now_ms: int, base: str) -> list[Value]:
    return [read_date(name, unescape(text), now_ms)]


def _quantity(parameter: Parameter, name: str, text: str, target: str, now_ms: int, base: str) -> list[Value]:
    parts = [unescape(part) for part in split(text, "|")]
    found = _prefixed(parts[0])
    if found is None or not _number(found[2]) or len(parts) not in (1, 3):
        raise QueryError("value", name, "A quantity is [prefix]number or [prefix]number|system|code")
    prefix = found[1] or "eq"
    number, low, high = implied_range(found[2])
    if prefix == "ap":
        slack = abs(number) / 10
        low, high = number - slack, number + slack
    system, code = (parts[1] or None, parts[2] or None) if len(parts) == 3 else (None, None)
    return [QuantityValue(prefix, number, low, high, system, code)]


def implied_range(text: str) -> tuple[float, float, float]:
    """A number, and the range [low, high) that its digits imply (https://hl7.org/fhir/R4/search.html#number).

    100 is [99.5, 100.5) and 5.40e-3 is [0.005395, 0.005405): half a unit of the last digit each way. For a positive
    exponent the page's own example is narrower: 1e2 is [95, 105). Digits beyond a double's leave the double itself in the range.
    """
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ValueError("not a number") from error
    exponent = int(number.as_tuple().exponent)
    half = Decimal(5).scaleb(exponent - (2 if exponent > 0 else 1))
    nearest = float(number)
    return nearest, float(number - half), max(float(number + half), nextafter(nearest, inf))


_READ = {
    "token": _token,
    "reference": _reference,
    "string": _string,
    "date": _date,
    "quantity": _quantity,
    "uri": _uri,
}
