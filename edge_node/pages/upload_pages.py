"""`/uploads/{token}`: large files in chunks, which go on where they stopped, whatever broke: Wi-Fi, browser, computer.

    GET  /uploads/{token}       → {"chunk_bytes", "chunks_max", "have": {"0": sha256, …}}
    PUT  /uploads/{token}/{n}   a chunk → {"sha256"}; sent again it takes the place of the one before

`token` is what the browser makes of the file itself, so after a reload the same file is known again, with nothing kept in the browser;
it counts for one user alone. A form then sends `FIELD.upload` = "token count" in place of the file, and without script the file itself.
"""

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from litestar import Request, Response, get, put
from litestar.params import FromPath

from edge_node.api.body import too_large
from edge_node.api.outcome import Refused
from edge_node.forms.answers import Upload
from edge_node.pages import rendering
from edge_node.pages.desk import Desk
from edge_node.pages.sending import Sending
from edge_node.store import uploads
from edge_node.store.store import Store

SUFFIX: Final = ".upload"
_TOKEN: Final = re.compile(r"[0-9a-f]{16,64}").fullmatch
_GIVEN: Final = re.compile(r"([0-9a-f]{16,64}) ([0-9]{1,3})").fullmatch


def handlers(desk: Desk) -> list[Any]:
    """The paths. Only who may add documents sends files."""

    @get("/uploads/{token:str}")
    async def known(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[Any]:
        author = desk.writer(request, ("DocumentReference",))
        held = await desk.threads.search(_have, desk.store, author.user, _checked(token))
        told = {"chunk_bytes": uploads.CHUNK_BYTES, "chunks_max": uploads.CHUNKS_MAX, "have": held}
        return Response(told, headers=dict(rendering.HEADERS))

    @put("/uploads/{token:str}/{number:int}")
    async def chunk(request: Request[Any, Any, Any], token: FromPath[str], number: FromPath[int]) -> Response[Any]:
        author = desk.writer(request, ("DocumentReference",))
        content = await request.body()
        kept = await desk.threads.write(_put, desk, author.user, _checked(token), number, content)
        if not kept:
            raise too_large(uploads.CHUNK_BYTES)
        return Response({"sha256": hashlib.sha256(content).hexdigest()}, headers=dict(rendering.HEADERS))

    return [known, chunk]


def _checked(token: str) -> str:
    if not _TOKEN(token):
        raise Refused(400, "value", "This is no upload", "Go back and choose the file again")
    return token


def _have(store: Store, user: str, token: str) -> dict[str, str]:
    with store.reading() as connection:
        return {str(number): hash_ for number, hash_ in uploads.have(connection, user, token).items()}


def _put(desk: Desk, user: str, token: str, number: int, content: bytes) -> bool:
    with desk.store.transaction() as connection:
        return uploads.put(connection, user, token, number, content, desk.now_ms())


# --- forms ------------------------------------------------------------------------------------------------------------


def received(store: Store, user: str, sent: Sending, asked: Collection[str]) -> Mapping[str, Upload]:
    """The files that were sent, with those that came in chunks before. One that is not complete is not there, and the form asks for it.
    `asked`: the form's fields for files: no others are read."""
    files = dict(sent.files)
    for name, (token, count) in given(sent).items():
        if name not in asked:
            continue
        with store.reading() as connection:
            content = uploads.joined(connection, user, token, count)
        if content is not None:
            files[name] = Upload("", "", content)
    return files


def done(store: Store, user: str, sent: Sending) -> None:
    """Forgets the chunks of what was saved."""
    for token, _count in given(sent).values():
        with store.transaction() as connection:
            uploads.drop(connection, user, token)


def given(sent: Sending) -> Mapping[str, tuple[str, int]]:
    """Field → token and number of chunks."""
    names = [name for name in sent.values if name.endswith(SUFFIX)]
    read = {name.removesuffix(SUFFIX): _GIVEN(sent.one(name)) for name in names}
    return {name: (found[1], int(found[2])) for name, found in read.items() if found is not None}
