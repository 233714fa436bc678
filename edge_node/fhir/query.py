"""A search as it is sent, read into a typed query (https://hl7.org/fhir/R4/search.html).

``parse_query`` knows every parameter of the type. What it does not know is an error under strict handling, and
reported in ``ignored`` otherwise. A modifier that is not supported is an error always: ignoring it would answer another
question. Nothing here depends on the store; search_sql and matching give a query its meaning.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from edge_node.fhir.criteria import Chain, Criterion, QueryError, Reverse, read_token, read_values, split
from edge_node.fhir.definitions import CONTRACT_TYPES, resource_types
from edge_node.fhir.parameters import Parameter, parameters_of

PARAMETERS_MAX = 100
"""Most parameters of one search."""
VALUES_MAX = 1000
"""Most alternatives of one parameter."""

_MODIFIERS = {
    "token": ("not",),
    "string": ("exact", "contains"),
    "reference": ("identifier",),
    "date": (),
    "quantity": (),
    "uri": (),
}
_SUMMARIES = ("count", "true", "text", "data", "false")
_TOTALS = ("none", "estimate", "accurate")


class Sort(msgspec.Struct, frozen=True):
    parameter: Parameter
    descending: bool = False


class Include(msgspec.Struct, frozen=True):
    """``Type:param[:Target]`` of _include or _revinclude; ``*`` stands for all reference parameters of the type."""

    type: str
    parameters: tuple[Parameter, ...]
    target: str = ""
    iterate: bool = False


class Query(msgspec.Struct, frozen=True):
    """A search of one type. ``applied`` are the pairs that had an effect, for the self link; ``ignored`` the others."""

    type: str
    criteria: tuple[Criterion | Reverse, ...] = ()
    sort: tuple[Sort, ...] = ()
    count: int | None = None
    includes: tuple[Include, ...] = ()
    revincludes: tuple[Include, ...] = ()
    total: str = ""
    summary: str = "false"
    elements: tuple[str, ...] = ()
    format: str = ""
    pretty: bool = False
    applied: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def scans(self) -> tuple[Criterion, ...]:
        """Criteria that no index answers (_text, _content): filter the results with matching.matches."""
        return tuple(
            criterion
            for criterion in self.criteria
            if isinstance(criterion, Criterion) and criterion.parameter.kept == "scan"
        )


def parse_query(
    type_name: str, pairs: Iterable[tuple[str, str]], *, now_ms: int, strict: bool = False, base: str = ""
) -> Query:
    """Read a decoded query string. ``base`` is this server's own address, under which references are local.

    Raises QueryError.
    """
    if type_name not in CONTRACT_TYPES:
        raise QueryError("not-supported", "resourceType", "Resources of this type cannot be searched")
    reader = _Reader(type_name, now_ms, base)
    for number, (name, value) in enumerate(pairs):
        if number >= PARAMETERS_MAX:
            raise QueryError("too-costly", name, f"More than {PARAMETERS_MAX} parameters")
        reader.read(name, value)
    if strict and reader.ignored:
        raise QueryError("not-supported", reader.ignored[0], f"{type_name} has no search parameter of this name")
    return reader.query()


class _Reader:
    """Collects a query, one pair at a time."""

    def __init__(self, type_name: str, now_ms: int, base: str) -> None:
        self.type, self.now_ms, self.base = type_name, now_ms, base
        self.criteria: list[Criterion | Reverse] = []
        self.lists: dict[str, list[Include]] = {"_include": [], "_revinclude": []}
        self.sort: list[Sort] = []
        self.results: dict[str, object] = {}
        self.applied: list[tuple[str, str]] = []
        self.ignored: list[str] = []

    def query(self) -> Query:
        return Query(
            type=self.type,
            criteria=tuple(self.criteria),
            sort=tuple(self.sort),
            includes=tuple(self.lists["_include"]),
            revincludes=tuple(self.lists["_revinclude"]),
            applied=tuple(self.applied),
            ignored=tuple(self.ignored),
            **self.results,  # type: ignore[arg-type]  # Keyed by field name, each of its type.
        )

    def read(self, name: str, value: str) -> None:
        if value == "":
            return
        plain, _, modifier = name.partition(":")
        known = True
        if plain in self.lists:
            self.lists[plain].append(self._include(plain, name, value, modifier))
        elif plain == "_has":
            self.criteria.append(self._reverse(name, value))
        elif plain == "_sort":
            known = self._sort(name, value)
        elif plain in _RESULTS:
            field, read = _RESULTS[plain]
            self.results[field] = read(name, value)
        else:
            criterion = self._criterion(self.type, name, name, value, chained=False)
            known = criterion is not None
            if criterion is not None:
                self.criteria.append(criterion)
        if known:
            self.applied.append((name, value))
        else:
            self.ignored.append(name)

    def _criterion(self, type_name: str, sent: str, name: str, text: str, *, chained: bool) -> Criterion | None:
        """One criterion on a type; None when the type has no such parameter. ``sent`` is the whole name, for errors."""
        head, dot, rest = name.partition(".")
        code, _, modifier = head.partition(":")
        parameter = parameters_of(type_name).get(code)
        if parameter is None:
            return None
        if dot:
            return self._chain(parameter, modifier, sent, rest, text, chained=chained)
        if modifier == "missing":
            return self._missing(parameter, sent, text)
        target = modifier if parameter.kind == "reference" and modifier in resource_types() else ""
        if modifier and not target and (parameter.kept != "index" or modifier not in _MODIFIERS[parameter.kind]):
            raise QueryError("not-supported", sent, "This modifier is not supported for this parameter")
        if modifier == "identifier":
            tokens = tuple(read_token(sent, part) for part in split(text, ",") if part)
            return Criterion(parameter, modifier, tokens)
        values = read_values(parameter, sent, text, target, self.now_ms, self.base)
        if not 0 < len(values) <= VALUES_MAX:
            raise QueryError("value", sent, f"A parameter takes from 1 to {VALUES_MAX} values")
        return Criterion(parameter, "" if target else modifier, values, target=target)

    def _missing(self, parameter: Parameter, sent: str, text: str) -> Criterion:
        if parameter.kept != "index":
            raise QueryError("not-supported", sent, "This modifier is not supported for this parameter")
        if text not in ("true", "false"):
            raise QueryError("value", sent, ":missing takes true or false")
        return Criterion(parameter, "missing", missing=text == "true")

    def _chain(self, parameter: Parameter, target: str, sent: str, rest: str, text: str, *, chained: bool) -> Criterion:
        """``subject:Patient.name=…``; without a type, every served target that has the parameter is meant."""
        if chained or parameter.kind != "reference" or parameter.kept != "index":
            raise QueryError("not-supported", sent, "Only one level of chaining, from a reference, is supported")
        narrowed = [use.target for use in parameter.uses]
        types: Sequence[str] = narrowed if "" not in narrowed else parameter.targets
        if target:
            types = [target]
        chains = []
        for type_name in dict.fromkeys(types):
            if type_name in CONTRACT_TYPES:
                criterion = self._criterion(type_name, sent, rest, text, chained=True)
                if criterion is not None:
                    chains.append(Chain(type_name, criterion))
        if not chains:
            raise QueryError("not-supported", sent, "No type that is referred to has this search parameter")
        return Criterion(parameter, target=target, chain=tuple(chains))

    def _reverse(self, sent: str, text: str) -> Reverse:
        """``_has:Observation:patient:code=…`` (https://hl7.org/fhir/R4/search.html#has)."""
        parts = sent.split(":", 3)
        if len(parts) != 4 or parts[1] not in CONTRACT_TYPES or parts[3].startswith("_has"):
            raise QueryError("not-supported", sent, "_has is _has:Type:reference:parameter, one level deep")
        reference = parameters_of(parts[1]).get(parts[2])
        criterion = self._criterion(parts[1], sent, parts[3], text, chained=True)
        if reference is None or reference.kind != "reference" or criterion is None:
            raise QueryError("not-supported", sent, "_has names a parameter that the type does not have")
        return Reverse(parts[1], reference, criterion)

    def _sort(self, name: str, text: str) -> bool:
        found = []
        for part in text.split(","):
            parameter = parameters_of(self.type).get(part.removeprefix("-"))
            if parameter is None or parameter.kept == "scan":
                return False
            found.append(Sort(parameter, part.startswith("-")))
        self.sort = found
        return True

    def _include(self, plain: str, name: str, text: str, modifier: str) -> Include:
        if modifier not in ("", "iterate", "recurse"):
            raise QueryError("not-supported", name, "The only modifier here is :iterate")
        parts = text.split(":")
        if len(parts) not in (2, 3) or parts[0] not in CONTRACT_TYPES:
            raise QueryError("value", name, f"{plain} takes Type:parameter or Type:parameter:Target")
        known = parameters_of(parts[0])
        wanted = list(known.values()) if parts[1] == "*" else [known[parts[1]]] if parts[1] in known else []
        references = tuple(parameter for parameter in wanted if parameter.kind == "reference")
        if not references:
            raise QueryError("value", name, f"{plain} names a parameter that is no reference of that type")
        return Include(parts[0], references, parts[2] if len(parts) == 3 else "", bool(modifier))


def _count(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise QueryError("value", name, "_count takes a number from 0")
    return int(text)


def _among(allowed: tuple[str, ...]) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if text not in allowed:
            raise QueryError("value", name, f"{name} takes one of {', '.join(allowed)}")
        return text

    return read


def _words(name: str, text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


_RESULTS: dict[str, tuple[str, Callable[[str, str], object]]] = {
    "_count": ("count", _count),
    "_summary": ("summary", _among(_SUMMARIES)),
    "_total": ("total", _among(_TOTALS)),
    "_elements": ("elements", _words),
    "_format": ("format", lambda name, text: text),
    "_pretty": ("pretty", lambda name, text: text == "true"),
}
