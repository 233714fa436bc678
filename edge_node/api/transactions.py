"""Transactions: all entries or none (https://hl7.org/fhir/R4/http.html#trules).

Runs on the writer's thread: conditions are looked up, placeholders become names, everything is written at once, and the reads of the
same Bundle see what was written.
"""

from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

import msgspec

from edge_node.api import interactions
from edge_node.api.bundles import METHODS, Entry, Step, failed_entry, response_bundle, step, told_entry
from edge_node.api.finding import find
from edge_node.api.incoming import body_head, check_writable
from edge_node.api.messages import Request, Response
from edge_node.api.outcome import Refused, issues_of, understand
from edge_node.api.references import Placeholders, rewrite
from edge_node.api.routes import Route
from edge_node.api.service import Service
from edge_node.errors import EdgeError, InvalidResource, RequestFault
from edge_node.fhir.criteria import QueryError
from edge_node.fhir.validation import Issue, has_errors, validate
from edge_node.store.model import Stored, Write, Written
from sync_protocol.errors import ProtocolError

Answer = Callable[[Service, Request, Route], Response]
P = ParamSpec("P")
T = TypeVar("T")

WRITES = frozenset(
    {"create", "update", "patch", "delete", "conditional-update", "conditional-patch", "conditional-delete"}
)


class Planned(msgspec.Struct):
    """An entry that writes: the write, or what is there already and stays as it is (None: nothing to delete)."""

    step: Step
    write: Write | None
    present: Stored | None = None


def transaction(service: Service, request: Request, entries: Sequence[Entry], answer: Answer) -> Response:
    """Carries it out. `answer` answers the entries that only read. Raises Refused for the first entry that cannot be written."""
    steps = [_told(at, step, request, at, entry) for at, entry in enumerate(entries)]
    in_order = sorted(steps, key=lambda one: METHODS.index(one.request.method))
    names = Placeholders()
    planned = [_told(one.at, _plan, service, one, names) for one in in_order if one.route.interaction in WRITES]
    _refuse_overlaps(planned)
    for plan in planned:
        _told(plan.step.at, _resolve, service, plan, names)
    answers = {at: told_entry(response) for at, response in _write(service, request, planned).items()}
    for one in in_order:
        if one.route.interaction not in WRITES:
            answers[one.at] = _read(service, one, answer)
    return response_bundle("transaction-response", [answers[at] for at in range(len(steps))])


def _read(service: Service, one: Step, answer: Answer) -> dict[str, object]:
    """An entry that only reads. What it does not find is told in its place: everything has been written by then."""
    try:
        return told_entry(answer(service, one.request, one.route))
    except (EdgeError, ProtocolError, QueryError, Refused) as error:
        return failed_entry(error)


def _plan(service: Service, one: Step, names: Placeholders) -> Planned:
    """What an entry will write, and under which name, before references are resolved."""
    request, route = one.request, one.route
    type_, id_ = route.type or "", route.id or ""
    check_writable(type_)
    request.sight.check_writes(type_)
    planned = Planned(one, None)
    if route.interaction == "create":
        planned = _plan_create(service, one, type_)
    elif route.interaction in ("update", "conditional-update"):
        head = body_head(request.body, type_)
        if route.interaction == "conditional-update":
            planned.write = interactions.conditional_update_of(service, request, type_, head.id, head.version)
        elif head.id not in (None, id_):
            raise Refused(400, "invalid", "The resource has another id than the entry's url", "Give both the same id")
        else:
            planned.write = interactions.update_of(service, request, type_, id_, head.version)
    elif route.interaction in ("patch", "conditional-patch"):
        target = id_ or interactions.single(service, request, type_).id
        planned.write = interactions.patch_of(service, request, type_, target)
    else:
        _plan_delete(service, planned, type_, id_)
    name = planned.write or planned.present
    if name is not None and name.body is not None:
        names.add(one.full_url, f"{name.type}/{name.id}")
    return planned


def _plan_create(service: Service, one: Step, type_: str) -> Planned:
    body_head(one.request.body, type_)
    criteria = one.request.headers.get("if-none-exist")
    matches = find(service, one.request, type_, criteria) if criteria is not None else []
    interactions.refuse_several(matches)
    if matches:
        return Planned(one, None, matches[0])
    return Planned(one, interactions.creation(service, one.request, type_))


def _plan_delete(service: Service, planned: Planned, type_: str, id_: str) -> None:
    request = planned.step.request
    if not id_:
        matches = find(service, request, type_, request.query)
        interactions.refuse_several(matches)
        id_ = matches[0].id if matches else ""
    planned.write = interactions.delete_of(service, request, type_, id_) if id_ else None


def _refuse_overlaps(planned: Sequence[Planned]) -> None:
    """Raises Refused when two entries write one resource: their order would decide."""
    seen: dict[tuple[str, str | None], int] = {}
    for one in planned:
        if one.write is None:
            continue
        name = (one.write.type, one.write.id)
        if name in seen:
            where = (f"Bundle.entry[{seen[name]}]", f"Bundle.entry[{one.step.at}]")
            issues = [Issue("error", "duplicate", place, "Two entries write the same resource.") for place in where]
            raise Refused(400, "duplicate", "Two entries write the same resource", "Make one of them", issues=issues)
        seen[name] = one.step.at


def _resolve(service: Service, one: Planned, names: Placeholders) -> None:
    """Puts names for placeholders and conditional references."""
    if one.write is None or one.write.body is None:
        return

    def found(reference: str) -> str:
        type_, _, criteria = reference.partition("?")
        matches = find(service, one.step.request, type_, criteria)
        if len(matches) != 1:
            count = "Several resources match" if matches else "Nothing matches"
            raise Refused(
                412, "multiple-matches" if matches else "not-found", f"{count} a conditional reference", "Correct it"
            )
        return f"{matches[0].type}/{matches[0].id}"

    body = rewrite(one.write.body, one.step.full_url, names, found)
    one.write = msgspec.structs.replace(one.write, body=body)


def _write(service: Service, request: Request, planned: Sequence[Planned]) -> dict[int, Response]:
    """Writes all, and the answer of each entry by its place."""
    writing = [(one, one.write) for one in planned if one.write is not None]
    written: list[Written] = []
    if writing:
        try:
            written = service.store.write([write for _, write in writing], request.author, service.now_ms())
        except RequestFault as error:
            raise _placed(service, error, writing) from error
    answers = {one.step.at: Response(204) for one in planned if one.write is None and one.present is None}
    for one in planned:
        if one.present is not None:
            answers[one.step.at] = interactions.written_answer(one.step.request, one.present)
    for (one, _), what in zip(writing, written, strict=True):
        answers[one.step.at] = interactions.written_answer(
            one.step.request, what.stored, created=what.created, issues=what.issues
        )
    return answers


def _told(at: int, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Does it; when that fails, the error names the entry."""
    try:
        return do(*args, **kwargs)
    except (EdgeError, ProtocolError, QueryError, Refused) as error:
        raise _in_entry(at, error) from error


def _in_entry(at: int, error: Exception) -> Refused:
    """The error, its issues placed in the entry. 404, 405 and 410 of one entry are 422 or 412 of the whole."""
    refused = understand(error)
    place = f"Bundle.entry[{at}]"
    issues = [
        msgspec.structs.replace(
            issue, expression=f"{place}.resource" if issue.expression else place, diagnostics=_said(issue)
        )
        for issue in issues_of(refused)
    ]
    status = 422 if refused.status in (404, 405, 410, 415) else refused.status
    return Refused(status, refused.code, refused.what, refused.hint, issues=issues)


def _said(issue: Issue) -> str:
    return f"{issue.expression}: {issue.diagnostics}" if issue.expression else issue.diagnostics


def _is_wrong(body: bytes) -> bool:
    try:
        return has_errors(validate(msgspec.json.decode(body)))
    except msgspec.MsgspecError:  # a number that no program holds, half of a letter
        return True


def _placed(service: Service, error: RequestFault, writing: Sequence[tuple[Planned, Write]]) -> Exception:
    """The store's refusal with the entry that it is about, found by asking for each alone what the store asked."""
    for one, write in writing:
        if isinstance(error, InvalidResource):
            wrong = write.body is not None and _is_wrong(write.body)
        else:
            stored = service.store.read(write.type, write.id or "")
            version = stored.version if stored is not None else None
            wrong = (write.if_match and write.seen != version) or (write.create and stored is not None)
        if wrong:
            return _in_entry(one.step.at, error)
    return error
