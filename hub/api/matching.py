"""`POST /fhir/Patient/$match` (https://hl7.org/fhir/R4/patient-operation-match.html), over the regions of who asks."""

from typing import Annotated, Any, Literal

from litestar import Response, Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from hub import matching
from hub.api.access import permitted
from hub.api.answers import outcomes
from hub.api.context import Context
from hub.api.problems import FHIR_TYPE
from hub.errors import BadRequest
from hub.sessions.visitor import Visitor


class Parameter(Struct, frozen=True, rename="camel"):
    """`resource`: the Patient described. `onlyCertainMatches` and `count` have a value."""

    name: str
    resource: dict[str, Any] | None = None
    value_boolean: bool | None = None
    value_integer: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None


class Parameters(Struct, frozen=True, rename="camel"):
    """FHIR's Parameters, as far as the operation has them."""

    resource_type: Literal["Parameters"]
    parameter: Annotated[list[Parameter], Meta(max_length=20)]


@post(
    "/Patient/$match",
    status_code=200,
    summary="Who of the patients of one's regions may be the one described",
    guards=[permitted("patients.match")],
    media_type=FHIR_TYPE,
    responses=outcomes(400, 401, 403, 413, 429, 503),
)
async def match(
    data: JSONBody[Parameters], context: NamedDependency[Context], visitor: NamedDependency[Visitor]
) -> Response[dict[str, Any]]:
    """Each question is counted and written into the audit, with how many were found and not for whom. The score is a probability, by
    which people look through the answer; it is never a merge."""
    found = await matching.match(context.hub, visitor, _understood(data))
    entries = [matching.entry(one) for one in found]
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)} | (
        {"entry": entries} if entries else {}
    )
    return Response(bundle, headers={"Cache-Control": "no-store"}, media_type=FHIR_TYPE)


def _understood(data: Parameters) -> matching.Asked:
    given = {one.name: one for one in data.parameter}
    if unknown := given.keys() - {"resource", "onlyCertainMatches", "count"}:
        raise BadRequest(
            f"{len(unknown)} parameters are not understood here.",
            hint="There are resource, onlyCertainMatches and count.",
        )
    patient = given["resource"].resource if "resource" in given else None
    count = given["count"].value_integer if "count" in given else matching.COUNT_DEFAULT
    certain_only = given["onlyCertainMatches"].value_boolean if "onlyCertainMatches" in given else False
    if patient is None or count is None or certain_only is None:
        raise BadRequest(
            "A parameter has no value of its type.",
            hint="Send resource with a Patient, count with valueInteger, onlyCertainMatches with valueBoolean.",
        )
    return matching.understood(patient, count, certain_only=certain_only)


router = Router("/fhir", route_handlers=[match], tags=["match"])
