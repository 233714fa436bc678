"""What endpoints answer besides what they are for, for the OpenAPI document: problems, by status."""

from typing import Final

from litestar.openapi.datastructures import ResponseSpec

from hub.api.problems import FHIR_TYPE, MEDIA_TYPE, Outcome, Problem

MEANINGS: Final = {
    400: "What was sent does not say what it has to.",
    401: "Nobody is logged in, or what was shown is wrong or over.",
    403: "This is not allowed.",
    404: "There is no such thing, or not for who asks.",
    405: "There is no such method here.",
    409: "There is one already, and it is another.",
    413: "The body is too large.",
    415: "The content type is not understood here.",
    416: "The file has no such part.",
    422: "The content is not what was announced.",
    426: "The node's program is too old for this hub, or too new.",
    429: "Too often. `Retry-After` says when it may be tried again.",
    500: "The hub failed; `instance` stands in its log.",
    503: "Not now. `Retry-After` says when it may be tried again.",
}


def answers(*statuses: int) -> dict[int, ResponseSpec]:
    """The problems that an endpoint may answer with, and 500, which any may."""
    return {
        status: ResponseSpec(Problem, generate_examples=False, description=MEANINGS[status], media_type=MEDIA_TYPE)
        for status in (*statuses, 500)
    }


def outcomes(*statuses: int) -> dict[int, ResponseSpec]:
    """The same below `/fhir`."""
    return {
        status: ResponseSpec(Outcome, generate_examples=False, description=MEANINGS[status], media_type=FHIR_TYPE)
        for status in (*statuses, 500)
    }
