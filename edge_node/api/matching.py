"""Patient `$match`: who of the patients here may be the one described (https://hl7.org/fhir/R4/patient-operation-match.html).

Candidates and scores are those that a person sees while registering somebody (`edge_node/store/similar.py`). The score is a probability, by
which people look through the answer; it is never a merge.
"""

from typing import Any, Final

import msgspec

from edge_node.api import media
from edge_node.api.messages import Request, Response, document
from edge_node.api.service import Service
from edge_node.store.similar import Similar

COUNT_DEFAULT: Final = 10
COUNT_MAX: Final = 100
GRADE: Final = "http://hl7.org/fhir/StructureDefinition/match-grade"
BELOW_CERTAIN: Final = 0.9999
"""`search.score` of 1 would say that it is she; likeness alone never does."""


def match(service: Service, request: Request, described: bytes, *, count: int, certain_only: bool) -> Response:
    """The patients that may be the one described, best first, each with its score and grade.

    With `certain_only` at most one: two that are equally certain are none (the operation's definition).
    """
    wanted = media.read(described)
    wanted.pop("id", None)  # whoever asks has numbers of their own
    found = service.store.similar(wanted, max(0, min(count, COUNT_MAX)) if not certain_only else 2)
    if certain_only:
        found = [one for one in found if one.score.grade == "certain"]
        found = found[:count] if len(found) == 1 else []
    entries = [_entry(request, one) for one in found]
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}
    return document(msgspec.json.encode({name: value for name, value in bundle.items() if value != []}))


def _entry(request: Request, one: Similar) -> dict[str, Any]:
    return {
        "fullUrl": f"{request.base}/Patient/{one.patient.id}",
        "resource": msgspec.Raw(one.patient.body or b"{}"),
        "search": {
            "mode": "match",
            "score": round(min(one.score.probability, BELOW_CERTAIN), 4),
            "extension": [{"url": GRADE, "valueCode": one.score.grade}],
        },
    }
