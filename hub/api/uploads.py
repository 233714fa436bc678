"""How nodes bring files: `/blobs/uploads`, as tus 1.0.0 says (tus.io), with its extensions creation, expiration and termination.

    POST   /blobs/uploads       Upload-Length, Upload-Metadata: sha256 <64 hex digits>[, facility <its id>], both in base64 → 201, Location
    HEAD   /blobs/uploads/{id}  → Upload-Offset: so much is here
    PATCH  /blobs/uploads/{id}  Upload-Offset → 204, Upload-Offset; when all is here, the file is at /blobs/{sha256}
    DELETE /blobs/uploads/{id}  → 204

Other metadata, such as a file's name, is neither needed nor kept: it may be a patient's.
"""

import asyncio
from base64 import b64decode
from binascii import Error
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

from litestar import Request, Response, Router, delete, patch, post, route
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from hub.api.answers import answers
from hub.api.askers import node_of
from hub.api.blobs import SHA256
from hub.api.context import Context
from hub.api.problems import answer
from hub.blobs import uploading
from hub.errors import BadRequest, Busy, WrongType
from hub.store.blobs import UploadRow

VERSION: Final = "1.0.0"
TUS: Final = {"Tus-Resumable": VERSION}
CHUNK_TYPE: Final = "application/offset+octet-stream"
PATH: Final = "/blobs/uploads"
METADATA_CHARS_MAX: Final = 4096
LENGTH_DIGITS_MAX: Final = 15


@route(
    "/",
    http_method=["OPTIONS"],
    status_code=204,
    summary="What of tus is understood here",
    responses={204: ResponseSpec(None, generate_examples=False, description="It stands in the headers.")},
)
async def describe_uploads(context: NamedDependency[Context]) -> Response[None]:
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": "creation,expiration,termination",
        "Tus-Max-Size": str(context.hub.settings.blob_bytes_max),
    }
    return Response(None, status_code=204, headers=TUS | headers)


@post("/", status_code=201, summary="Announce a file", responses=answers(400, 401, 403, 404, 413, 429, 503))
async def begin_upload(request: Request[Any, Any, Any], context: NamedDependency[Context]) -> Response[None]:
    """Tells where to send it."""
    speaks_tus(request)
    place, node = await node_of(request, context)
    said = metadata(request.headers.get("upload-metadata", ""))
    digest = said.get("sha256", "")
    if not SHA256.fullmatch(digest):
        raise BadRequest("Upload-Metadata has no sha256.", hint="Send `Upload-Metadata: sha256 …`, in base64.")
    size = number(request, "upload-length")
    facility = said.get("facility", node.facility)
    upload = await uploading.begin(place, node, facility, bytes.fromhex(digest), size, now_of(context))
    row = await uploading.state(place, node, upload)
    return Response(None, status_code=201, headers=told(context, row) | {"Location": f"{PATH}/{upload}"})


@route(
    "/{upload:str}",
    http_method=["HEAD"],
    status_code=200,
    summary="How much of a file is here",
    responses={
        200: ResponseSpec(None, generate_examples=False, description="It stands in the headers."),
        **answers(400, 401, 403, 404, 503),
    },
)
async def read_upload(
    request: Request[Any, Any, Any], upload: FromPath[str], context: NamedDependency[Context]
) -> Response[None]:
    speaks_tus(request)
    place, node = await node_of(request, context)
    row = await uploading.state(place, node, upload)
    headers = {"Upload-Length": str(row.size), "Cache-Control": "no-store"}
    return Response(None, status_code=200, headers=told(context, row) | headers)


# The body is bounded by what was announced.
@patch(
    "/{upload:str}",
    status_code=204,
    request_max_body_size=None,
    summary="Send a part of a file",
    responses=answers(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
async def append_to_upload(
    request: Request[Any, Any, Any], upload: FromPath[str], context: NamedDependency[Context]
) -> Response[None]:
    """Goes on where the last part ended. What came before a break is kept."""
    speaks_tus(request)
    place, node = await node_of(request, context)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != CHUNK_TYPE:
        raise WrongType(hint=f"Send {CHUNK_TYPE}.")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise WrongType("A compressed body is not taken.", hint="Send the file as it is.")
    at = number(request, "upload-offset")
    if context.uploads.locked():
        raise Busy(retry_after_seconds=context.hub.settings.retry_after_seconds)
    async with context.uploads:
        await uploading.append(place, node, upload, at, incoming(request, context), now_of(context))
    row = await uploading.state(place, node, upload)
    return Response(None, status_code=204, headers=told(context, row))


@delete(
    "/{upload:str}",
    status_code=204,
    summary="Do not send a file after all",
    responses=answers(400, 401, 403, 404, 503),
)
async def end_upload(
    request: Request[Any, Any, Any], upload: FromPath[str], context: NamedDependency[Context]
) -> Response[None]:
    speaks_tus(request)
    place, node = await node_of(request, context)
    await uploading.end(place, node, upload)
    return Response(None, status_code=204, headers=TUS)


def speaks_tus(request: Request[Any, Any, Any]) -> None:
    """Raises `BadRequest` for another version."""
    if request.headers.get("tus-resumable") != VERSION:
        raise BadRequest("Files are sent as tus 1.0.0 says.", hint=f"Send `Tus-Resumable: {VERSION}`.")


def number(request: Request[Any, Any, Any], header: str) -> int:
    """A header that is a number. Raises `BadRequest`."""
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdigit()) or len(text) > LENGTH_DIGITS_MAX:
        raise BadRequest(f"The header {header} is no number.")
    return int(text)


def metadata(header: str) -> dict[str, str]:
    """The pairs of Upload-Metadata. Raises `BadRequest`."""
    if len(header) > METADATA_CHARS_MAX:
        raise BadRequest("Upload-Metadata is too long.")
    try:
        pairs = [pair.strip().partition(" ") for pair in header.split(",") if pair.strip()]
        return {name: b64decode(value, validate=True).decode() for name, _, value in pairs}
    except (Error, ValueError) as error:
        raise BadRequest("Upload-Metadata is not names with values in base64.") from error


def told(context: Context, row: UploadRow) -> dict[str, str]:
    """How far it is, and until when it can go on."""
    expires = row.touched.astimezone(UTC) + timedelta(hours=context.hub.settings.upload_hours)
    return TUS | {"Upload-Offset": str(row.received), "Upload-Expires": http_date(expires)}


def now_of(context: Context) -> datetime:
    return datetime.fromtimestamp(context.clock() / 1000, UTC)


def http_date(at: datetime) -> str:
    """As RFC 9110 has it."""
    return format_datetime(at, usegmt=True)


async def incoming(request: Request[Any, Any, Any], context: Context) -> AsyncIterator[bytes]:
    """The body, as long as it may take."""
    chunks = aiter(request.stream())
    deadline = asyncio.get_running_loop().time() + context.hub.settings.upload_seconds_max
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise BadRequest("The body did not come in time.", hint="Ask with HEAD what is here, and go on.") from error
        yield chunk


def tus_answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Errors as everywhere, with the header that every answer of tus has."""
    response = answer(request, error)
    response.set_header("Tus-Resumable", VERSION)
    return response


router = Router(
    PATH,
    route_handlers=[describe_uploads, begin_upload, read_upload, append_to_upload, end_upload],
    exception_handlers={Exception: tus_answer},
    tags=["files"],
)
