"""What a search parameter means, told a second time: FHIRPath by fhirpathpy, values by plain code of its own.

Nothing of edge_node is used here, so that agreement means something.
"""

import calendar
import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import fhirpathpy
from fhirpathpy.models import models

_RESOLVES = re.compile(r"\.where\(resolve\(\) is (\w+)\)")


def branches(expression: str, type_name: str) -> list[tuple[str, str]]:
    """The branches for a type as FHIRPath, each with the type that its references must resolve to ('' for any)."""
    found = []
    for part in expression.split(" | "):
        part = re.sub(r"^(\(*)(Resource|DomainResource)\.", rf"\1{type_name}.", part.strip())
        if re.match(rf"\(*{type_name}\b", part):
            resolves = _RESOLVES.search(part)
            found.append((_RESOLVES.sub("", part), resolves[1] if resolves else ""))
    return found


@cache
def compiled(path: str) -> Any:
    return fhirpathpy.compile(path, models["r4"])


def expected(kind: str, expression: str, resource: dict[str, Any]) -> set[tuple[Any, ...]]:
    """The values that the parameter has on the resource."""
    values: set[tuple[Any, ...]] = set()
    for path, resolves in branches(expression, resource["resourceType"]):
        # fhirpathpy hands out plain JSON: text in a choice beside dates is told from a date by asking for text.
        texts = compiled(f"{path}.ofType(string)")(resource) if kind == "date" else []
        for node in compiled(path)(resource):
            if node is not None and node not in texts:
                values |= {
                    value
                    for value in _VALUES[kind](node)
                    if not resolves or _type_of(value, node, resource) == resolves
                }
    return values


def _type_of(value: tuple[Any, ...], node: Any, resource: dict[str, Any]) -> str:
    text = str(value[1])
    for inner in resource.get("contained", ()):
        if text == f"#{inner.get('id')}":
            return str(inner["resourceType"])
    found = re.search(r"(?:^|/)([A-Z][A-Za-z]+)/[A-Za-z0-9.-]+$", text)
    return found[1] if found else str(node.get("type", "")) if isinstance(node, dict) else ""


def _tokens(node: Any) -> Iterator[tuple[Any, ...]]:
    if isinstance(node, bool):
        yield ("true" if node else "false", "")
    elif isinstance(node, str):
        yield (node, "")
    elif "coding" in node or not {"code", "value", "system"} & node.keys():
        for coding in node.get("coding", [{}]):
            yield (coding.get("code", ""), coding.get("system", ""))
    else:
        yield (node.get("code", node.get("value", "")), node.get("system", ""))


def _references(node: Any) -> Iterator[tuple[Any, ...]]:
    if isinstance(node, str):
        yield ("to", node)
    elif "resourceType" in node:
        yield ("to", f"{node['resourceType']}/{node.get('id', '')}")
    elif not {"reference", "type", "identifier", "display"}.isdisjoint(node):
        if "identifier" in node:
            yield ("identifier", node["identifier"].get("value", ""), node["identifier"].get("system", ""))
        if "reference" in node or "identifier" not in node:
            yield ("to", re.sub(r"/_history/.*$", "", node.get("reference", "")))


_NAME_OR_ADDRESS = (
    *("text", "family", "given", "prefix", "suffix"),
    *("line", "city", "district", "state", "postalCode", "country"),
)


def _strings(node: Any) -> Iterator[tuple[Any, ...]]:
    if isinstance(node, str):
        yield (plain(node), node)
    else:
        for field in _NAME_OR_ADDRESS:
            found = node.get(field, [])
            for text in [found] if isinstance(found, str) else found:
                if text is not None:
                    yield (plain(text), text)


def plain(text: str) -> str:
    """Latin text without accents and case, spaces single."""
    letters = unicodedata.normalize("NFD", text.casefold())
    return re.sub(r"\s+", " ", "".join(letter for letter in letters if unicodedata.category(letter) != "Mn")).strip()


def _dates(node: Any) -> Iterator[tuple[Any, ...]]:
    if isinstance(node, str):
        yield moment(node)
    elif "start" in node or "end" in node:
        yield _period(node)
    else:
        ranges = [moment(event) for event in node.get("event", ())]
        period = node.get("repeat", {}).get("boundsPeriod")
        if period and ("start" in period or "end" in period):
            ranges.append(_period(period))
        if ranges:
            yield (min(low for low, _ in ranges), max(high for _, high in ranges))


def _period(node: dict[str, Any]) -> tuple[int, int]:
    low = moment(node["start"])[0] if "start" in node else -(2**53)
    return low, moment(node["end"])[1] if "end" in node else 2**53


def moment(text: str) -> tuple[int, int]:
    """First and last millisecond of a FHIR date, by the calendar."""
    day, _, time = text.partition("T")
    year, month, date = [int(part) for part in [*day.split("-"), "0", "0"][:3]]
    first = datetime(year, month or 1, date or 1, tzinfo=UTC)
    if not time:
        last_month = month or 12
        last = datetime(year, last_month, date or calendar.monthrange(year, last_month)[1], tzinfo=UTC)
        return _ms(first), _ms(last) + 86_399_999
    clock, zone = re.fullmatch(r"([0-9:.]+)(Z|[+-]\d\d:\d\d)?", time).groups()  # type: ignore[union-attr]
    hour, minute, second = [*clock.split(":"), "0"][:3]
    whole, _, fraction = second.partition(".")
    ms = int((fraction + "000")[:3]) if fraction else 0
    start = _ms(first) + (int(hour) * 3600 + int(minute) * 60 + int(whole)) * 1000 + ms
    if zone not in (None, "Z"):
        sign = -1 if zone[0] == "+" else 1
        start += sign * (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60) * 1000
    precision = 60_000 if clock.count(":") == 1 else 1000 if not fraction else 10 ** (3 - min(3, len(fraction)))
    return start, start + precision - 1


def _ms(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _quantities(node: Any) -> Iterator[tuple[Any, ...]]:
    if "data" in node:
        origin = node["origin"]
        numbers = [
            float(origin["value"]) + float(node.get("factor", 1)) * float(word)
            for word in node["data"].split()
            if word not in "ELU"
        ]
        if numbers:
            yield (min(numbers), max(numbers), *_unit(origin))
    elif "low" in node or "high" in node:
        ends = [node.get("low", {}), node.get("high", {})]
        if any("value" in end for end in ends):
            low, high = float(ends[0].get("value", "-inf")), float(ends[1].get("value", "inf"))
            yield (low, high, *_unit(ends[0] if "value" in ends[0] else ends[1]))
    elif "value" in node:
        number, comparator = float(node["value"]), node.get("comparator", "")
        low = float("-inf") if comparator.startswith("<") else number
        yield (low, float("inf") if comparator.startswith(">") else number, *_unit(node))


def _unit(node: dict[str, Any]) -> tuple[str, ...]:
    return node.get("code", ""), node.get("system", ""), node.get("unit", "")


def _uris(node: Any) -> Iterable[tuple[Any, ...]]:
    return [(node,)]


_VALUES = {
    "token": _tokens,
    "reference": _references,
    "string": _strings,
    "date": _dates,
    "quantity": _quantities,
    "uri": _uris,
}
