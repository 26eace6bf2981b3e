"""How sizes and numbers are written, in every message and table alike."""

import math
from collections.abc import Iterable


def by(sizes: Iterable[object]) -> str:
    """Write sizes as 3×4."""
    return "×".join(map(str, sizes))


def percent(share: float) -> str:
    """Write a share of 1 in percent, with two digits where it is small."""
    return f"{100 * share:.0f}%" if share >= 0.0995 else f"{100 * share:.2g}%"


def si(value: int | float) -> str:
    """Write a number with three digits and the prefix of its thousands."""
    power = min(max(math.floor(math.log10(value)) // 3, -3), 5) if value else 0
    return f"{value / 1000**power:.3g} {('', 'k', 'M', 'G', 'T', 'P', 'n', 'µ', 'm')[power]}"
