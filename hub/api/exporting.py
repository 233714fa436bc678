"""`/fhir/$export`: HL7 FHIR Bulk Data Access 2.0.0, for the whole hub (of a person of a region: for her region) and for a Group.

    GET    /fhir/$export · /fhir/Group/{id}/$export      → 202, Content-Location
    GET    /fhir/$export-status/{job}                    → 202 and X-Progress, or 200 and the manifest
    DELETE /fhir/$export-status/{job}                    → 202: no more of it is made, what was made is erased
    GET    /fhir/$export-files/{job}/{number}            → NDJSON, gzip for who takes it

All of them need the same login (`requiresAccessToken`), and only who asked for an export gets it.
"""

import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

from litestar import Request, Response, Router, delete, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from litestar.response import Stream

from hub.api.access import permitted
from hub.api.answers import outcomes
from hub.api.blobs import begun
from hub.api.context import Context
from hub.blobs.keeping import plain_of
from hub.errors import ExportFailed
from hub.exporting import jobs
from hub.exporting.asking import text, understood
from hub.exporting.round import GZIP
from hub.exporting.working import about
from hub.sessions.visitor import Visitor
from hub.store.exports import JobRow, PartRow

ACT: Final = "export"
NDJSON: Final = "application/fhir+ndjson"
RETRY_SECONDS: Final = 5
PRIVATE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
INFLATED_BYTES: Final = 1 << 20


@get(
    "/$export",
    status_code=202,
    summary="Ask for an export of all resources",
    responses=outcomes(400, 401, 403, 429, 503),
)
async def export_all(
    request: Request[Any, Any, Any], context: NamedDependency[Context], visitor: NamedDependency[Visitor]
) -> Response[None]:
    return await kick_off(request, context, visitor, "")


@get(
    "/Group/{group:str}/$export",
    status_code=202,
    summary="Ask for an export of a facility, or of the members of a Group",
    responses=outcomes(400, 401, 403, 404, 429, 503),
)
async def export_group(
    request: Request[Any, Any, Any],
    group: FromPath[str],
    context: NamedDependency[Context],
    visitor: NamedDependency[Visitor],
) -> Response[None]:
    return await kick_off(request, context, visitor, group)


async def kick_off(request: Request[Any, Any, Any], context: Context, visitor: Visitor, group: str) -> Response[None]:
    """Notes what is asked for; a background task makes it."""
    asked = understood(list(request.query_params.multi_items()), request.headers)
    path = f"fhir/Group/{group}/$export" if group else "fhir/$export"
    url = address(request, path) + (f"?{asked.query}" if asked.query else "")
    job = await jobs.begin(context.hub, visitor, group, asked, url, now_of(context))
    return Response(
        None, status_code=202, headers=PRIVATE | {"Content-Location": address(request, f"fhir/$export-status/{job}")}
    )


@get(
    "/$export-status/{job:str}",
    summary="How far an export is; its manifest when it is done",
    responses={
        202: ResponseSpec(
            None, generate_examples=False, description="It is being made; X-Progress says how far it is."
        ),
        **outcomes(401, 403, 404, 429, 503),
    },
)
async def export_status(
    request: Request[Any, Any, Any],
    job: FromPath[str],
    context: NamedDependency[Context],
    visitor: NamedDependency[Visitor],
) -> Response[Any]:
    row, parts = await jobs.find(context.hub, visitor, job)
    if row.state == "failed":
        raise ExportFailed
    if row.state == "open" or row.ended is None:
        progress = f"{row.rows} resources were looked at" if row.instant is not None else "waiting"
        headers = {"X-Progress": progress, "Retry-After": str(RETRY_SECONDS)}
        return Response(None, status_code=202, headers=PRIVATE | headers)
    expires = row.ended.astimezone(UTC) + timedelta(hours=context.hub.settings.export_hours)
    headers = {"Expires": format_datetime(expires, usegmt=True)}
    return Response(manifest(request, row, parts), status_code=200, headers=PRIVATE | headers)


@delete(
    "/$export-status/{job:str}",
    status_code=202,
    summary="End an export and erase what it made",
    responses=outcomes(401, 403, 404, 429, 503),
)
async def end_export(
    request: Request[Any, Any, Any],
    job: FromPath[str],
    context: NamedDependency[Context],
    visitor: NamedDependency[Visitor],
) -> Response[None]:
    await jobs.drop(context.hub, visitor, job)
    return Response(None, status_code=202, headers=PRIVATE)


@get(
    "/$export-files/{job:str}/{number:int}",
    summary="A file of an export",
    media_type=NDJSON,
    responses=outcomes(400, 401, 403, 404, 429, 503),
)
async def export_file(
    request: Request[Any, Any, Any],
    job: FromPath[str],
    number: FromPath[int],
    context: NamedDependency[Context],
    visitor: NamedDependency[Visitor],
) -> Stream:
    part = await jobs.fetch(context.hub, visitor, job, number)
    key = context.hub.keys.own_seal.open(part.key, about(part.object))
    content = await begun(plain_of(context.hub.shards.first, part.object, key, part.size, 0, part.size))
    headers = PRIVATE | {"Vary": "Accept-Encoding, Authorization, Cookie"}
    if takes_gzip(request.headers.get("accept-encoding", "")):
        headers |= {"Content-Encoding": "gzip", "Content-Length": str(part.size)}
    else:
        content = inflated(content)
    return Stream(content, status_code=200, headers=headers, media_type=NDJSON)


def manifest(request: Request[Any, Any, Any], row: JobRow, parts: list[PartRow]) -> dict[str, Any]:
    """The list of an export's files, as the specification has it."""
    assert row.instant is not None
    told: dict[str, list[dict[str, Any]]] = {"output": [], "deleted": [], "error": []}
    for part in parts:
        url = address(request, f"fhir/$export-files/{row.id}/{part.number}")
        told[part.kind].append({"type": part.type, "url": url, "count": part.count})
    head = {"transactionTime": text(row.instant), "request": row.request, "requiresAccessToken": True}
    return head | told


def address(request: Request[Any, Any, Any], path: str) -> str:
    """An absolute URL of this server, as the client calls it."""
    return f"{str(request.base_url).rstrip('/')}/{path}"


def now_of(context: Context) -> datetime:
    return datetime.fromtimestamp(context.clock() / 1000, UTC)


def takes_gzip(header: str) -> bool:
    """Whether the client takes gzip (RFC 9110, section 12.5.3)."""
    weights: dict[str, str] = {}
    for part in header.split(","):
        name, _, weight = part.partition(";")
        weights[name.strip().lower()] = weight.replace(" ", "").lower()
    found = weights.get("gzip", weights.get("*"))
    return found is not None and found not in ("q=0", "q=0.0", "q=0.00", "q=0.000")


async def inflated(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What a gzip file holds, in bounded parts."""
    decompressor = zlib.decompressobj(GZIP)
    async for part in content:
        while part:
            yield decompressor.decompress(part, INFLATED_BYTES)
            part = decompressor.unconsumed_tail
    yield decompressor.flush()


router = Router(
    "/fhir",
    route_handlers=[export_all, export_group, export_status, end_export, export_file],
    guards=[permitted(ACT)],
    tags=["export"],
)
