"""Errors as `application/problem+json` (RFC 9457), below `/fhir` as an OperationOutcome. The one place where an error becomes HTTP.

Members: `type` (a URN of the error's name), `title`, `status`, `detail` (what is wrong), `hint` (what to do next), and for
faults of the hub `instance`, which stands in the log too. Never a stack trace, never patient data.
"""

import re
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec import Struct

from hub.errors import HubError
from hub.logs import where
from sync_protocol.errors import ProtocolError, TooLarge, UnsupportedProtocol

MEDIA_TYPE: Final = "application/problem+json"
PROTOCOL_STATUS: Final[dict[type[ProtocolError], int]] = {TooLarge: 413, UnsupportedProtocol: 426}
HINTS: Final = {
    400: "Correct the request; /schema says what is expected.",
    401: "Send `Authorization: Bearer …`.",
    404: "`/` names the places of this server.",
    405: "See /schema for the methods of this place.",
    413: "Send less at once.",
    415: "See /schema for the content types understood here.",
}
FHIR_PATH: Final = "/fhir/"
FHIR_TYPE: Final = "application/fhir+json"
ISSUE_CODES: Final = {
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    409: "conflict",
    413: "too-long",
    415: "not-supported",
    429: "throttled",
    503: "transient",
}
"""Status → code of the value set issue-type."""
log = structlog.get_logger()


class Problem(Struct, frozen=True, omit_defaults=True):
    """The document."""

    type: str
    title: str
    status: int
    detail: str
    hint: str
    instance: str | None = None


class Issue(Struct, frozen=True):
    """What is wrong, in an OperationOutcome."""

    severity: str
    code: str
    details: dict[str, str]
    diagnostics: str


class Outcome(Struct, frozen=True, tag_field="resourceType", tag="OperationOutcome"):
    """FHIR's OperationOutcome (R4, 2.35)."""

    issue: list[Issue]


def name_of(error: type[Exception]) -> str:
    """`TooManyTries` → `urn:medtech:problem:too-many-tries`."""
    return "urn:medtech:problem:" + re.sub(r"(?<!^)(?=[A-Z])", "-", error.__name__).lower()


def describe(error: Exception) -> tuple[Problem, dict[str, str]]:
    """The document of an error, and the headers that go with it."""
    if isinstance(error, HubError) and error.status != HTTPStatus.INTERNAL_SERVER_ERROR:
        headers = dict(error.headers)
        if error.retry_after_seconds is not None:
            headers["Retry-After"] = str(error.retry_after_seconds)
        if error.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        return Problem(name_of(type(error)), error.title, error.status, str(error), error.hint), headers
    if isinstance(error, ProtocolError):
        status = PROTOCOL_STATUS.get(type(error), 400)
        return Problem(name_of(type(error)), "The exchange was not understood", status, str(error), error.hint), {}
    if isinstance(error, HTTPException) and error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        status = error.status_code
        detail = "; ".join([error.detail, *places(error)])
        title = HTTPStatus(status).phrase
        return Problem("about:blank", title, status, detail, HINTS.get(status, HINTS[400])), dict(error.headers or {})
    instance = f"urn:uuid:{uuid4()}"
    log.error("failed", instance=instance, error=type(error).__name__, where=where(error))
    detail = "The hub failed to answer. What was not acknowledged is sent again by the node."
    hint = "Try again. If it stays so, look for the instance in the hub's log."
    return Problem("about:blank", "Internal Server Error", 500, detail, hint, instance), {}


def places(error: HTTPException) -> list[str]:
    """Where in a body validation failed, and what was expected there."""
    found = error.extra if isinstance(error, ValidationException) else None
    rows = found if isinstance(found, list) else []
    return [f"{row.get('key', '')}: {row.get('message', '')}".strip(": ") for row in rows if isinstance(row, dict)]


def outcome(problem: Problem) -> Outcome:
    """A problem as FHIR says it."""
    code = ISSUE_CODES.get(problem.status, "exception" if problem.status >= 500 else "invalid")
    said = f"{problem.detail} {problem.hint}"
    told = f"{said} ({problem.instance})" if problem.instance else said
    return Outcome([Issue("error", code, {"text": problem.title}, told)])


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """What Litestar calls for every exception."""
    problem, headers = describe(error)
    if problem.status in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.SERVICE_UNAVAILABLE):
        # Whatever of the body was not read is not waited for.
        headers["Connection"] = "close"
    if request.url.path.startswith(FHIR_PATH):
        return Response(outcome(problem), status_code=problem.status, media_type=FHIR_TYPE, headers=headers)
    return Response(problem, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)
