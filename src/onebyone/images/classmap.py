"""The class map: which class each window shows, as colours over the image."""

from collections.abc import Iterator, Sequence
from math import gcd
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image

from onebyone.writing import replacing

STRIP = 2**22  # scores that are looked at at a time
BACKGROUND = "background"  # a class of this name is left transparent


def probabilities(scores: Float[np.ndarray, " K *grid"]) -> Float[np.ndarray, " K *grid"]:
    """Turn the scores of every window into values within 0 and 1; NaN stays NaN.

    Scores within 0 and 1 are taken as they are. Others go through a softmax over the classes, or
    through the logistic function where there is one class only.
    """
    return scores if within_unit(scores) else class_shares(scores)


def probabilities_in_strips(
    scores: Float[np.ndarray, "K ny nx"], step: int = 1
) -> Iterator[tuple[slice, Float[np.ndarray, "K rows nx"]]]:
    """Rows of windows and their probabilities, some at a time: a map may be as large as memory.

    One window in `step` down and across is taken; rows are counted among these.
    """
    unit, kept = within_unit(scores), scores[:, ::step, ::step]
    rows = max(1, STRIP // max(1, kept[:, :1].size))
    for top in range(0, kept.shape[1], rows):
        strip = slice(top, top + rows)
        yield strip, kept[:, strip] if unit else class_shares(kept[:, strip])


def within_unit(scores: Float[np.ndarray, " K *grid"]) -> bool:
    """Whether all scores that are finite are within 0 and 1."""
    return all(
        bool(((of_class >= 0) & (of_class <= 1) | ~np.isfinite(of_class)).all())
        for of_class in scores
    )


def class_shares(scores: Float[np.ndarray, " K *grid"]) -> Float[np.ndarray, " K *grid"]:
    """The softmax over the classes, the logistic function where there is one; NaN stays NaN."""
    if len(scores) == 1:
        return 0.5 * (1 + np.tanh(0.5 * scores))  # the logistic function, without overflow
    with np.errstate(invalid="ignore"):  # infinity minus infinity: not a number, and shown as such
        exponentials = np.exp(scores - scores.max(axis=0))
    shares: np.ndarray = exponentials / exponentials.sum(axis=0)
    return shares


def class_colours(count: int) -> UInt8[np.ndarray, "K 3"]:
    """Give `count` colours (sRGB): classes with near numbers differ in hue, near hues in lightness.

    Source: Björn Ottosson's OKLab colour space.
    """
    step = next(k for k in range(max(1, round(0.382 * count)), count + 1) if gcd(k, count) == 1)
    place = np.arange(count) * step % count  # of each class on the circle of hues
    hue = np.deg2rad(25 + 360 * place / count)
    lightness = np.array([0.58, 0.70, 0.82])[place % 3]
    a, b = 0.16 * np.cos(hue), 0.16 * np.sin(hue)
    cone = [
        lightness + 0.3963377774 * a + 0.2158037573 * b,
        lightness - 0.1055613458 * a - 0.0638541728 * b,
        lightness - 0.0894841775 * a - 1.2914855480 * b,
    ]
    to_rgb = [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
    linear = np.clip(np.array(to_rgb) @ np.array(cone) ** 3, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (encoded.T * 255).round().astype(np.uint8)


def save_png(
    path: str | Path,
    scores: Float[np.ndarray, "K ny nx"],
    window: tuple[int, ...],
    stride: tuple[int, int],
    size: tuple[int, ...],
    *,
    classes: Sequence[str] | None = None,
) -> None:
    """Write the class map as a transparent PNG that fits over the image.

    Each window colours the stride × stride pixels about its centre: the hue is that of its top
    class, the opacity the top class's probability. Pixels about no window's centre, windows whose
    scores are not numbers and the class named "background" stay transparent.

    Args:
        path: The file to write.
        scores: Scores of each class at each window.
        window: (C, height, width) of a window, in pixels.
        stride: Step between windows down and across, in pixels.
        size: Height and width of the image, in pixels.
        classes: Names of the classes.
    """
    rows, row_known = _cell_of_pixel(size[0], scores.shape[1], window[-2], stride[0])
    columns, column_known = _cell_of_pixel(size[1], scores.shape[2], window[-1], stride[1])
    picture = _coloured(scores, classes)[rows[:, None], columns[None, :]]
    picture[~(row_known[:, None] & column_known[None, :]), 3] = 0
    with replacing(path) as temporary:
        Image.fromarray(picture, "RGBA").save(temporary, "PNG")


def _coloured(
    scores: Float[np.ndarray, "K ny nx"], classes: Sequence[str] | None
) -> UInt8[np.ndarray, "ny nx 4"]:
    picture = np.empty((*scores.shape[1:], 4), np.uint8)
    for rows, found in probabilities_in_strips(scores):
        picture[rows] = coloured(*top_class(found), len(scores), classes)
    return picture


def top_class(
    found: Float[np.ndarray, "K ny nx"],
) -> tuple[Int[np.ndarray, "ny nx"], Float[np.ndarray, "ny nx"]]:
    """The class with the highest probability, and that; 0 where one is not a number."""
    shown = np.where(np.isfinite(found).all(axis=0), found, 0)
    return shown.argmax(axis=0), shown.max(axis=0)


def coloured(
    top: Int[np.ndarray, "ny nx"],
    opacity: Float[np.ndarray, "ny nx"],
    count: int,
    classes: Sequence[str] | None,
) -> UInt8[np.ndarray, "ny nx 4"]:
    """Paint each window in the colour of its class; the class named "background" stays clear.

    Args:
        top: class of each window.
        opacity: within 0 and 1.
        count: how many classes there are.
        classes: their names.
    """
    picture = np.empty((*top.shape, 4), np.uint8)
    picture[..., :3] = class_colours(count)[top]
    picture[..., 3] = (opacity * 255).round()
    if classes is not None and BACKGROUND in classes:
        picture[top == list(classes).index(BACKGROUND), 3] = 0
    return picture


def _cell_of_pixel(
    size: int, count: int, window: int, stride: int
) -> tuple[np.ndarray, Bool[np.ndarray, " size"]]:
    """Along one axis, the window whose centre each pixel belongs to, and whether there is one."""
    cell = np.floor((np.arange(size) + 0.5 - (window - stride) / 2) / stride).astype(np.int64)
    return np.clip(cell, 0, count - 1), (cell >= 0) & (cell < count)
