"""Damaged ONNX files as models: refused in one line, or onnxruntime's numbers; nothing else.

Each case damages a file, and where it still loads its network is run, and compared with onnxruntime
where that takes the file, too. A number gives the same case in every run.
"""

import faulthandler
import resource
import warnings
from collections.abc import Iterator
from math import prod
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from helpers.onnx_damage import DAMAGES, DATA, SOURCES, data_of
from helpers.onnx_files import classifier, hostile_sizes
from onebyone.errors import InputError
from onebyone.models import Model, load
from onebyone.models.onnx.network import OnnxNetwork, turned
from onebyone.models.pieces import InPieces

BLOCK = 100
BLOCKS = 32
"""Cases in all: 3,200, of which the first block runs by default."""
SECONDS = 60
MEMORY = 2 << 30
MOST = 1 << 22
"""Numbers of windows that are run."""

TAME = 1e15
"""Weights beyond overflow soon."""

FILES = {
    **SOURCES,
    "classifier": classifier,
    "classifier of a batch": lambda: classifier(batch=2),
    "open sizes": lambda: classifier(size="H,W"),
    "sizes": hostile_sizes,
}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {name: build().SerializeToString() for name, build in FILES.items()}


@pytest.fixture(autouse=True)
def limited() -> Iterator[None]:
    """A limit of time that ends the process: C++ hears nothing else."""
    yield
    faulthandler.cancel_dump_traceback_later()


def damaged(number: int, files: dict[str, bytes]) -> tuple[str, str, bytes]:
    """The source of a case, its kind of damage, and the file."""
    names = list(files)
    name = names[number % len(names)]
    damage = DAMAGES[number // len(names) % len(DAMAGES)]
    others = [data for other, data in files.items() if other != name]
    return name, damage.name, damage.apply(Random(number), files[name], others)


def survive(number: int, files: dict[str, bytes], folder: Path) -> bool:
    """Load a damaged file and run its network; whether it could be loaded."""
    name, _, data = damaged(number, files)
    path = folder / "broken.onnx"
    path.write_bytes(data)
    (folder / DATA).write_bytes(data_of(name))
    try:
        found = load(str(path))
    except InputError as error:
        said = str(error)
        assert said.startswith(f"{path}: ") or f": {path}: " in said
        assert said.isprintable()
        return False
    if found.window is not None and prod(found.window) < MOST:
        compare(found, path)
    return True


def compare(found: Model, path: Path) -> None:
    """The network's numbers with onnxruntime's, where it has any."""
    network = found.network
    pieces = isinstance(network, InPieces)
    inner: Any = network.network if pieces else network
    assert isinstance(inner, OnnxNetwork)
    assert found.window is not None
    if not all(bool((t.abs() < TAME).all()) for t in network.state_dict().values()):
        return  # what overflows does so in another order
    running = _session(path)
    given = None if running is None else running.get_inputs()[0].shape
    place = 0 if inner.order is None else inner.order.index(0)
    batch = given[place] if given and isinstance(given[place], int) else 2
    windows = torch.randn(batch, *found.window, generator=torch.Generator().manual_seed(0))
    if prod(windows.shape) > MOST:
        return
    with torch.no_grad():
        outputs = network(windows.clone())
    results = list(outputs.values()) if isinstance(outputs, dict) else [outputs]
    images = windows if inner.order is None else turned(windows, inner.order)
    wanted = None if running is None else _ran(running, images.to(inner.like.dtype).numpy())
    for result, want in zip(results, wanted or [], strict=False):
        assert result.shape == want.shape
        if want.dtype.kind == "f":
            scale = np.abs(want[np.isfinite(want)]).max(initial=0)
            np.testing.assert_allclose(result, want, rtol=1e-3, atol=1e-4 * (scale + 1e-30))
        else:
            np.testing.assert_array_equal(result, want)


def _session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception:  # onnxruntime's have no common base
        return None


def _ran(running: Any, images: np.ndarray) -> list[np.ndarray] | None:
    try:
        return [np.asarray(y) for y in running.run(None, {running.get_inputs()[0].name: images})]
    except Exception:  # onnxruntime's have no common base
        return None


@pytest.mark.parametrize(
    "block", [pytest.param(k, marks=pytest.mark.slow if k else ()) for k in range(BLOCKS)]
)
def test_damage_is_told_in_one_line(block: int, files: dict[str, bytes], tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = 0
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".*left out")  # wrong shapes, too
                read += survive(number, files, tmp_path)
        except (Exception, MemoryError) as error:
            raise AssertionError(f"case {number}: {damaged(number, files)[:2]}") from error
    assert 0 < read < BLOCK, "damage of both kinds"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < MEMORY
