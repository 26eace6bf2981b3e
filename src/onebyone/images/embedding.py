"""Images and scores small enough to live inside a page."""

import base64
import io
import zlib
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped
from PIL import Image

from onebyone.images.classmap import probabilities_in_strips, within_unit

IMAGE_PIXELS = 4_000_000  # larger images are embedded at reduced size
PNG_BYTES = 1_500_000  # larger pictures are embedded as JPEG
SCORE_BYTES = 4_000_000  # before compression; above it scores are reduced, and the page says so
CLASSES_KEPT = 8  # classes that keep their place before windows are thinned


class EmbeddedScores(NamedTuple):
    """Scores as the page reads them.

    `data` is base64 of a zlib stream of little-endian unsigned integers [classes, ny, nx]; the
    largest integer of `bits` bits stands for "not a number", the one below it for 1.
    """

    data: str
    bits: int
    grid: tuple[int, int]
    step: int
    classes: Int[np.ndarray, " kept"]
    notes: list[str]


def embed_scores(scores: Float[np.ndarray, "K ny nx"]) -> EmbeddedScores:
    """Quantise and compress scores; where they are too many, thin windows, then drop classes."""
    notes = []
    if not within_unit(scores):
        notes.append("Values are the softmax of the model's scores.")
    step = 1
    while min(len(scores), CLASSES_KEPT) * scores[0, ::step, ::step].size > SCORE_BYTES:
        step += 1
    if step > 1:
        notes.append(f"Reduced to fit: one window in {step} down and across is kept.")
    classes, grid = np.arange(len(scores)), scores[0, ::step, ::step].shape
    room = max(1, SCORE_BYTES // (grid[0] * grid[1]))
    if room < len(scores):
        highest = np.zeros(len(scores))
        for _, shown in probabilities_in_strips(scores, step):
            np.maximum(highest, np.nan_to_num(shown).max(axis=(1, 2)), out=highest)
        classes = np.sort(np.argsort(-highest, kind="stable")[:room])
        notes.append(
            f"Reduced to fit: the {room} classes with the highest scores of {len(scores)} are kept."
        )
    bits = 16 if 2 * len(classes) * grid[0] * grid[1] <= SCORE_BYTES else 8
    notes.append(f"Values are rounded to {bits} bits.")
    top = 2**bits - 2
    codes = np.empty((len(classes), *grid), f"<u{bits // 8}")
    for rows, found in probabilities_in_strips(scores, step):
        shown = found[classes]
        codes[:, rows] = np.rint(np.where(np.isfinite(shown), np.clip(shown, 0, 1) * top, top + 1))
    packed = zlib.compress(codes.tobytes(), 9)
    data = base64.b64encode(packed).decode()
    return EmbeddedScores(data, bits, (grid[0], grid[1]), step, classes, notes)


class EmbeddedImage(NamedTuple):
    """An image as a data URI, and what a reader must know about how it is shown."""

    uri: str
    notes: list[str]


def embed_image(image: Shaped[np.ndarray, "*C H W"]) -> EmbeddedImage:
    """Encode an image of any type and number of channels as a picture to look at."""
    channels, notes = (image[None] if image.ndim == 2 else image), []
    if len(channels) not in (1, 3):
        notes.append(f"The picture is the mean of the image's {len(channels)} channels.")
        channels = channels.mean(axis=0, keepdims=True)
    levels = _to_levels(channels)
    picture = Image.fromarray(levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0))
    if picture.width * picture.height > IMAGE_PIXELS:
        shrink = (IMAGE_PIXELS / (picture.width * picture.height)) ** 0.5
        size = max(1, round(picture.width * shrink)), max(1, round(picture.height * shrink))
        picture = picture.resize(size)
        notes.append(f"The picture is shown at {size[0]} × {size[1]} pixels.")
    encoded = _encode(picture, "PNG")
    kind = "png" if len(encoded) <= PNG_BYTES else "jpeg"
    if kind == "jpeg":
        encoded = _encode(picture, "JPEG")
    return EmbeddedImage(f"data:image/{kind};base64,{base64.b64encode(encoded).decode()}", notes)


def _to_levels(channels: Shaped[np.ndarray, "C H W"]) -> Shaped[np.ndarray, "C H W"]:
    """Map pixels to 0..255: uint16 and 0..1 by their range, others by least and greatest."""
    if channels.dtype == np.uint8:
        return channels
    values = np.nan_to_num(channels.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = values.min(), values.max()
    if channels.dtype == np.uint16:
        low, high = 0, 65535
    elif low >= 0 and high <= 1:
        low, high = 0, 1
    levels: np.ndarray = (values - low) / (high - low or 1) * 255
    return levels.round().astype(np.uint8)


def _encode(picture: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **({"quality": 88} if kind == "JPEG" else {"optimize": True}))
    return buffer.getvalue()
