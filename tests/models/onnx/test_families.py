"""torchvision's networks, read from ONNX files, are what they were: in numbers and in sharing."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_leaves

import onebyone as ob
from helpers.onnx_export import WAYS, Runtime, Way, deviation, export
from helpers.tiny_networks import NAMES, tiny, window_of
from helpers.torchvision_offline import FAMILIES, Family
from onebyone.models.loading import Model, load

SCRIPT = [way for way in WAYS if not way.dynamo]
ANY, ONE = SCRIPT
QUICK = {
    ("convnext", ANY), ("mobilenet", ONE), ("resnet", ANY), ("resnet", Way(dynamo=True)),
    ("shufflenet", ONE), ("vit", ANY), ("vit", ONE),
}  # fmt: skip
"""The others export for many seconds, or are made of the same."""

CASES = [
    pytest.param(name, way, id=f"{name}-{way}", marks=() if quick else pytest.mark.slow)
    for name, way in product(NAMES, WAYS)
    for quick in [(name, way) in QUICK]
]


def check_numbers(model: Model, path: Path, windows: torch.Tensor) -> None:
    """The network gives what onnxruntime gives, for more windows than the file's batch.

    How much rounding alone may change is seen from onnxruntime with and without its rewriting.
    """
    with torch.no_grad():
        found = tree_leaves(model.network(windows))
    asked = Runtime(path)(windows)
    assert [y.shape for y in found] == [y.shape for y in asked]
    own = deviation(Runtime(path, rewritten=False)(windows), asked)
    assert deviation(found, asked) < 4 * own + 1e-6
    # Outputs that hardly differ between windows would agree with anything.
    assert all((y[0] - y[1]).abs().max() > 1e-3 * y.abs().max() for y in asked)


def operations(network: nn.Module, window: Sequence[int], stride: int) -> tuple[int, int]:
    """Of crops, and of the plan, on an image of nine windows."""
    size = [side + 2 * stride for side in window[1:]]
    report = ob.slide(network, window, stride, verify=0).report(*size)
    return report.crops, report.here


@pytest.mark.parametrize(("name", "way"), CASES)
def test_tiny(name: str, way: Way, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, window = tiny(name), window_of(name)
    path = export(network, window, tmp_path / "net.onnx", way)
    model = load(path)
    assert model.window == window
    check_numbers(model, path, torch.randn(3, *window))
    assert operations(model.network, window, 8) == operations(network, window, 8)


REAL = [f for f in FAMILIES if f.name in ("mobilenetv3", "resnet", "vit")]
"""In their real size; benchmarks/onnx_models.py measures all of them, exported in all ways."""


@pytest.mark.slow
@pytest.mark.parametrize("way", [Way(dynamo=True), Way(dynamo=False, batch=1)], ids=str)
@pytest.mark.parametrize("family", REAL, ids=lambda family: family.name)
def test_family(family: Family, way: Way, tmp_path: Path) -> None:
    torch.manual_seed(0)
    window = (3, family.window, family.window)
    network = family.build()
    path = export(network, window, tmp_path / "net.onnx", way)
    model = load(path)
    check_numbers(model, path, torch.randn(2, *window))
    assert operations(model.network, window, 32) == operations(network, window, 32)
