"""Both files on random inputs, in onnxruntime's float arithmetic."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from onebyone.rewriting.check.feeds import DoesNotRun, Feeds, drawn, outputs, session
from onebyone.rewriting.check.sizes import Undecided
from onebyone.rewriting.report import Check

NAME = "numbers"
DRAWS = 3
MARGIN = 64.0
"""A difference of so many times the spread is more than other orders of summing bring."""
FLOOR = 1e-5
"""A difference below this part of the largest output is rounding, whatever the spread."""


def numbers(before: Path, after: Path) -> Check:
    """Run both files as they are; the yardstick is what rounding alone does to the original.

    That spread is the largest difference of the original from itself with onnxruntime's
    optimisations (other kernels, other orders of summing), and on inputs each moved by up to one
    unit in the last place.
    """
    rng = np.random.default_rng(0)
    try:
        original, other = session(before, optimised=False), session(after, optimised=False)
        optimised = _optimised(before)
        found = spread = scale = relative = 0.0
        for _ in range(DRAWS):
            feeds, expected, _ = drawn(original, rng, 2)
            given = outputs(other, feeds)
            fault = _unlike(expected, given)
            if fault:
                return Check(NAME, False, fault)
            found = max(found, _distance(expected, given))
            relative = max(relative, _relative(expected, given))
            alike = _alike(original, optimised, feeds, rng)
            spread = max(spread, *(_distance(expected, x) for x in alike))
            scale = max(scale, *(_largest(array) for array in expected.values()))
    except Undecided as reason:
        return Check(NAME, False, f"undecided: {reason}")
    except DoesNotRun as error:
        return Check(NAME, False, f"does not run: {error}")
    detail = (
        f"largest difference {found:.2g} ({relative:.2g} of the element), outputs up to "
        f"{scale:.2g}; rounding alone spreads the original by {spread:.2g}"
    )
    return Check(NAME, found <= max(MARGIN * spread, FLOOR * scale), detail)


def _optimised(path: Path) -> Any:
    """A session with onnxruntime's optimisations, None where a file loads only without them."""
    with suppress(DoesNotRun):
        return session(path)
    return None


def _alike(
    original: Any, optimised: Any, feeds: Feeds, rng: np.random.Generator
) -> Iterator[dict[str, np.ndarray]]:
    """What the original gives where only rounding differs."""
    yield outputs(original, _moved(feeds, rng))
    if optimised is not None:
        with suppress(DoesNotRun):
            yield outputs(optimised, feeds)


def _unlike(expected: Mapping[str, np.ndarray], given: Mapping[str, np.ndarray]) -> str:
    if list(expected) != list(given):
        return f"outputs {list(expected)} before, {list(given)} after"
    for name, a in expected.items():
        b = given[name]
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            return f"output {name} is {a.dtype} {a.shape} before and {b.dtype} {b.shape} after"
        if not np.array_equal(np.isfinite(_real(a)), np.isfinite(_real(b))):
            return f"output {name} is finite at other places"
    return ""


def _real(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64)


def _largest(array: np.ndarray) -> float:
    finite = np.abs(_real(array)[np.isfinite(_real(array))])
    return float(finite.max(initial=0.0))


def _distance(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> float:
    pairs = [(_real(a[name]), _real(b[name])) for name in a]
    return max(_largest(np.nan_to_num(x) - np.nan_to_num(y)) for x, y in pairs)


def _relative(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> float:
    worst = 0.0
    for name in a:
        x, y = np.nan_to_num(_real(a[name])), np.nan_to_num(_real(b[name]))
        parts = np.abs(x - y) / np.maximum(np.abs(x), np.finfo(np.float32).tiny)
        worst = max(worst, float(parts.max(initial=0.0)))
    return worst


def _moved(feeds: Feeds, rng: np.random.Generator) -> Feeds:
    """Each float one unit in the last place up or down, or where it is."""
    out = {}
    for name, array in feeds.items():
        if issubclass(array.dtype.type, np.floating):
            way = rng.integers(-1, 2, array.shape)
            ends = np.choose(way + 1, [array.dtype.type(-np.inf), array, array.dtype.type(np.inf)])
            out[name] = np.nextafter(array, ends)
        else:
            out[name] = array
    return out
