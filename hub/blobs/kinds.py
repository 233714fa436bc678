"""Which files are taken, by their first bytes: what a client says of a file proves nothing.

What a browser could run (HTML, SVG, XML, scripts) is in no row, and so is never kept.
"""

from typing import Final

from msgspec import Struct

from hub.errors import WrongType

SIGN_BYTES: Final = 512
"""So much of a file's beginning is needed to tell what it is."""


class Kind(Struct, frozen=True):
    """A kind of file: the bytes at these places say so. `shown`: a browser may show it in its place."""

    media_type: str
    ending: str
    signs: tuple[tuple[int, bytes], ...]
    shown: bool = True


KINDS: Final = (
    Kind("image/jpeg", "jpg", ((0, b"\xff\xd8\xff"),)),
    Kind("image/png", "png", ((0, b"\x89PNG\r\n\x1a\n"),)),
    Kind("image/gif", "gif", ((0, b"GIF87a"),)),
    Kind("image/gif", "gif", ((0, b"GIF89a"),)),
    Kind("image/webp", "webp", ((0, b"RIFF"), (8, b"WEBP"))),
    Kind("image/heic", "heic", ((4, b"ftypheic"),), shown=False),
    Kind("image/tiff", "tiff", ((0, b"II*\0"),), shown=False),
    Kind("image/tiff", "tiff", ((0, b"MM\0*"),), shown=False),
    Kind("application/pdf", "pdf", ((0, b"%PDF-"),), shown=False),
    Kind("application/dicom", "dcm", ((128, b"DICM"),), shown=False),
)
"""JPEG ISO 10918, PNG and WebP W3C and RFC 9649, HEIC ISO 23008-12, TIFF 6.0, PDF ISO 32000, DICOM PS3.10 7.1."""

NAMES: Final = "pictures (JPEG, PNG, GIF, WebP, HEIC, TIFF), PDF and DICOM"
_BY_TYPE: Final = {kind.media_type: kind for kind in KINDS}


def kind_of(beginning: bytes) -> Kind:
    """What a file is, by its first `SIGN_BYTES`. Raises `WrongType` for what is not taken."""
    for kind in KINDS:
        if all(beginning[at : at + len(sign)] == sign for at, sign in kind.signs):
            return kind
    raise WrongType("The file is of no kind that is taken.", hint=f"Send {NAMES}.")


def kind_named(media_type: str) -> Kind:
    """The row of a media type that stands in the database."""
    return _BY_TYPE[media_type]
