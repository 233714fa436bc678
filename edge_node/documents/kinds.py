"""What a file really is, by its first bytes; what of it is kept, and a small picture of it.

What a browser says of a file proves nothing. Pictures are drawn anew: upright, bounded, and without what cameras write into them (place,
time, device). Other kinds than these are not taken: a page that runs scripts, sent as a document, would be opened by a colleague.
"""

from typing import Final

from msgspec import Struct

from edge_node.forms import pictures

PDF: Final = "application/pdf"
PICTURE: Final = pictures.MEDIA_TYPE
FILE_BYTES_MAX: Final = 25 * 1024 * 1024
LONG_SIDE_PIXELS: Final = 2400
"""A page of paper at 200 dots an inch, at which small print is read."""
THUMBNAIL_PIXELS: Final = 240
_PDF_SIGN: Final = b"%PDF-"
_SIGN_WITHIN: Final = 1024
"""Readers of PDF take the sign within the first kilobyte (Adobe, PDF reference 1.7, appendix H, note 13)."""


class NoDocument(ValueError):
    """The bytes are neither a picture nor a PDF."""


class Kept(Struct, frozen=True):
    """A file as it is kept. `thumbnail`: a JPEG; empty where there is none."""

    media_type: str
    content: bytes
    thumbnail: bytes = b""


def kept(content: bytes) -> Kept:
    """What is kept of a file. Raises NoDocument."""
    if _PDF_SIGN in content[:_SIGN_WITHIN]:
        return Kept(PDF, content)
    try:
        picture = pictures.kept(content, LONG_SIDE_PIXELS)
        return Kept(PICTURE, picture, pictures.kept(picture, THUMBNAIL_PIXELS))
    except pictures.NoPicture as error:
        raise NoDocument("neither a picture nor a PDF") from error
