"""Both files on random inputs, in onnxruntime's float arithmetic, at every kind of size."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from onebyone.equivalence.ladder import NUMBERS, Check, DoesNotRun, Unlike, rung
from onebyone.equivalence.onnx.files import File
from onebyone.equivalence.onnx.runtime import Feeds, drawn, fed, large, outputs, session
from onebyone.models.onnx import file as onnx_file

DRAWS = 3
SIZES = (0, 1, 2, 127, 128, 300)
"""Of each dynamic axis: none, the one that squeezes away, the bounds of small integer types."""
TIME = 10.0
"""Seconds of processor time after which no draw begins but the first."""
MARGIN = 64.0
"""A difference of so many times the spread is more than other orders of summing bring."""
FLOOR = 1e-5
"""A difference below this part of the largest output is rounding, whatever the spread."""
NO_POSITIONS = "running Conv node"
"""Onnxruntime's Conv, unlike ONNX's, takes no axis of size 0 but the first."""


RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
"""Layers in which onnxruntime aborts the whole process where the batch is empty."""


@rung(NUMBERS)
def numbers(before: File, after: File) -> Check:
    """Run both files as they are; the yardstick is what rounding alone does to the original.

    That spread is the largest difference of the original from itself with onnxruntime's
    optimisations (other kernels, other orders of summing), and on inputs each moved by up to one
    unit in the last place. Every dynamic size takes each of `SIZES`, as far as the original runs
    with it and it takes no long time.
    """
    first, second = (_session_of(file.path, optimised=False) for file in (before, after))
    optimised = None
    with suppress(DoesNotRun):  # some files load only without optimisations
        optimised = _session_of(before.path, optimised=True)
    runs = _Runs(first, second, optimised, before)
    runs.all()
    return runs.verdict()


@dataclass
class _Runs:
    """What runs of two files have shown so far."""

    original: Any
    other: Any
    optimised: Any
    file: File
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    count: int = 0
    found: float = 0.0
    spread: float = 0.0
    scale: float = 0.0
    relative: float = 0.0
    said: dict[str, list[str]] = field(default_factory=dict)

    def all(self) -> None:
        """Draw inputs at sizes that the original runs with, then at each size, then again."""
        start = process_time()
        feeds, expected, sizes = drawn(self.original, self.rng, 1)
        self.compare(feeds, expected)
        cost = process_time() - start
        for label, chosen in _assignments(sizes):
            growth = prod(chosen[name] / sizes[name] for name in sizes)
            slow = process_time() - start + cost * growth > TIME
            if 0 in chosen.values() and self.recurrent:
                self.note("onnxruntime's recurrent layers end the process at", label)
            elif slow or large(self.original, chosen):
                self.note("left out, since it takes long", label)
            else:
                self.at(label, fed(self.original, self.rng, chosen), empty=0 in chosen.values())
        for _ in range(1, DRAWS):
            if process_time() - start + cost < TIME:
                self.compare(*drawn(self.original, self.rng, 3)[:2])

    def verdict(self) -> Check:
        """The row of the report."""
        detail = (
            f"largest difference {self.found:.2g} ({self.relative:.2g} of the element), outputs up "
            f"to {self.scale:.2g}; rounding alone spreads the original by {self.spread:.2g}"
        )
        detail += "".join(f"; {what} {', '.join(labels)}" for what, labels in self.said.items())
        passed = self.found <= max(MARGIN * self.spread, FLOOR * self.scale)
        return Check(NUMBERS, passed, detail, inputs=self.count)

    @cached_property
    def recurrent(self) -> bool:
        """Whether the original has a layer that onnxruntime aborts in, given an empty batch."""
        model = self.file.model
        bodies = (node for function in model.functions.values() for node in function.all_nodes())
        return any(node.op_type in RECURRENT for node in (*model.graph.all_nodes(), *bodies))

    def at(self, label: str, feeds: Feeds, *, empty: bool) -> None:
        """Compare at sizes with which the original may not run."""
        try:
            expected = outputs(self.original, feeds)
        except DoesNotRun:
            self.note("the original does not run at", label)
            return
        try:
            self.compare(feeds, expected)
        except DoesNotRun as error:
            if not (empty and NO_POSITIONS in str(error)):
                raise Unlike(f"at {label} only the original runs: {error}") from error
            self.note("onnxruntime has no convolution of nothing at", label)
        except Unlike as fault:
            raise Unlike(f"{fault} at {label}") from fault
        else:
            self.note("also at", label)

    def note(self, what: str, label: str) -> None:
        """Say what became of a size."""
        self.said.setdefault(what, []).append(label)

    def compare(self, feeds: Feeds, expected: Feeds) -> None:
        """Run both files on the same inputs, and the original where only rounding differs."""
        given = outputs(self.other, feeds)
        if fault := _unlike(expected, given):
            raise Unlike(fault)
        found, relative = _apart(expected, given)
        self.found, self.relative = max(self.found, found), max(self.relative, relative)
        alike = [outputs(self.original, _moved(feeds, self.rng))]
        if self.optimised is not None:
            with suppress(DoesNotRun):
                alike.append(outputs(self.optimised, feeds))
        self.spread = max(self.spread, *(_apart(expected, x)[0] for x in alike))
        self.scale = max(self.scale, *(_largest(array) for array in expected.values()))
        self.count += 1


def _assignments(sizes: Mapping[str, int]) -> Iterator[tuple[str, dict[str, int]]]:
    """Sizes of the dynamic axes: each for itself, and all alike where they are small."""
    for name in sizes:
        for size in SIZES:
            yield f"{name} = {size}", {**sizes, name: size}
    if len(sizes) > 1:
        for size in SIZES[:3]:
            yield f"all = {size}", dict.fromkeys(sizes, size)


def _session_of(path: Path, *, optimised: bool) -> Any:
    """A session of a file as it is, which maps its large weights where that can be."""
    bare = onnx_file.without_weights(path)
    if bare is None:
        return session(path, optimised=optimised)
    return session(bare, optimised=optimised, folder=path.parent)


def _unlike(expected: Mapping[str, np.ndarray], given: Mapping[str, np.ndarray]) -> str:
    if list(expected) != list(given):
        return f"outputs {list(expected)} before, {list(given)} after"
    for name, a in expected.items():
        b = given[name]
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            return f"output {name} is {a.dtype} {a.shape} before and {b.dtype} {b.shape} after"
        if a.dtype.kind not in "biuf":
            if not np.array_equal(a, b):
                return f"output {name} has other elements"
        elif not np.array_equal(_beyond(a), _beyond(b), equal_nan=True):
            return f"output {name} is infinite or no number at other places"
    return ""


def _real(array: np.ndarray) -> np.ndarray:
    """The numbers in double precision; none for text, of which no part is close to another."""
    return array.astype(np.float64) if array.dtype.kind in "biuf" else np.zeros(0)


def _beyond(array: np.ndarray) -> np.ndarray:
    """Infinities and what is no number, 0 elsewhere."""
    real = _real(array)
    return np.where(np.isfinite(real), 0.0, real)


def _finite(array: np.ndarray) -> np.ndarray:
    """The numbers, 0 where they are none."""
    return np.asarray(np.nan_to_num(_real(array), posinf=0.0, neginf=0.0))


def _largest(array: np.ndarray) -> float:
    return float(np.abs(_finite(array)).max(initial=0.0))


def _apart(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> tuple[float, float]:
    """The largest difference, and the largest relative to its element of `a`."""
    largest = relative = 0.0
    for name in a:
        x, y = _finite(a[name]), _finite(b[name])
        differences = np.abs(x - y)
        largest = max(largest, _largest(differences))
        parts = differences / np.maximum(np.abs(x), np.finfo(np.float32).tiny)
        relative = max(relative, float(parts.max(initial=0.0)))
    return largest, relative


def _moved(feeds: Feeds, rng: np.random.Generator) -> Feeds:
    """Each float one unit in the last place up or down, or where it is."""
    out = dict(feeds)
    for name, array in feeds.items():
        if issubclass(array.dtype.type, np.floating):
            way = rng.integers(-1, 2, array.shape)
            ends = np.choose(way + 1, [array.dtype.type(-np.inf), array, array.dtype.type(np.inf)])
            out[name] = np.asarray(np.nextafter(array, ends))
    return out
