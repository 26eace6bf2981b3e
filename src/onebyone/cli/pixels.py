"""Whether an image, a window, a scale and the memory asked for go together."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Num

from onebyone.errors import InputError

Pixels = Num[np.ndarray, "C H W"]
AnyPixels = Num[np.ndarray, "C *space"]


def fitting(sizes: tuple[int, ...] | None, image: Path, pixels: Pixels) -> tuple[int, int, int]:
    """Give the window, made sure that there is one and that the image has room for it."""
    if sizes is None:
        raise InputError("--window: this model needs its window as C,H,W, for example 3,224,224")
    if len(sizes) != 3 or min(sizes) < 1:
        raise InputError(f"--window {_comma(sizes)}: give three numbers above 0, C,H,W")
    channels, height, width = pixels.shape
    if channels != sizes[0]:
        looks = "; it looks like [H, W, C], give [C, H, W]: np.moveaxis(x, -1, 0)"
        raise InputError(
            f"{image}: has {channels} channel{'s'[: channels > 1]} "
            f"({channels} × {height} × {width}), --window {_comma(sizes)} needs {sizes[0]}"
            f"{looks if width == sizes[0] else ''}"
        )
    if height < sizes[1] or width < sizes[2]:
        raise InputError(
            f"{image}: {height} × {width} pixels are less than a window of {sizes[1]} × {sizes[2]}"
            "; pad or enlarge it"
        )
    return sizes[0], sizes[1], sizes[2]


def done_to_pixels(
    known: Any,
    asked: Mapping[str, float | tuple[float, ...] | None],
    image: Path,
    pixels: AnyPixels,
) -> dict[str, Any]:
    """Give scale, mean and deviation: what is asked for, or else what the model was trained with.

    Args:
        known: The model's `Preprocessing`, if it says what that was.
        asked: `scale`, `mean` and `std`.
        image: The file.
        pixels: What it holds.
    """
    scale = factor(asked["scale"], image, pixels, unit=known is not None)
    numbers = {name: asked[name] for name in ("mean", "std")}
    if known is not None:
        numbers = asdict(known.but(**numbers))
    return {"scale": scale, **numbers}


def factor(
    scale: float | tuple[float, ...] | None, image: Path, pixels: AnyPixels, *, unit: bool
) -> float | None:
    """Give the factor for pixels; whole numbers must not reach a network by accident.

    `unit` says whether the network is known to take pixels from 0 to 1.
    """
    if isinstance(scale, tuple):
        raise InputError(f"--scale {_comma(scale)}: give one factor, as 1/255")
    if scale == 0:
        raise InputError("--scale 0: every pixel would be 0; give a factor, as 1/255")
    if pixels.dtype.kind == "f":
        return scale
    deep = pixels.dtype.itemsize > 1
    highest = int(pixels.max()) if deep else np.iinfo(pixels.dtype).max
    kind = f"{pixels.dtype}, up to {highest}" if deep else f"{pixels.dtype}"
    as_they_are = "or --scale 1 if the model takes them as they are"
    if scale is not None:
        if highest > 255 and _is_for_8_bits(scale):
            raise InputError(
                f"{image}: its pixels have more than 8 bits ({kind}), which --scale {scale:.4g} is "
                f"for; pass --scale 1/{_white(pixels.dtype, highest)} to have 0 to 1, {as_they_are}"
            )
        return scale
    if unit and pixels.dtype == np.uint8:
        return 1 / 255
    if unit and pixels.dtype == np.uint16 and highest > 255:
        return 1 / 65535
    known = f"pass --scale 1/{_white(pixels.dtype, highest)} to have 0 to 1"
    if deep and highest <= 255:
        known = "pass --scale 1/255 if they are 8 bits, 1/65535 if they are 16"
    raise InputError(f"{image}: its pixels are whole numbers ({kind}); {known}, {as_they_are}")


def in_options(fields: Mapping[str, Any]) -> str:
    """Write a window and what is done to pixels as the options that stand for them."""
    numbers = {name: fields[name] for name in ("window", "mean", "std") if fields[name] is not None}
    words = [f"--{name} {_comma(value)}" for name, value in numbers.items()]
    if fields["scale"] is not None:
        words.insert(1, f"--scale {_fraction(fields['scale'])}")
    return " ".join(words)


def left(memory: int | None, image: Path, pixels: Pixels) -> int | None:
    """Give the bytes that an image which could not be mapped leaves for the network, if any."""
    if memory is None or isinstance(pixels, np.memmap):
        return memory
    if pixels.nbytes >= memory:
        raise InputError(
            f"--memory: {memory} bytes are too little, {image} alone takes {pixels.nbytes}; give "
            "it as an uncompressed .npy, of which only what is needed is read"
        )
    return memory - pixels.nbytes


def _is_for_8_bits(scale: float) -> bool:
    """Whether a factor takes 255, or 256, to 1, or to 2 for networks that take −1 to 1."""
    return round(255 * scale, 1) in (1, 2)


def _white(kind: np.dtype, highest: int) -> int:
    """What stands for white: of wider numbers than files of pictures hold, 16 bits if they do."""
    return int(np.iinfo(kind).max) if kind.itemsize < 4 or highest > 65535 else 65535


def _fraction(scale: float) -> str:
    return f"1/{round(1 / scale)}" if scale == 1 / round(1 / scale or 1) else f"{scale:g}"


def _comma(numbers: int | float | Sequence[int | float]) -> str:
    all_of_them = numbers if isinstance(numbers, Sequence) else (numbers,)
    return ",".join(f"{number:g}" for number in all_of_them)
