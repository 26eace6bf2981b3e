"""The files that `onebyone slide` writes, by their suffix."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Num

from onebyone.errors import InputError
from onebyone.images import save_html, save_png
from onebyone.writing import replacing

SUFFIXES = (".npz", ".npy", ".png", ".html")


def write_map(
    out: Path,
    scores: Any,
    pixels: Num[np.ndarray, "C H W"],
    window: tuple[int, ...],
    stride: tuple[int, ...],
    *,
    classes: Sequence[str] | None,
    title: str,
) -> None:
    """Write the scores of every window as the suffix of `out` says.

    `.npz` holds `scores` [K, ny, nx] (with several outputs `scores_NAME`, one each), `window`
    [C, H, W], `stride` [down, across], `origin` (row and column of the first window's corner),
    `image_size` and, where they are known, `classes`. The others hold one output: `.npy` the
    scores, `.png` the class map as a transparent overlay, `.html` the page.

    Args:
        out: The file to write.
        scores: What the sliding model gave: a tensor, or tuples and dicts of them.
        pixels: The image.
        window: (C, H, W) of a window, in pixels.
        stride: Step between windows down and across, in pixels.
        classes: Names of the classes.
        title: The image's name, for the page.

    Raises:
        InputError: The model has several outputs, or no classes, and `out` is not `.npz`.
    """
    suffix, outputs = out.suffix.lower(), dict(_outputs("scores", scores))
    check_scores(out, scores)
    if suffix == ".npz":
        arrays = outputs | {
            "window": np.array(window),
            "stride": np.array(stride),
            "origin": np.array([0, 0]),
            "image_size": np.array(pixels.shape[1:]),
        }
        if classes is not None:
            arrays["classes"] = np.array(classes)
        with replacing(out) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        return
    array = outputs["scores"]
    if suffix == ".npy":
        with replacing(out) as temporary, temporary.open("wb") as file:
            np.save(file, array)
    elif suffix == ".png":
        save_png(out, array, window, (stride[0], stride[1]), pixels.shape[1:], classes=classes)
    else:
        save_html(out, pixels, array, window, stride, classes=classes, title=title)


def check_scores(out: Path, scores: Any) -> None:
    """Refuse a file that cannot hold scores of the structure that the sliding model gives."""
    outputs, suffix = dict(_outputs("scores", scores)), out.suffix.lower()
    if suffix != ".npz" and list(outputs) != ["scores"]:
        names = ", ".join(outputs)
        raise InputError(f"--out {out}: the model has several outputs ({names}); write .npz")
    if suffix in (".png", ".html") and outputs["scores"].ndim != 3:
        shape = outputs["scores"].shape
        raise InputError(f"--out {out}: scores of shape {shape} are not [classes, down, across]")


def _outputs(name: str, scores: Any) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(scores, dict):
        for key, value in scores.items():
            yield from _outputs(f"{name}_{key}", value)
    elif isinstance(scores, (tuple, list)):
        for place, value in enumerate(scores):
            yield from _outputs(f"{name}_{place}", value)
    else:
        yield name, scores.numpy(force=True)


def not_finite(pixels: Num[np.ndarray, "C H W"]) -> Bool[np.ndarray, "H W"]:
    """Mark the pixels of which some channel is NaN or infinite."""
    marked = np.zeros(pixels.shape[1:], dtype=np.bool_)
    if pixels.dtype.kind == "f":
        for channel in pixels:
            marked |= ~np.isfinite(channel)
    return marked


def count_touched(
    marked: Bool[np.ndarray, "H W"], window: tuple[int, int], stride: tuple[int, int]
) -> int:
    """Count the windows that hold at least one marked pixel.

    Args:
        marked: The pixels in question.
        window: Height and width of a window, in pixels.
        stride: Step between windows down and across, in pixels.
    """
    lefts = np.arange(0, marked.shape[1] - window[1] + 1, stride[1])
    touched, bottom = 0, 0
    inside = np.zeros(marked.shape[1], dtype=np.int64)  # of each column, within the row of windows
    for top in range(0, marked.shape[0] - window[0] + 1, stride[0]):
        inside += marked[max(top, bottom) : top + window[0]].sum(axis=0)
        bottom = top + window[0]
        before = np.concatenate([[0], inside.cumsum()])
        touched += int(np.count_nonzero(before[lefts + window[1]] - before[lefts]))
        inside -= marked[top : min(top + stride[0], bottom)].sum(axis=0)
    return touched
