"""A still picture as a PNG image: its SVG drawn by resvg, with fonts that come along.

No font of the machine is used, so that a picture is the same everywhere.
"""

from pathlib import Path

import resvg_py

SCALE = 2
"""Pixels of the image per unit of the picture."""
FONTS = sorted(Path(__file__).parent.glob("fonts/*.ttf"))


def to_png(svg: str) -> bytes:
    """Return a picture as the bytes of a PNG file, on white, SCALE times as large."""
    return resvg_py.svg_to_bytes(
        svg_string=svg,
        zoom=SCALE,
        background="white",
        skip_system_fonts=True,
        font_files=[str(font) for font in FONTS],
        sans_serif_family="Inter",
        monospace_family="JetBrains Mono",
    )
