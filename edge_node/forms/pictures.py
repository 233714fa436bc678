"""Photographs as they are kept: bounded, upright, and with nothing of what cameras write into them (place, time, device)."""

import io
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

LONG_SIDE_PIXELS: Final = 640
THUMBNAIL_PIXELS: Final = 96
PIXELS_MAX: Final = 60_000_000
"""More than cameras of tablets make; a small file may claim to be any size."""
_QUALITY: Final = 78
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MEDIA_TYPE: Final = "image/jpeg"


class NoPicture(ValueError):
    """The bytes are no picture that can be read."""


def kept(content: bytes, long_side: int = LONG_SIDE_PIXELS) -> bytes:
    """A picture as a JPEG of at most so many pixels, without metadata. Raises NoPicture."""
    return _jpeg(opened(content), long_side)


def thumbnail(content: bytes) -> bytes:
    """A small square of its middle, for lists. Raises NoPicture."""
    square = ImageOps.fit(opened(content), (THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    return _jpeg(square, THUMBNAIL_PIXELS)


def opened(content: bytes) -> Image.Image:
    """A picture, upright, in colours as screens have them. Raises NoPicture."""
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
            if picture.width * picture.height > PIXELS_MAX:
                raise NoPicture("too many pixels")
            # As the camera was held; what says so is not kept.
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise NoPicture("no picture") from error


def _jpeg(picture: Image.Image, long_side: int) -> bytes:
    small = picture.copy()
    small.thumbnail((long_side, long_side))
    bare = Image.new("RGB", small.size)
    bare.paste(small)
    written = io.BytesIO()
    bare.save(written, "JPEG", quality=_QUALITY, optimize=True)
    return written.getvalue()
