"""A file in parts: as several Binary resources, named by one DocumentReference, and put together again.

A resource has bounds (`sync_protocol/bounds.py`), and travels as a whole: over a bad link a resource of many megabytes would begin anew
each time. So a file of more than one part is cut; a part with all that belongs to it fits a frame of the size at which a good link
settles (`FRAME_BYTES_TOP`), so a break costs one part. How it stands in the DocumentReference:

* one part: `content[0].attachment.url` is `Binary/<id>`, as FHIR has it;
* several: no url, which would promise the whole; the extension `PARTS` names each Binary, in order;
* always `size`, `hash` (SHA-1, which FHIR R4 prescribes for Attachment.hash) and the extension `SHA256`, against which what is read is
  checked: a file that came together wrong is no file.

`content[1]`, where there is one, is the small picture of it.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from edge_node.documents.kinds import FILE_BYTES_MAX, Kept
from sync_protocol import bounds

PART_BYTES: Final = 512 * 1024
PARTS: Final = "urn:medtech-edge:document-parts"
PART: Final = "part"
SHA256: Final = "urn:medtech-edge:sha256"
THUMBNAIL: Final = "Thumbnail"
PARTS_MAX: Final = -(-FILE_BYTES_MAX // PART_BYTES)
_BASE64_GROWTH: Final = 4 / 3
_ENVELOPE_BYTES: Final = 16 * 1024

assert PART_BYTES * _BASE64_GROWTH + _ENVELOPE_BYTES < bounds.FRAME_BYTES_TOP
assert PART_BYTES * _BASE64_GROWTH < bounds.VALUE_BYTES_MAX


class Broken(ValueError):
    """A file cannot be put together. `missing`: ids of Binary resources that are not here (yet); empty: what is here is not it."""

    def __init__(self, missing: Sequence[str] = ()) -> None:
        super().__init__("parts are missing" if missing else "the parts are not the file")
        self.missing = tuple(missing)


class Cut(Struct, frozen=True):
    """A file as resources: bodies of Binaries by id, in order, and the entries of `DocumentReference.content`."""

    binaries: tuple[tuple[str, Mapping[str, Any]], ...]
    content: tuple[Mapping[str, Any], ...]


def cut(kept: Kept, title: str, created: str, patient: str, new_id: Callable[[], str]) -> Cut:
    """A file in parts. `patient`: her reference, by which the parts belong to her record; `created`: FHIR dateTime."""
    pieces = [kept.content[at : at + PART_BYTES] for at in range(0, len(kept.content), PART_BYTES)] or [b""]
    binaries = tuple((new_id(), _binary(piece, kept.media_type, patient)) for piece in pieces)
    named = [f"Binary/{id_}" for id_, _body in binaries]
    extension = [{"url": SHA256, "valueString": hashlib.sha256(kept.content).hexdigest()}]
    if len(named) > 1:
        several = [{"url": PART, "valueReference": {"reference": name}} for name in named]
        extension.append({"url": PARTS, "extension": several})  # type: ignore[dict-item]
    attachment = {
        "extension": extension,
        "contentType": kept.media_type,
        **({"url": named[0]} if len(named) == 1 else {}),
        "size": len(kept.content),
        # What FHIR R4 prescribes here; what is read is checked by the extension above.
        "hash": base64.b64encode(hashlib.sha1(kept.content, usedforsecurity=False).digest()).decode(),
        "title": title,
        "creation": created,
    }
    small = {"contentType": "image/jpeg", "data": base64.b64encode(kept.thumbnail).decode(), "title": THUMBNAIL}
    return Cut(binaries, ({"attachment": attachment}, *(({"attachment": small},) if kept.thumbnail else ())))


def _binary(piece: bytes, media_type: str, patient: str) -> Mapping[str, Any]:
    return {
        "contentType": media_type,
        "securityContext": {"reference": patient},
        "data": base64.b64encode(piece).decode(),
    }


def named(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Ids of the Binaries that hold a document, in order; empty of one that is held elsewhere or within."""
    attachment = attachment_of(document)
    several = next((one for one in _entries(attachment.get("extension")) if one.get("url") == PARTS), None)
    if several is not None:
        references = (one.get("valueReference") for one in _entries(several.get("extension")) if one.get("url") == PART)
        urls = [str(one.get("reference", "")) for one in references if isinstance(one, Mapping)]
    else:
        urls = [str(attachment.get("url") or "")]
    return tuple(url.removeprefix("Binary/") for url in urls if url.startswith("Binary/"))[:PARTS_MAX]


def join(document: Mapping[str, Any], read: Callable[[str], Mapping[str, Any] | None]) -> bytes:
    """The file. `read`: a Binary by its id, None when it is not here. Raises Broken."""
    ids = named(document)
    bodies = [read(id_) for id_ in ids]
    missing = [id_ for id_, body in zip(ids, bodies, strict=True) if body is None]
    if missing or not ids:
        raise Broken(missing or ids)
    try:
        content = b"".join(base64.b64decode(str(body.get("data", "")), validate=True) for body in bodies if body)
    except binascii.Error as error:
        raise Broken from error
    expected = sha256_of(document)
    if expected and hashlib.sha256(content).hexdigest() != expected:
        raise Broken
    return content


def sha256_of(document: Mapping[str, Any]) -> str:
    """The file's SHA-256 in hex, as the document says; "" where it does not."""
    extensions = _entries(attachment_of(document).get("extension"))
    return next((str(one.get("valueString", "")) for one in extensions if one.get("url") == SHA256), "")


def thumbnail_of(document: Mapping[str, Any]) -> bytes:
    """The small picture; empty where there is none."""
    for one in _entries(document.get("content")):
        attachment = one.get("attachment")
        if isinstance(attachment, Mapping) and attachment.get("title") == THUMBNAIL:
            return base64.b64decode(str(attachment.get("data", "")))
    return b""


def attachment_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first attachment of a DocumentReference; an empty one where there is none."""
    contents = _entries(document.get("content"))
    attachment = contents[0].get("attachment") if contents else None
    return attachment if isinstance(attachment, Mapping) else {}


def _entries(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
