"""References between the entries of a transaction (https://hl7.org/fhir/R4/http.html#trules, bundle.html#references).

Pure: `Placeholders` knows which fullUrl became which resource; `rewrite` puts the new names where the old ones stood. Numbers keep
their digits, and a resource in which nothing changes stays byte for byte as it was.
"""

import re
from collections.abc import Callable
from typing import Any

from edge_node.api import numbers

_RESTFUL = re.compile(r"(.+/)([A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64})(/_history/.+)?").fullmatch
_RELATIVE = re.compile(r"([A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64})(/_history/.+)?").fullmatch
_CONDITIONAL = re.compile(r"[A-Z][A-Za-z]{1,63}\?.+", re.DOTALL).fullmatch
_NARRATIVE = re.compile(r"""(\s(?:href|src)=)(["'])([^"']+)\2""")
_ADDRESSES = frozenset({"url", "valueUri", "valueUrl", "valueUuid", "valueOid", "valueCanonical"})
"""Members beside `reference` that hold an address of type uri and may name another entry. Identifiers' values are no addresses."""


class Placeholders:
    """Names that entries bear within their Bundle, and what they are called here."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def add(self, full_url: str | None, name: str) -> None:
        """The entry of this fullUrl is here `Type/id`."""
        if full_url:
            self._names[full_url] = name

    def resolve(self, address: str, own_url: str | None) -> str:
        """The name here of an address in the entry `own_url`; the address itself when it is of no entry."""
        if not self._names:
            return address
        found = self._names.get(address)
        if found is not None:
            return found
        plain, hash_, fragment = address.partition("#")
        if hash_ and plain in self._names:
            return f"{self._names[plain]}#{fragment}"
        relative = _RELATIVE(address)
        mine = _RESTFUL(own_url) if own_url and relative else None
        return self._names.get(f"{mine[1]}{relative[1]}", address) if mine and relative else address

    def __contains__(self, full_url: str) -> bool:
        return full_url in self._names


def rewrite(resource: bytes, own_url: str | None, names: Placeholders, find: Callable[[str], str]) -> bytes:
    """The resource with all references to entries, and all conditional ones, as names here.

    `find` turns `Type?criteria` into `Type/id`, and raises Refused when not exactly one matches.
    """
    if b'"' not in resource or not any(mark in resource for mark in (b"urn:", b"://", b"?", b"/")):
        return resource
    tree = numbers.parse(resource)
    changes = _Changes(own_url, names, find)
    new = changes.value(tree, "")
    return numbers.serialise(new) if changes.made else resource


class _Changes:
    """One walk over a resource; `made` counts what was changed."""

    def __init__(self, own_url: str | None, names: Placeholders, find: Callable[[str], str]) -> None:
        self._own_url, self._names, self._find = own_url, names, find
        self.made = 0

    def value(self, value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: self.value(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner, key) for inner in value]
        if isinstance(value, str):
            return self._text(value, key)
        return value

    def _text(self, text: str, key: str) -> str:
        new = text
        if key == "reference" and _CONDITIONAL(text):
            new = self._find(text)
        elif key == "reference" or key in _ADDRESSES:
            new = self._names.resolve(text, self._own_url)
        elif key == "div":
            new = _NARRATIVE.sub(self._attribute, text)
        self.made += new != text
        return new

    def _attribute(self, match: re.Match[str]) -> str:
        return f"{match[1]}{match[2]}{self._names.resolve(match[3], self._own_url)}{match[2]}"
