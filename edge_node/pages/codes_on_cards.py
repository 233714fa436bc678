"""QR codes: drawn on cards and pages, and read out of photographs of them."""

from typing import Final

import segno
import zxingcpp
from markupsafe import Markup
from PIL import ImageOps

from edge_node.forms.pictures import opened

LONG_SIDE_PIXELS: Final = 2000
"""Enough for a card that fills a tenth of the picture; larger ones take seconds on an old computer."""


def drawn(text: str) -> Markup:
    """A number or an address as a QR code in SVG; level M bears the dirt and creases of a card in a pocket."""
    code = segno.make_qr(text, error="m")
    svg = code.svg_inline(border=4, omitsize=True, dark="#000", light="#fff", svgclass="qr", lineclass=None)
    # Made of numbers by the library: nothing of the text is in it.
    return Markup(svg.replace("<svg ", '<svg role="img" aria-hidden="true" ', 1))  # noqa: S704


def found(photo: bytes) -> list[str]:
    """What the codes in a photograph say. Raises NoPicture."""
    picture = ImageOps.grayscale(opened(photo))
    picture.thumbnail((LONG_SIDE_PIXELS, LONG_SIDE_PIXELS))
    return [code.text for code in zxingcpp.read_barcodes(picture)]
