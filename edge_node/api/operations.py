"""Operations: Patient `$everything` and `$match`, `$validate` (https://hl7.org/fhir/R4/operations.html)."""

from collections.abc import Callable

import msgspec

from edge_node.api import interactions, matching, media, searching
from edge_node.api.incoming import head
from edge_node.api.messages import Request, Response, document
from edge_node.api.outcome import Refused, done, outcome
from edge_node.api.routes import Route
from edge_node.api.service import Service
from edge_node.errors import Forbidden
from edge_node.fhir.validation import Issue, validate


class _Parameter(msgspec.Struct, rename="camel"):
    name: str = ""
    resource: msgspec.Raw = msgspec.Raw()
    value_code: str | None = None
    value_integer: int | None = None
    value_boolean: bool | None = None
    value_string: str | None = None


class Parameters(msgspec.Struct, rename="camel"):
    """The input of an operation by POST."""

    resource_type: str = ""
    parameter: list[_Parameter] = []

    def resource(self) -> bytes:
        """The resource that was given; empty when none was."""
        return next((bytes(one.resource) for one in self.parameter if one.name == "resource"), b"")

    def one(self, name: str) -> _Parameter | None:
        """The parameter of a name."""
        return next((one for one in self.parameter if one.name == name), None)


def operation(service: Service, request: Request, route: Route) -> Response:
    """Carries out the operation that the path names. Raises Refused (404) for one that is not here."""
    found = TABLE.get(route.operation or "")
    level = "instance" if route.id is not None else "type" if route.type is not None else "system"
    if found is None or level not in found.levels or (found.types and route.type not in found.types):
        raise Refused(404, "not-supported", "There is no such operation here", "See /fhir/metadata for those there are")
    return found.do(service, request, route)


def _everything(service: Service, request: Request, route: Route) -> Response:
    interactions.present(service, request.sight, "Patient", route.id or "")
    pairs = list(request.query)
    if request.method == "POST" and request.body:
        for one in parameters(request).parameter:
            value = one.value_string or one.value_code or one.value_integer
            pairs += [(one.name, str(value))] if value is not None else []
    return searching.everything(service, request, searching.Asked(searching.EVERYTHING, route.id, tuple(pairs)))


def _match(service: Service, request: Request, route: Route) -> Response:
    if not request.sight.sees_type("Patient"):
        raise Forbidden("Looking for people is not for your role")
    given = parameters(request)
    resource = given.resource()
    if not resource or head(resource).type != "Patient":
        raise Refused(400, "required", "$match needs a Patient", "Send Parameters with one named resource")
    count, certain = given.one("count"), given.one("onlyCertainMatches")
    return matching.match(
        service,
        request,
        resource,
        count=count.value_integer if count is not None and count.value_integer is not None else matching.COUNT_DEFAULT,
        certain_only=bool(certain is not None and certain.value_boolean),
    )


def _validate(service: Service, request: Request, route: Route) -> Response:
    """Always 200: the outcome is the answer (resource-operation-validate.html)."""
    if request.method in ("GET", "HEAD"):
        if route.id is None:
            raise Refused(400, "required", "There is nothing to validate", "POST the resource")
        body = interactions.present(service, request.sight, route.type or "", route.id).body or b""
    else:
        media.check_body(request.media, media.JSON)
        body = request.body
        if head(body).type == "Parameters":
            body = parameters(request).resource()
            if not body:
                raise Refused(
                    400, "required", "There is nothing to validate", "Send Parameters with one named resource"
                )
    found = head(body)
    issues = validate(media.read(body))
    if route.type is not None and found.type != route.type:
        issues.append(
            Issue("error", "invalid", f"{found.type}.resourceType", "The resource is of another type than the address")
        )
    return document(outcome(issues) if issues else done("The resource is valid."))


def parameters(request: Request) -> Parameters:
    """The Parameters in a request's body. Raises Refused."""
    media.check_body(request.media, media.JSON)
    try:
        given = msgspec.json.decode(request.body, type=Parameters)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(
            400, "structure", "The body is no Parameters resource", "See the operation's definition"
        ) from error
    if given.resource_type == "Parameters":
        return given
    return Parameters("Parameters", [_Parameter("resource", msgspec.Raw(request.body))])


class Operation(msgspec.Struct, frozen=True):
    """An operation: where it may stand, for which types (none: all), and its definition's address."""

    do: Callable[[Service, Request, Route], Response]
    levels: frozenset[str]
    types: frozenset[str]
    definition: str


TABLE: dict[str, Operation] = {
    "$everything": Operation(
        _everything,
        frozenset({"instance"}),
        frozenset({"Patient"}),
        "http://hl7.org/fhir/OperationDefinition/Patient-everything",
    ),
    "$match": Operation(
        _match, frozenset({"type"}), frozenset({"Patient"}), "http://hl7.org/fhir/OperationDefinition/Patient-match"
    ),
    "$validate": Operation(
        _validate,
        frozenset({"system", "type", "instance"}),
        frozenset(),
        "http://hl7.org/fhir/OperationDefinition/Resource-validate",
    ),
}
