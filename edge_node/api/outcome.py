"""The one place where errors become answers: an OperationOutcome on FHIR paths, RFC 9457 problem+json elsewhere.

Every answer says what was wrong and what to do next. None carries a stack trace, a value or an identifier of a patient: the
texts are written here or where the error is raised, and never come from the data.

Source: https://hl7.org/fhir/R4/http.html#Status-Codes, https://hl7.org/fhir/R4/valueset-issue-type.html
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType

import msgspec

from edge_node.errors import DatabaseBusy, EdgeError, InvalidResource, StorageFault, TooManyTries, Unauthorised
from edge_node.fhir.criteria import QueryError
from edge_node.fhir.validation import Issue
from sync_protocol.errors import MalformedData, ProtocolError, TooLarge

FHIR_JSON = "application/fhir+json; charset=utf-8"
PROBLEM_JSON = "application/problem+json; charset=utf-8"
_NONE: Mapping[str, str] = MappingProxyType({})


class Refused(Exception):
    """A request that is not done. `what` says why, `hint` what its sender does next; `issues` when there are several."""

    def __init__(
        self,
        status: int,
        code: str,
        what: str,
        hint: str = "",
        *,
        headers: Mapping[str, str] = _NONE,
        issues: Sequence[Issue] = (),
    ) -> None:
        super().__init__(what)
        self.status = status
        self.code = code
        self.what = what
        self.hint = hint
        self.headers = headers
        self.issues = tuple(issues)


class Answered(msgspec.Struct, frozen=True):
    """An error as HTTP."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]


def outcome(issues: Sequence[Issue]) -> bytes:
    """An OperationOutcome as JSON."""
    return msgspec.json.encode({"resourceType": "OperationOutcome", "issue": [_issue(issue) for issue in issues]})


def done(text: str) -> bytes:
    """The OperationOutcome of something that went well, for `Prefer: return=OperationOutcome`."""
    return outcome([Issue("information", "informational", "", text)])


def _issue(issue: Issue) -> dict[str, object]:
    shown: dict[str, object] = {"severity": issue.severity, "code": issue.code, "diagnostics": issue.diagnostics}
    if issue.expression:
        shown["expression"] = [issue.expression]
    return shown


def issues_of(refused: Refused) -> tuple[Issue, ...]:
    """What an OperationOutcome of this refusal says."""
    if refused.issues:
        return refused.issues
    text = f"{refused.what}. {refused.hint}" if refused.hint else f"{refused.what}."
    return (Issue("fatal" if refused.status >= 500 else "error", refused.code, "", text),)


def as_outcome(error: Exception) -> Answered:
    """An error on a FHIR path."""
    refused = understand(error)
    headers = (("content-type", FHIR_JSON), *refused.headers.items())
    return Answered(refused.status, outcome(issues_of(refused)), headers)


def as_problem(error: Exception) -> Answered:
    """An error elsewhere (RFC 9457)."""
    refused = understand(error)
    problem: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(refused.status).phrase,
        "status": refused.status,
        "detail": f"{refused.what}.",
    }
    if refused.hint:
        problem["hint"] = refused.hint
    headers = (("content-type", PROBLEM_JSON), *refused.headers.items())
    return Answered(refused.status, msgspec.json.encode(problem), headers)


def understand(error: Exception) -> Refused:
    """What any error means to the one who asked. What is not foreseen here is our fault: 500, and nothing of it is told."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, EdgeError):
        issues = error.issues if isinstance(error, InvalidResource) else ()
        code = CODES.get(error.status, "processing")
        what = error.title if isinstance(error, StorageFault) else str(error)
        return Refused(error.status, code, what.rstrip("."), error.hint, headers=_headers(error), issues=issues)
    if isinstance(error, QueryError):
        issue = Issue("error", error.code, error.expression, error.diagnostics)
        hint = "/fhir/metadata lists what each type can be searched by"
        return Refused(400, error.code, f"{error.expression}: {error.diagnostics}", hint, issues=[issue])
    if isinstance(error, ProtocolError):
        status = 413 if isinstance(error, TooLarge) else 400 if isinstance(error, MalformedData) else 422
        what = str(error)
        return Refused(status, CODES[status], what[:1].upper() + what[1:].rstrip("."), error.hint)
    return Refused(
        500, "exception", "Something failed here that should not have", "Try again; if it stays, look into the log"
    )


def _headers(error: EdgeError) -> dict[str, str]:
    if isinstance(error, TooManyTries):
        return {"retry-after": str(RETRY_AFTER_SECONDS)}
    if isinstance(error, DatabaseBusy):
        return {"retry-after": "1"}
    return CHALLENGE if isinstance(error, Unauthorised) else {}


RETRY_AFTER_SECONDS = 60
CHALLENGE = {"www-authenticate": 'Bearer realm="MedTech Edge"'}
CODES: dict[int, str] = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    409: "duplicate",
    410: "deleted",
    412: "conflict",
    413: "too-long",
    415: "not-supported",
    422: "processing",
    423: "login",
    429: "throttled",
    500: "exception",
    502: "transient",
    503: "transient",
    507: "no-store",
}
"""HTTP status → FHIR issue type, where no better one is known."""
