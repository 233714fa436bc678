"""Makes the icons of the installed pages, as PNG from the shape in edge_node/pages/assets/icon.svg.

python packaging/icons/make.py edge_node/pages/assets
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw

GROUND, CROSS = "#0b5a63", "#ffffff"
UNITS = 32
RADIUS = 7
ARMS = ((13, 6, 19, 26), (6, 13, 26, 19))
SMOOTH = 4
"""Drawn so many times larger and made smaller: Pillow draws no smooth edges."""


def icon(pixels: int, *, maskable: bool) -> Image.Image:
    """The icon. A maskable one is cut to any shape: its ground reaches all edges, its cross lies in the middle four fifths."""
    size = pixels * SMOOTH
    scale = size / UNITS
    image = Image.new("RGBA", (size, size), GROUND if maskable else "#00000000")
    draw = ImageDraw.Draw(image)
    if not maskable:
        draw.rounded_rectangle((0, 0, size - 1, size - 1), RADIUS * scale, fill=GROUND)
    shrink, shift = (0.8, UNITS * 0.1) if maskable else (1.0, 0.0)
    for arm in ARMS:
        draw.rectangle([(edge * shrink + shift) * scale for edge in arm], fill=CROSS)
    return image.resize((pixels, pixels), Image.Resampling.LANCZOS)


def main(folder: Path) -> None:
    """Writes all of them."""
    for name, pixels, maskable in (
        ("icon-192", 192, False),
        ("icon-512", 512, False),
        ("icon-maskable-512", 512, True),
    ):
        icon(pixels, maskable=maskable).quantize(64).save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
