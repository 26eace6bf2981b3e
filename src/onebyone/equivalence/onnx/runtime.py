"""Inputs for onnxruntime: dynamic sizes drawn, elements drawn by type."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from onebyone.equivalence.ladder import DoesNotRun, Undecided
from onebyone.errors import first_line

Feeds = dict[str, np.ndarray]
STARTS = (3, 8, 32, 64, 224, 1)
"""Dynamic sizes are drawn from one of these on, the first that the original runs with."""
MOST = 1 << 26
"""Elements of an input beyond which none is drawn."""
TYPES = {"tensor(float)": np.float32} | {
    f"tensor({name})": np.dtype(name).type
    for name in (
        "double", "float16", "int64", "int32", "int16", "int8",
        "uint64", "uint32", "uint16", "uint8", "bool",
    )
}  # fmt: skip


def session(
    model: Path | bytes,
    *,
    optimised: bool = True,
    folder: Path | None = None,
    parallel: bool = True,
) -> Any:
    """An onnxruntime session on the CPU, quiet.

    Bytes may have external data in a folder. Where it is optimised, onnxruntime may fuse operators
    and choose layouts; where it is parallel, an operator runs on all cores.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 0 if parallel else 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = (
        levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
    )
    if not optimised:
        # Weights stay mapped: a few runs do not pay for a copy in another order.
        options.add_session_config_entry("session.disable_prepacking", "1")
    if folder is not None:
        place = "session.model_external_initializers_file_folder_path"
        options.add_session_config_entry(place, str(folder.resolve()))
    source = str(model) if isinstance(model, Path) else model
    with _running():
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def normal(rng: np.random.Generator, shape: Sequence[int], kind: type) -> np.ndarray:
    """Normal numbers for floats, small ones from 0 on for integers."""
    if kind == np.bool_:
        return np.asarray(rng.integers(0, 2, shape), kind)
    if issubclass(kind, np.integer):
        return np.asarray(rng.integers(0, 4, shape), kind)
    return np.asarray(rng.standard_normal(shape), kind)


def drawn(
    running: Any, rng: np.random.Generator, least: int
) -> tuple[Feeds, Feeds, dict[str, int]]:
    """Inputs that a session runs with, what it gives, and the dynamic sizes, from `least` on.

    Raises:
        Undecided: it runs with none that were tried.
    """
    reason: object = ""
    # Each once; one without a name is called by its place.
    names = list(dict.fromkeys(name for value in _inputs(running) for name in _dynamic(value)))
    for start in (least, *STARTS) if names else (least,):
        # Each has a size of its own, so that axes in another order have other sizes.
        numbers = rng.permutation(len(names)) + start
        sizes = dict(zip(names, map(int, numbers), strict=True))
        if large(running, sizes):
            reason = reason or "its inputs would be very large"
            continue
        feeds = fed(running, rng, sizes)
        try:
            return feeds, outputs(running, feeds), sizes
        except DoesNotRun as error:
            reason = error
    raise Undecided(f"no sizes found that the original runs with: {reason}")


def fed(running: Any, rng: np.random.Generator, sizes: Mapping[str, int]) -> Feeds:
    """Random inputs whose dynamic axes have these sizes; `Undecided` where none are drawn."""
    feeds = {}
    for value in _inputs(running):
        if value.type not in TYPES:
            raise Undecided(f"input {value.name} has the type {value.type}")
        feeds[value.name] = normal(rng, _shape(value, sizes), TYPES[value.type])
    return feeds


def large(running: Any, sizes: Mapping[str, int]) -> bool:
    """Whether inputs of these sizes are more than is drawn."""
    return any(prod(_shape(value, sizes)) > MOST for value in _inputs(running))


def _shape(value: Any, sizes: Mapping[str, int]) -> list[int]:
    names = iter(_dynamic(value))
    return [axis if isinstance(axis, int) else sizes[next(names)] for axis in value.shape]


def _inputs(running: Any) -> list[Any]:
    """All inputs, and those that have a default, but for integers: these say sizes and places."""
    floats = ("tensor(float)", "tensor(double)", "tensor(float16)")
    usual = (value for value in running.get_overridable_initializers() if value.type in floats)
    return [*running.get_inputs(), *usual]


def _dynamic(value: Any) -> list[str]:
    axes = [(place, axis) for place, axis in enumerate(value.shape) if not isinstance(axis, int)]
    return [axis or f"{value.name}.{place}" for place, axis in axes]


def outputs(running: Any, feeds: Mapping[str, np.ndarray]) -> Feeds:
    """The results by name; the elements of a sequence each for itself."""
    missing = {value.name for value in running.get_inputs()} - feeds.keys()
    if missing:
        raise DoesNotRun(f"input {min(missing)} is not given")
    names = [value.name for value in running.get_outputs()]
    with _running():
        results = running.run(names, dict(feeds))
    found: Feeds = {}
    for name, result in zip(names, results, strict=True):
        if isinstance(result, list):
            found |= {f"{name}[{index}]": np.asarray(part) for index, part in enumerate(result)}
        else:
            found[name] = np.asarray(result)
    return found


@contextmanager
def _running() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # onnxruntime's errors have no common base but their module.
        if "onnxruntime" not in type(error).__module__:
            raise
        raise DoesNotRun(first_line(error)) from error
