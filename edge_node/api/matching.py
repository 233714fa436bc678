"""Patient `$match`: who of the patients here may be the one described (https://hl7.org/fhir/R4/patient-operation-match.html).

Candidates come from the index: equal identifiers, equal phone numbers, names that begin alike. Each is scored by what agrees and what
contradicts; the score is an order for people to look through, never a merge.
"""

from typing import Any

import msgspec

from edge_node.api.messages import Request, Response, document
from edge_node.api.service import Service
from edge_node.fhir.criteria import escape
from edge_node.fhir.query import parse_query
from edge_node.fhir.values import fold
from edge_node.store.indexing import NATIONAL_DIGITS
from edge_node.store.model import Stored
from edge_node.store.rows import object_of

COUNT_DEFAULT = 10
COUNT_MAX = 100
CANDIDATES_MAX = 200
GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
GRADES = ((0.95, "certain"), (0.75, "probable"), (0.4, "possible"))
"""From this score on; below the last nobody is told."""

IDENTIFIER, NAME, PART_OF_NAME, BIRTH_DATE, BIRTH_YEAR, PHONE, GENDER = 0.8, 0.4, 0.2, 0.35, 0.1, 0.2, 0.1
CONTRADICTED = 0.3
"""What an unequal birth date or gender takes away."""


def match(service: Service, request: Request, described: bytes, *, count: int, certain_only: bool) -> Response:
    """The patients that may be the one described, best first, each with its score and grade."""
    wanted = object_of(described)
    scored = [(score(wanted, object_of(one.body or b"{}")), one) for one in _candidates(service, wanted)]
    scored.sort(key=lambda pair: (-pair[0], pair[1].id))
    entries = []
    for value, one in scored[: max(0, min(count, COUNT_MAX))]:
        grade = next((name for least, name in GRADES if value >= least), None)
        if grade is None or (certain_only and grade != "certain"):
            continue
        found = {"mode": "match", "score": value, "extension": [{"url": GRADE, "valueCode": grade}]}
        resource = msgspec.Raw(one.body or b"{}")
        entries.append({"fullUrl": f"{request.base}/Patient/{one.id}", "resource": resource, "search": found})
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}
    return document(msgspec.json.encode({name: value for name, value in bundle.items() if value != []}))


def score(wanted: dict[str, Any], found: dict[str, Any]) -> float:
    """From 0, nothing agrees, to 1."""
    total = IDENTIFIER if _identifiers(wanted) & _identifiers(found) else 0.0
    mine, theirs = _names(wanted), _names(found)
    common = len(mine & theirs)
    if common:
        total += NAME if common == min(len(mine), len(theirs)) else PART_OF_NAME
    total += PHONE if _phones(wanted) & _phones(found) else 0.0
    born, here = wanted.get("birthDate"), found.get("birthDate")
    if isinstance(born, str) and isinstance(here, str):
        length = min(len(born), len(here))
        if born[:length] == here[:length]:
            total += BIRTH_DATE if length == 10 else BIRTH_YEAR
        else:
            total -= CONTRADICTED
    if wanted.get("gender") and found.get("gender"):
        total += GENDER if wanted["gender"] == found["gender"] else -CONTRADICTED
    return round(min(1.0, max(0.0, total)), 2)


def _candidates(service: Service, wanted: dict[str, Any]) -> list[Stored]:
    found: dict[int, Stored] = {}
    pairs = [("identifier", f"{escape(system)}|{escape(value)}") for system, value in sorted(_identifiers(wanted))]
    pairs += (
        [("birthdate", wanted["birthDate"])]
        if isinstance(wanted.get("birthDate"), str) and len(wanted["birthDate"]) == 10
        else []
    )
    for pair in pairs[:10]:
        query = parse_query("Patient", [pair, ("_count", str(CANDIDATES_MAX))], now_ms=service.now_ms())
        found.update((one.key, one) for one in service.store.search(query).found)
    for text in [*sorted(_phones(wanted)), *_lines(wanted)][:10]:
        found.update((one.key, one) for one in service.store.find_patients(text, CANDIDATES_MAX))
    return list(found.values())


def _objects(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _identifiers(patient: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (str(entry.get("system", "")), entry["value"])
        for entry in _objects(patient.get("identifier"))
        if isinstance(entry.get("value"), str)
    }


def _phones(patient: dict[str, Any]) -> set[str]:
    """Numbers without their country's prefix."""
    found = set()
    for entry in _objects(patient.get("telecom")):
        digits = "".join(letter for letter in str(entry.get("value", "")) if letter.isdigit())
        if entry.get("system") in ("phone", "sms", None) and len(digits) >= NATIONAL_DIGITS - 2:
            found.add(digits.lstrip("0")[-NATIONAL_DIGITS:])
    return found


def _names(patient: dict[str, Any]) -> set[str]:
    """Words of all names, folded."""
    return {fold(word) for line in _lines(patient) for word in line.split()}


def _lines(patient: dict[str, Any]) -> list[str]:
    lines = []
    for name in _objects(patient.get("name")):
        given = name.get("given")
        words = [str(word) for word in given if word] if isinstance(given, list) else []
        text = " ".join([*words, str(name.get("family", ""))]).strip()
        lines += [text] if text else []
    return lines
