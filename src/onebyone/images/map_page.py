"""The page that shows a class map over its image: one file, no network."""

import html
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from onebyone.errors import InputError
from onebyone.images.classmap import BACKGROUND, class_colours
from onebyone.images.embedding import EmbeddedImage, embed_image, embed_scores
from onebyone.template import filled, script_json
from onebyone.writing import replacing

VIEWS = ("top class", "highest score")
BLANK = 245  # the grey of a page without an image, on which colours are seen in the dark, too


class Box(NamedTuple):
    """A rectangle drawn over the image, in pixels of the image."""

    label: str
    top: float
    left: float
    height: float
    width: float


def save_html(
    path: str | Path,
    image: Shaped[np.ndarray, "*C H W"] | None,
    scores: Float[np.ndarray, "K ny nx"],
    window: tuple[int, ...] | Sequence[tuple[int, ...]],
    stride: int | tuple[int, ...],
    classes: Sequence[str] | None = None,
    title: str = "Class map",
    *,
    boxes: Sequence[Box] = (),
    view: str = "top class",
    note: str = "",
    size: tuple[int, int] | None = None,
    merged: int = 1,
    masked: bool = False,
) -> None:
    """Write one self-contained HTML file: the image, its class map on top, scores by pointer.

    Args:
        path: The file to write; it appears whole or not at all.
        image: Pixels [C, H, W] or [H, W]; without them the map is shown alone.
        scores: Scores of each class at each window; `probabilities` says how they are shown.
        window: (C, height, width) of a window in pixels, or one such size for each class, all
            centred on the same places as the first.
        stride: Step between windows in pixels, or steps down and across.
        classes: Names of the classes; a class named "background" is left transparent.
        title: The page's title and heading, as the image's name.
        boxes: Rectangles drawn over the image.
        view: What is shown first: "top class" (colours), "highest score" (heat), or a class.
        note: What there is to see, in a sentence or two above the image.
        size: Height and width of the image in pixels, where `image` is a small picture of it, or
            none.
        merged: Windows along each side of which a score is the mean; `window` and `stride` are
            those of one window.
        masked: Whether windows whose scores are not numbers were left out, and stay clear.

    Raises:
        InputError: There are not as many `classes` or windows as there are scores, no such
            `view`, or neither an image nor its size.
    """
    names = [str(k) for k in range(len(scores))] if classes is None else [*classes]
    windows = _sizes(window)
    _check(len(scores), names, windows, view)
    picture, packed = _picture(image, size), embed_scores(scores)
    height, width = _extent(image, size)
    kept = [names[k] for k in packed.classes]
    steps = (stride, stride) if isinstance(stride, int) else stride
    data = {
        "image": {"src": picture.uri, "height": height, "width": width},
        "classes": kept,
        "colours": [f"#{bytes(rgb).hex()}" for rgb in class_colours(len(scores))[packed.classes]],
        "background": kept.index(BACKGROUND) if BACKGROUND in kept else None,
        "windows": [_joined(of_class, steps, merged) for of_class in windows],
        "windowOfClass": [min(int(k), len(windows) - 1) for k in packed.classes],
        "stride": [step * packed.step * merged for step in steps],
        "merged": merged,
        "masked": masked,
        "grid": packed.grid,
        "bits": packed.bits,
        "scores": packed.data,
        "boxes": [box._asdict() for box in boxes],
        "view": view,
        "note": note,
        "notes": picture.notes + packed.notes,
    }
    with replacing(path) as temporary:
        temporary.write_text(_assemble(title, data), encoding="utf-8")


def _picture(
    image: Shaped[np.ndarray, "*C H W"] | None, size: tuple[int, int] | None
) -> EmbeddedImage:
    """The image for the page, and what a reader must know about it."""
    if image is None:
        return embed_image(np.full((1, 1), BLANK, np.uint8))
    picture = embed_image(image)
    height, width = image.shape[-2:]
    if size not in (None, (height, width)) and not picture.notes:
        picture.notes.append(f"The picture is shown at {width} × {height} pixels.")
    return picture


def _extent(
    image: Shaped[np.ndarray, "*C H W"] | None, size: tuple[int, int] | None
) -> tuple[int, int]:
    """Height and width of the image in pixels."""
    if size is not None:
        return size
    if image is None:
        raise InputError("size: give that of the image, which is not given")
    return image.shape[-2], image.shape[-1]


def _joined(window: tuple[int, ...], steps: tuple[int, ...], merged: int) -> list[int]:
    """Height and width of what windows side by side cover."""
    return [side + (merged - 1) * step for side, step in zip(window[-2:], steps, strict=True)]


def _sizes(window: tuple[int, ...] | Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    sizes = [part for part in window if isinstance(part, tuple)]
    return sizes or [tuple(part for part in window if isinstance(part, int))]


def _check(count: int, names: list[str], windows: list[tuple[int, ...]], view: str) -> None:
    if len(names) != count:
        raise InputError(f"classes: {len(names)} names for scores of {count} classes")
    if len(windows) not in (1, count):
        raise InputError(f"window: {len(windows)} sizes for scores of {count} classes")
    if view not in (*VIEWS, *names):
        raise InputError(f"view: {view!r} is none of {', '.join((*VIEWS, *names))}")


def _assemble(title: str, data: dict[str, Any]) -> str:
    """Put style, data and script into the template, each once."""
    files = resources.files("onebyone.images")
    written = title.encode(errors="replace").decode()  # names of files may hold other bytes
    parts = {
        "title": html.escape(written),
        "style": files.joinpath("viewer.css").read_text(encoding="utf-8"),
        "data": script_json(data),
        "zoom": files.joinpath("zoom.js").read_text(encoding="utf-8"),
        "script": files.joinpath("viewer.js").read_text(encoding="utf-8"),
    }
    return filled(files.joinpath("viewer.html").read_text(encoding="utf-8"), parts)
