"""`/patients/{id}/documents/{document}`: a photo or document with what it is; `/file` and `/small`, its bytes.

A file that is of another patient, or that is not what its hash says, is not answered. Only pictures and PDFs leave here, each as what it
is and as nothing else: a browser takes a picture for a picture or for nothing, and is offered a PDF to keep, under a name that says
nothing of the patient.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath

from edge_node.api.sight import Sight
from edge_node.concepts import number
from edge_node.documents import kinds, parts
from edge_node.errors import NotFound
from edge_node.forms.context import decode
from edge_node.forms.parsing import Found
from edge_node.language import _, reader
from edge_node.language.digits import in_digits
from edge_node.maternal.reading import target
from edge_node.pages import dates, likeness, rendering
from edge_node.pages.desk import Desk
from edge_node.store.model import Stored
from edge_node.store.store import Store

_SHOWN: Final = frozenset({kinds.PICTURE, "image/png", "image/gif", "image/webp"})
_SEALED: Final = {
    **rendering.HEADERS,
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
}


class Shown(msgspec.Struct, frozen=True):
    """A document as its page shows it. `waits`: how many of its parts are not here yet; `broken`: what is here is not the file."""

    key: int
    whose: Found
    id: str
    title: str
    kind: str
    when: str
    by: str
    size: str
    picture: bool
    pdf: bool
    waits: int = 0
    broken: bool = False


def handlers(desk: Desk) -> list[Any]:
    """The paths."""

    @get("/patients/{id_:str}/documents/{document:str}")
    async def one(request: Request[Any, Any, Any], id_: FromPath[str], document: FromPath[str]) -> Response[Any]:
        caller = desk.reader(request, id_)
        shown: Shown = await desk.threads.search(_shown, desk, caller.sight, id_, document)
        await desk.threads.write(desk.store.record, caller.author, desk.now_ms(), "read", shown.key)
        return await desk.page(request, caller.author, "document.html", here="patients", shown=shown)

    @get("/patients/{id_:str}/documents/{document:str}/file")
    async def file(request: Request[Any, Any, Any], id_: FromPath[str], document: FromPath[str]) -> Response[bytes]:
        caller = desk.reader(request, id_)
        media_type, content, key = await desk.threads.search(_file, desk.store, caller.sight, id_, document)
        await desk.threads.write(desk.store.record, caller.author, desk.now_ms(), "read", key)
        extension = "pdf" if media_type == kinds.PDF else "jpg"
        kept = "attachment" if media_type == kinds.PDF else "inline"
        headers = {**_SEALED, "content-disposition": f'{kept}; filename="document.{extension}"'}
        return Response(content, media_type=media_type, headers=headers)

    @get("/patients/{id_:str}/documents/{document:str}/small")
    async def small(request: Request[Any, Any, Any], id_: FromPath[str], document: FromPath[str]) -> Response[bytes]:
        sight = desk.reader(request, id_).sight
        content = await desk.threads.search(_small, desk.store, sight, id_, document)
        return Response(content, media_type=kinds.PICTURE, headers=dict(_SEALED))

    return [one, file, small]


def document_of(store: Store, sight: Sight, patient: str, document: str) -> tuple[Stored, Mapping[str, Any]]:
    """A patient's DocumentReference. Raises NotFound, also of another patient's, and of one that is not for who asks."""
    stored = store.read("DocumentReference", document)
    resource = decode(stored.body) if stored is not None and stored.body is not None else {}
    if stored is None or target(resource.get("subject")) not in _records(store, patient) or not sight.sees(stored):
        raise NotFound()
    return stored, resource


def _records(store: Store, patient: str) -> set[str]:
    """References to a patient's record and to those that were joined to it."""
    return {f"Patient/{one.id}" for one in store.everything(patient) if one.type == "Patient"}


def content_of(store: Store, document: Mapping[str, Any]) -> bytes:
    """A document's file, put together and checked. Raises Broken."""

    def read(id_: str) -> Mapping[str, Any] | None:
        stored = store.read("Binary", id_)
        return decode(stored.body) if stored is not None and stored.body is not None else None

    return parts.join(document, read)


def _file(store: Store, sight: Sight, patient: str, document: str) -> tuple[str, bytes, int]:
    stored, resource = document_of(store, sight, patient, document)
    media_type = _type_of(resource)
    if media_type not in {*_SHOWN, kinds.PDF}:
        raise NotFound()
    try:
        return media_type, content_of(store, resource), stored.key
    except parts.Broken as error:
        raise NotFound() from error


def _type_of(document: Mapping[str, Any]) -> str:
    return str(parts.attachment_of(document).get("contentType", "")).partition(";")[0]


def _small(store: Store, sight: Sight, patient: str, document: str) -> bytes:
    _stored, resource = document_of(store, sight, patient, document)
    content = parts.thumbnail_of(resource)
    if not content:
        raise NotFound()
    return content


def _shown(desk: Desk, sight: Sight, patient: str, document: str) -> Shown:
    stored, resource = document_of(desk.store, sight, patient, document)
    whose = desk.store.read("Patient", patient)
    if whose is None or whose.body is None:
        raise NotFound()
    attachment = parts.attachment_of(resource)
    media_type = _type_of(resource)
    waits, broken = _state(desk.store, resource)
    author: Mapping[str, Any] = next(iter(resource.get("author") or []), {})
    return Shown(
        stored.key,
        likeness.person(patient, decode(whose.body), dates.local_day(desk.now_ms())),
        document,
        title=str(resource.get("description") or attachment.get("title") or _("Document")),
        kind=str((resource.get("type") or {}).get("text") or ""),
        when=dates.day(attachment.get("creation") or resource.get("date")),
        by=str(author.get("display", "")),
        size=size_said(attachment.get("size")),
        picture=media_type in _SHOWN,
        pdf=media_type == kinds.PDF,
        waits=waits,
        broken=broken,
    )


def size_said(size: object) -> str:
    """A file's size (bytes) in kB, from 1,000 kB on in MB; empty when nobody knows it."""
    known = number(size)
    if known is None or known <= 0:
        return ""
    locale = reader().locale
    kilobytes = math.ceil(known / 1024)
    if kilobytes < 1000:
        return _("%(size)s kB", size=in_digits(str(kilobytes), locale))
    return _("%(size)s MB", size=in_digits(f"{known / 1024**2:,.1f}", locale))


def _state(store: Store, document: Mapping[str, Any]) -> tuple[int, bool]:
    """How many parts are not here yet, and whether what is here is not the file."""
    try:
        content_of(store, document)
    except parts.Broken as error:
        return len(error.missing), not error.missing
    return 0, False
