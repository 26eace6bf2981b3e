"""Inputs for onnxruntime: dynamic sizes drawn, elements drawn by type."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from onebyone.rewriting.check.sizes import Undecided

Feeds = dict[str, np.ndarray]
SIZES = (3, 8, 32, 64, 224, 1)
"""Dynamic sizes are drawn near these, the first that the original runs with."""
TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}


class DoesNotRun(Exception):
    """What onnxruntime says to a model or its inputs, in one line."""


def session(model: Path | bytes, *, optimised: bool = True, folder: Path | None = None) -> Any:
    """An onnxruntime session on the CPU, one thread, quiet.

    Args:
        model: a file, or the bytes of one.
        optimised: whether onnxruntime may fuse operators and choose layouts.
        folder: where external data lies, for bytes.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = (
        levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
    )
    if folder is not None:
        place = "session.model_external_initializers_file_folder_path"
        options.add_session_config_entry(place, str(folder.resolve()))
    source = str(model) if isinstance(model, Path) else model
    with _running():
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def normal(rng: np.random.Generator, shape: Sequence[int], kind: type) -> np.ndarray:
    """Normal numbers for floats, small ones from 0 on for integers."""
    if kind == np.bool_:
        return rng.integers(0, 2, shape).astype(kind)
    if issubclass(kind, np.integer):
        return rng.integers(0, 4, shape).astype(kind)
    return rng.standard_normal(shape).astype(kind)


def drawn(
    running: Any,
    rng: np.random.Generator,
    draw: Callable[[np.random.Generator, Sequence[int], type], np.ndarray] = normal,
) -> Feeds:
    """Inputs that a session runs with.

    Raises:
        Undecided: it runs with none that were tried.
    """
    reason: object = "an input of an unusual type"
    for size in SIZES:
        sizes: dict[str, int] = {}
        feeds = {}
        for value in running.get_inputs():
            if value.type not in TYPES:
                raise Undecided(f"input {value.name} has the type {value.type}")
            shape = [_number(axis, size, sizes, rng) for axis in value.shape]
            feeds[value.name] = draw(rng, shape, TYPES[value.type])
        try:
            outputs(running, feeds)
        except DoesNotRun as error:
            reason = error
        else:
            return feeds
    raise Undecided(f"no sizes found that the original runs with: {reason}")


def _number(
    axis: int | str | None, size: int, sizes: dict[str, int], rng: np.random.Generator
) -> int:
    if isinstance(axis, int):
        return axis
    drawn = size + int(rng.integers(0, 6)) * (size < 64)
    return drawn if axis is None else sizes.setdefault(axis, drawn)


def outputs(running: Any, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The results by name."""
    names = [value.name for value in running.get_outputs()]
    with _running():
        return dict(zip(names, running.run(names, dict(feeds)), strict=True))


@contextmanager
def _running() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # onnxruntime's errors have no common base but their module.
        if "onnxruntime" not in type(error).__module__:
            raise
        raise DoesNotRun(str(error).splitlines()[0]) from error
