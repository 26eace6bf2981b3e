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
from onebyone.images.embedding import embed_image, embed_scores
from onebyone.template import filled, script_json
from onebyone.writing import replacing

VIEWS = ("top class", "highest score")


class Box(NamedTuple):
    """A rectangle drawn over the image, in pixels of the image."""

    label: str
    top: float
    left: float
    height: float
    width: float


def save_html(
    path: str | Path,
    image: Shaped[np.ndarray, "*C H W"],
    scores: Float[np.ndarray, "K ny nx"],
    window: tuple[int, ...] | Sequence[tuple[int, ...]],
    stride: int | tuple[int, ...],
    classes: Sequence[str] | None = None,
    title: str = "Class map",
    *,
    boxes: Sequence[Box] = (),
    view: str = "top class",
    note: str = "",
) -> None:
    """Write one self-contained HTML file: the image, its class map on top, scores by pointer.

    Args:
        path: The file to write; it appears whole or not at all.
        image: Pixels [C, H, W] or [H, W].
        scores: Scores of each class at each window; `probabilities` says how they are shown.
        window: (C, height, width) of a window in pixels, or one such size for each class, all
            centred on the same places as the first.
        stride: Step between windows in pixels, or steps down and across.
        classes: Names of the classes; a class named "background" is left transparent.
        title: The page's title.
        boxes: Rectangles drawn over the image.
        view: What is shown first: "top class" (colours), "highest score" (heat), or a class.
        note: What there is to see, in a sentence or two above the image.

    Raises:
        InputError: There are not as many `classes` or windows as there are scores, or no such
            `view`.
    """
    names = [str(k) for k in range(len(scores))] if classes is None else [*classes]
    windows = _sizes(window)
    _check(len(scores), names, windows, view)
    picture, packed = embed_image(image), embed_scores(scores)
    kept = [names[k] for k in packed.classes]
    steps = (stride, stride) if isinstance(stride, int) else stride
    data = {
        "image": {"src": picture.uri, "height": image.shape[-2], "width": image.shape[-1]},
        "classes": kept,
        "colours": [f"#{bytes(rgb).hex()}" for rgb in class_colours(len(scores))[packed.classes]],
        "background": kept.index(BACKGROUND) if BACKGROUND in kept else None,
        "windows": [size[-2:] for size in windows],
        "windowOfClass": [min(int(k), len(windows) - 1) for k in packed.classes],
        "stride": [step * packed.step for step in steps],
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
    parts = {
        "title": html.escape(title),
        "style": files.joinpath("viewer.css").read_text(encoding="utf-8"),
        "data": script_json(data),
        "script": files.joinpath("viewer.js").read_text(encoding="utf-8"),
    }
    return filled(files.joinpath("viewer.html").read_text(encoding="utf-8"), parts)
