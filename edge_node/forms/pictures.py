"""Photographs as they are kept: bounded, upright, and with nothing of what cameras write into them (place, time, device)."""

import io
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

LONG_SIDE_PIXELS: Final = 640
THUMBNAIL_PIXELS: Final = 96
PIXELS_MAX: Final = 60_000_000
"""More than cameras of tablets make; a small file may claim to be any size."""
READ_PIXELS: Final = 2_000
"""A photograph is not made smaller than this while it is read: enough for the code on a card that fills a tenth of it."""
READ_WHOLE_PIXELS_MAX: Final = 25_000_000
"""What is left after that, and pictures of other formats, which are read whole: some 150 MB of memory."""
READ_WEBP_PIXELS_MAX: Final = 10_000_000
"""Their reader holds such a picture four times over while it reads it."""
SIDE_PIXELS_MAX: Final = 30_000
"""Each line of a picture takes memory too, however short it is."""
_QUALITY: Final = 78
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_ALONE: Final = ThreadPoolExecutor(1, "picture")
"""A clinic's computer has memory for one such picture, not for as many as are sent at once. A lock would not do: of what a thread frees,
it keeps much for itself."""
_BROKEN: Final = (
    *(UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError),
    *(struct.error, EOFError, LookupError, OverflowError),  # of what a camera writes into a photo, when that is damaged
)
MEDIA_TYPE: Final = "image/jpeg"


class NoPicture(ValueError):
    """The bytes are no picture that can be read."""


def kept(content: bytes, long_side: int = LONG_SIDE_PIXELS) -> bytes:
    """A picture as a JPEG of at most so many pixels, without metadata. Raises NoPicture."""
    return _ALONE.submit(lambda: _jpeg(_opened(content), long_side)).result()


def thumbnail(content: bytes) -> bytes:
    """A small square of its middle, for lists. Raises NoPicture."""
    square = (THUMBNAIL_PIXELS, THUMBNAIL_PIXELS)
    return _ALONE.submit(lambda: _jpeg(ImageOps.fit(_opened(content), square), THUMBNAIL_PIXELS)).result()


def opened(content: bytes) -> Image.Image:
    """A picture, upright, in colours as screens have them; a large photograph smaller than it was. Raises NoPicture."""
    return _ALONE.submit(_opened, content).result()


def _opened(content: bytes) -> Image.Image:
    try:
        with closing(Image.open(io.BytesIO(content), formats=_FORMATS)) as picture:
            if picture.width * picture.height > PIXELS_MAX or max(picture.size) > SIDE_PIXELS_MAX:
                raise NoPicture("too many pixels")
            # Photographs are read at a half, a quarter or an eighth of their size, so that they need little memory.
            picture.draft("RGB", (READ_PIXELS, READ_PIXELS))
            most = READ_WEBP_PIXELS_MAX if picture.format == "WEBP" else READ_WHOLE_PIXELS_MAX
            if picture.width * picture.height > most:
                raise NoPicture("too many pixels")
            # As the camera was held; what says so is not kept. Closed, since it would be held until the collector comes.
            with closing(_smaller(picture)) as small:
                ImageOps.exif_transpose(small, in_place=True)
                return small.convert("RGB")
    except _BROKEN as error:
        raise NoPicture("no picture") from error


def _smaller(picture: Image.Image) -> Image.Image:
    """Other formats are read whole, and made smaller before they are turned, which takes their memory once more."""
    factor = min(picture.size) // READ_PIXELS
    if factor < 2 or picture.mode not in ("L", "RGB"):
        return picture
    return picture.reduce(factor)


def _jpeg(picture: Image.Image, long_side: int) -> bytes:
    small = picture.copy()
    small.thumbnail((long_side, long_side))
    bare = Image.new("RGB", small.size)
    bare.paste(small)
    written = io.BytesIO()
    bare.save(written, "JPEG", quality=_QUALITY, optimize=True)
    return written.getvalue()
