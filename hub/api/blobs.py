"""Files that records speak of: `/blobs/{sha256}`, for nodes, people, and whoever has a signed address.

A file never changes under its name, so whoever has it may keep it: a strong ETag, `immutable`, parts by Range. What comes is only ever a
picture or a document (`hub.blobs.kinds`), and no browser takes it for a page.
"""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from litestar import Request, Response, Router, post, route
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, Parameter
from litestar.response import Stream

from hub.api.answers import answers
from hub.api.askers import asker_of
from hub.api.context import Context
from hub.api.ranges import Part, asked_part, has_it
from hub.blobs import links
from hub.blobs.keeping import plain_of
from hub.blobs.kinds import kind_named
from hub.blobs.links import Link
from hub.blobs.reading import Found, found_by_link, found_by_node, found_by_visitor, key_of
from hub.errors import NotFound
from hub.sessions.visitor import Visitor

SHA256: Final = re.compile(r"[0-9a-f]{64}")
YEAR_SECONDS: Final = 31_536_000
ACT: Final = "blobs.read"
FILE: Final = "application/octet-stream"
"""In the description of the interface: any of the types in `hub.blobs.kinds`."""
SAFE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


@route(
    "/{sha256:str}",
    http_method=["GET", "HEAD"],
    summary="A file, or a part of it",
    responses={
        200: ResponseSpec(bytes, generate_examples=False, description="The file.", media_type=FILE),
        206: ResponseSpec(bytes, generate_examples=False, description="The part that was asked for.", media_type=FILE),
        304: ResponseSpec(None, generate_examples=False, description="The client has it already."),
        **answers(400, 401, 403, 404, 416, 429, 503),
    },
)
async def read_blob(
    request: Request[Any, Any, Any],
    sha256: FromPath[str],
    context: NamedDependency[Context],
    at: Annotated[int | None, Parameter(description="Of a signed address.")] = None,
    of: Annotated[int | None, Parameter(description="Of a signed address.")] = None,
    expires: Annotated[int | None, Parameter(description="Of a signed address: seconds since 1970.")] = None,
    mac: Annotated[str | None, Parameter(description="Of a signed address.")] = None,
) -> Response[Any]:
    """200, 206, 304, 416; 404 for what is not there and for what is not the asker's: they are not told apart."""
    checked(sha256)
    if mac is not None:
        found = await found_by_link(context.hub, sha256, at or 0, of or 0, expires or 0, mac, context.clock())
        caching = kept_until(context, expires or 0)
    else:
        found = await found_by(request, context, sha256)
        caching = f"private, max-age={YEAR_SECONDS}, immutable"
    return await answered(request, context, found, {"Cache-Control": caching, "Vary": "Authorization, Cookie"})


@post(
    "/{sha256:str}/links",
    status_code=201,
    summary="An address of a file that needs no login, for a short time",
    responses=answers(401, 403, 404, 429, 503),
)
async def make_link(
    request: Request[Any, Any, Any], sha256: FromPath[str], context: NamedDependency[Context]
) -> Response[Link]:
    """For a page that shows a picture, or hands it to a CDN."""
    checked(sha256)
    found = await found_by(request, context, sha256)
    expires = context.clock() // 1000 + context.hub.settings.blob_link_seconds
    link = links.signed(context.hub.keys, sha256, found.place.id, found.row.scope, expires)
    return Response(link, status_code=201, headers={"Cache-Control": "no-store"})


async def found_by(request: Request[Any, Any, Any], context: Context, sha256: str) -> Found:
    """The file, for who may have it. Raises `NotFound`, `TooManyRequests`, and what `asker_of` does."""
    asker = await asker_of(request, context, ACT)
    if isinstance(asker, Visitor):
        await context.hub.limits.record(asker.name, sha256)
        return await found_by_visitor(context.hub, asker, sha256)
    place, node = asker
    await context.hub.limits.record(node.id, sha256)
    return await found_by_node(place, node, sha256, context.clock())


def checked(sha256: str) -> None:
    """Raises `NotFound` for what names no file."""
    if not SHA256.fullmatch(sha256):
        raise NotFound("A file is named by its SHA-256, 64 hex digits in lower case.")


def kept_until(context: Context, expires: int) -> str:
    """How long what a signed address gave may be kept: as long as the address is valid."""
    left = max(0, expires - context.clock() // 1000)
    who = "public" if context.hub.settings.blob_links_shared else "private"
    return f"{who}, max-age={left}, immutable"


async def answered(
    request: Request[Any, Any, Any], context: Context, found: Found, headers: dict[str, str]
) -> Response[Any]:
    """The file, or that the client has it already."""
    row, etag = found.row, f'"{found.sha256}"'
    headers = {**SAFE_HEADERS, **headers, "ETag": etag, "Accept-Ranges": "bytes"}
    if has_it(request.headers.get("if-none-match"), etag):
        return Response(None, status_code=304, headers=headers)
    part = asked_part(request.headers.get("range"), request.headers.get("if-range"), etag, row.size)
    kind = kind_named(row.media_type)
    place = "inline" if kind.shown else "attachment"
    headers["Content-Disposition"] = f'{place}; filename="{found.sha256[:12]}.{kind.ending}"'
    status = 200
    if part is not None:
        status, headers["Content-Range"] = 206, f"bytes {part.start}-{part.stop - 1}/{row.size}"
    part = part or Part(0, row.size)
    headers["Content-Length"] = str(part.stop - part.start)
    if request.method == "HEAD":
        return Response(b"", status_code=status, headers=headers, media_type=row.media_type)
    content = plain_of(found.place, row.object, key_of(found), row.size, part.start, part.stop)
    return Stream(await begun(content), status_code=status, headers=headers, media_type=row.media_type)


async def begun(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same, its first part fetched already: what fails, fails before anything is said to the client."""
    first = await anext(content)

    async def rest() -> AsyncIterator[bytes]:
        yield first
        async for part in content:
            yield part

    return rest()


router = Router("/blobs", route_handlers=[read_blob, make_link], tags=["files"])
