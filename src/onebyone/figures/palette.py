"""Colours for weights: the same weight has the same colour in every view."""

import colorsys

# Okabe and Ito's colours, told apart with any colour vision; black and yellow are left out, for
# they vanish on a dark or a light page.
BASE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
GOLDEN_ANGLE = 0.381966


def weight_color(index: int) -> str:
    """Return the colour of the weight with this index, as #RRGGBB; no end of them."""
    if index < len(BASE):
        return BASE[index]
    lightness = (0.42, 0.58, 0.50)[index % 3]
    return _hue(index, lightness)


def ink_on(color: str) -> str:
    """Return black or white, whichever is read better on a colour (WCAG relative luminance)."""
    channels = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#FFFFFF" if luminance < 0.3 else "#000000"


PLACES = ("#F3DC8C", "#B7E0C4", "#D8C8F0", "#F6C6C6")


def place_color(index: int) -> str:
    """Return the soft colour of a place in a grid, as #RRGGBB."""
    if index < len(PLACES):
        return PLACES[index]
    return _hue(index, 0.84)


def _hue(index: int, lightness: float) -> str:
    rgb = colorsys.hls_to_rgb(index * GOLDEN_ANGLE % 1, lightness, 0.55)
    return "#" + "".join(f"{round(255 * part):02X}" for part in rgb)
