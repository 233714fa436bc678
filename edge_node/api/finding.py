"""Which resources a condition means: of conditional writes, and of conditional references."""

from urllib.parse import parse_qsl

import msgspec

from edge_node.api import plain_search
from edge_node.api.messages import Request
from edge_node.api.outcome import Refused
from edge_node.api.service import Service
from edge_node.fhir.definitions import CONTRACT_TYPES
from edge_node.fhir.query import parse_query
from edge_node.store.model import Stored

_PRESENTATION = frozenset({"_format", "_pretty", "_summary", "_elements", "_count", "_total", "_sort"})


def find(service: Service, request: Request, type_: str, criteria: str | tuple[tuple[str, str], ...]) -> list[Stored]:
    """At most two resources that meet the criteria, a query string or its pairs.

    Read strictly: a parameter that is not known, or none at all, would mean too many. Raises Refused or QueryError.
    """
    pairs = (
        parse_qsl(criteria.partition("?")[2] or criteria, keep_blank_values=True)
        if isinstance(criteria, str)
        else criteria
    )
    asked = tuple((name, value) for name, value in pairs if name not in _PRESENTATION)
    if not any(value for _, value in asked):
        raise Refused(
            412, "incomplete", "The condition names no criteria", "Give it at least one, an identifier for example"
        )
    if type_ not in CONTRACT_TYPES:
        types = request.sight.types((type_,)) or ()
        found, _ = plain_search.search(service, types, plain_search.read(asked, service.now_ms(), strict=True), 2)
        return found
    query = parse_query(type_, asked, now_ms=service.now_ms(), strict=True, base=request.base)
    if not query.criteria:
        raise Refused(
            412, "incomplete", "The condition names no criteria", "Give it at least one, an identifier for example"
        )
    query = request.sight.within(msgspec.structs.replace(query, count=2))
    return list(service.store.search(query).found)
