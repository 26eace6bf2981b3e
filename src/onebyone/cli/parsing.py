"""Values of options: lists, fractions and sizes in bytes."""

import re
from collections.abc import Sequence
from math import inf, isfinite
from typing import TypeVar

import numpy as np

from onebyone.errors import InputError

T = TypeVar("T")
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
UNITS |= {f"{unit}I": 1024**power for power, unit in enumerate("KMGT", 1)}

ALONE = "-"
"""The value of an option that may stand alone, where it does."""
MAY_STAND_ALONE = {"slide": ("--report",)}
"""By command, the options that take a value or none, which typer does not know."""


def with_values(words: Sequence[str]) -> list[str]:
    """Give every option that may stand alone, and does, the value `ALONE`.

    Args:
        words: of a command line, the command first.
    """
    options = MAY_STAND_ALONE.get(words[0], ()) if words else ()
    found: list[str] = []
    for place, word in enumerate(words):
        found.append(word)
        following = words[place + 1] if place + 1 < len(words) else "--"
        alone = following.startswith("-") and following != ALONE
        if word in options and alone and "--" not in words[:place]:
            found.append(ALONE)
    return found


def parse_integers(option: str, text: str | None) -> tuple[int, ...] | None:
    """Read whole numbers with commas between them, as in 3,224,224."""
    if text is None:
        return None
    try:
        return tuple(int(np.int64(int(part))) for part in text.split(","))
    except (ValueError, OverflowError) as error:
        raise InputError(f"{option} {text}: give whole numbers with commas between them") from error


def parse_numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    """Read numbers or fractions with commas between them, as in 0.485,0.456,0.406 or 1/255."""
    if text is None:
        return None
    try:
        return tuple(_number(part) for part in text.split(","))
    except (ValueError, ZeroDivisionError) as error:
        raise InputError(
            f"{option} {text}: give numbers or fractions with commas between them, as 0.5 or 1/255"
        ) from error


def _number(text: str) -> float:
    top, slash, bottom = text.partition("/")
    number = float(top) / float(bottom) if slash else float(top)
    if not isfinite(number):
        raise ValueError("out of range")
    return number


def one_or_all(values: tuple[T, ...] | None) -> T | tuple[T, ...] | None:
    """Take a single value for itself: it stands for all axes or channels."""
    return values[0] if values is not None and len(values) == 1 else values


def parse_pixel_options(
    scale: str | None, mean: str | None, std: str | None
) -> dict[str, float | tuple[float, ...] | None]:
    """Read --scale, --mean and --std, one number or one for each channel."""
    texts = {"scale": scale, "mean": mean, "std": std}
    return {name: one_or_all(parse_numbers(f"--{name}", text)) for name, text in texts.items()}


def parse_bytes(option: str, text: str | None) -> int | None:
    """Read a size in bytes, as in 2GB, 500 MiB or 1e9."""
    if text is None:
        return None
    match = re.fullmatch(
        r"(\d+(?:\.\d*)?(?:e\d+)?)\s*([KMGT]?I?)B?", text.strip().upper().replace("E", "e")
    )
    size = float(match[1]) * UNITS.get(match[2], 0) if match else 0
    if not 1 <= size < inf:
        raise InputError(f"{option} {text}: give a size in bytes above 0, as 2GB or 500MiB")
    return int(size)
