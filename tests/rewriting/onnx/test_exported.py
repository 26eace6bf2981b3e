"""Files that PyTorch's exporters write, the new one and the older one with its old opsets."""

import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from helpers.onnx_cases import operators, run
from helpers.torchvision_offline import FAMILIES
from onebyone.rewriting.onnx import rewrite_onnx
from onebyone.rewriting.report import Report

FAMILY = {family.name: family for family in FAMILIES}
BOTH = ("convolution", "linear")
SMALL = {
    "alexnet": BOTH[:1],
    "convnext": BOTH[:1],
    "mobilenetv3": BOTH,
    "resnet": BOTH,
    "squeezenet": BOTH[1:],
    "vit": BOTH[:1],
}


class Block(nn.Module):
    """A transformer's feed-forward block."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(16)
        self.up, self.down = nn.Linear(16, 64), nn.Linear(64, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.down(nn.functional.gelu(self.up(self.norm(x))))


class Channels(nn.Module):
    """ConvNeXt's block: to channels last and back again."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.up, self.down = nn.Linear(8, 32), nn.Linear(32, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.depthwise(x).permute(0, 2, 3, 1)
        return x + self.down(nn.functional.relu(self.up(y))).permute(0, 3, 1, 2)


class Excite(nn.Module):
    """Squeeze and excitation around a 1×1 convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.point = nn.Conv2d(8, 8, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = torch.sigmoid(self.up(torch.relu(self.down(x.mean((2, 3), keepdim=True)))))
        return self.point(x) * scale


def attention() -> nn.Module:
    return nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True)


def classifier() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 36, 16),
        nn.ReLU(),
        nn.Linear(16, 4),
    )


def export(module: nn.Module, inputs: tuple[torch.Tensor, ...], path: Path, **options: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters warn of themselves
        torch.onnx.export(module.eval(), inputs, path, verbose=False, **options)


def rewritten(path: Path, to: str, inputs: list[np.ndarray], tolerance: float = 1e-5) -> Report:
    """Rewrite a file and compare the outputs, up to sums in another order."""
    out = path.with_name("out.onnx")
    report = rewrite_onnx(path, to, out).report
    onnx.checker.check_model(str(out), full_check=True)
    names = [value.name for value in onnx.load(path, load_external_data=False).graph.input]
    feeds = dict(zip(names, inputs, strict=True))
    for before, after in zip(run(path, feeds), run(out, feeds), strict=True):
        assert np.abs(before - after).max() <= tolerance * np.abs(before).max()
    return report


SEQUENCE = (torch.randn(2, 5, 16),)
IMAGE = (torch.randn(2, 8, 6, 6),)
BATCH = torch.export.Dim.DYNAMIC


@pytest.mark.parametrize(
    ("build", "inputs", "to", "count", "moves"),
    [
        (lambda: nn.Sequential(Block(), Block()), SEQUENCE, "convolution", 4, 4),
        (attention, SEQUENCE, "convolution", 4, None),
        (lambda: nn.Sequential(Channels(), Channels()), IMAGE, "convolution", 4, 0),
        (lambda: nn.Sequential(Excite(), Excite()), IMAGE, "linear", 6, None),
        (classifier, (torch.randn(2, 3, 8, 8),), "convolution", 2, 1),
    ],
    ids=["feed-forward", "attention", "channels", "excite", "classifier"],
)
def test_the_new_exporter(
    build: Callable[[], nn.Module],
    inputs: tuple[torch.Tensor, ...],
    to: str,
    count: int,
    moves: int | None,
    tmp_path: Path,
) -> None:
    path = tmp_path / "model.onnx"
    shapes = ({0: BATCH},)
    export(build(), inputs, path, dynamo=True, dynamic_shapes=shapes, external_data=False)
    larger = [torch.cat([x, x]).numpy() for x in inputs]
    report = rewritten(path, to, larger)
    assert len(report.rewritten) == count
    if moves is not None:
        assert report.moves.left == moves


@pytest.mark.parametrize("opset", [11, 12, 17])
@pytest.mark.parametrize(
    ("build", "inputs", "to", "count"),
    [
        (lambda: nn.Sequential(Block(), nn.Linear(16, 3)), SEQUENCE, "convolution", 3),
        (lambda: nn.Sequential(Channels(), Channels()), IMAGE, "convolution", 4),
        (lambda: nn.Sequential(Excite(), Excite()), IMAGE, "linear", 6),
        (classifier, (torch.randn(2, 3, 8, 8),), "convolution", 2),
    ],
    ids=["feed-forward", "channels", "excite", "classifier"],
)
def test_the_older_exporter(
    build: Callable[[], nn.Module],
    inputs: tuple[torch.Tensor, ...],
    to: str,
    count: int,
    opset: int,
    tmp_path: Path,
) -> None:
    path = tmp_path / "model.onnx"
    axes = {"x": {0: "batch"}}
    options = {"opset_version": opset, "input_names": ["x"], "dynamic_axes": axes}
    export(build(), inputs, path, dynamo=False, **options)
    assert len(rewritten(path, to, [x.numpy() for x in inputs]).rewritten) == count


def test_a_normalisation_of_old_opsets_moves_along(tmp_path: Path) -> None:
    """Opset 11 writes layer normalisation as reductions, which run with the channels first."""
    path = tmp_path / "model.onnx"
    export(nn.Sequential(Block(), Block()), SEQUENCE, path, dynamo=False, opset_version=11)
    assert rewritten(path, "convolution", [SEQUENCE[0].numpy()]).moves.left == 4
    assert Counter(operators(tmp_path / "out.onnx"))["Transpose"] == 2


def test_a_block_of_transformers(tmp_path: Path) -> None:
    from transformers import BertConfig
    from transformers.models.bert.modeling_bert import BertLayer

    config = BertConfig(hidden_size=16, num_attention_heads=2, intermediate_size=32)
    config._attn_implementation = "eager"
    path = tmp_path / "model.onnx"
    export(BertLayer(config), SEQUENCE, path, dynamo=True, external_data=False)
    report = rewritten(path, "convolution", [SEQUENCE[0].numpy()])
    assert len(report.rewritten) == 6
    assert {row.reason for row in report.left} == {"its weight is not constant"}


@pytest.mark.slow  # exporting takes most of the time
@pytest.mark.parametrize("name", SMALL)
def test_torchvision(name: str, tmp_path: Path) -> None:
    family = FAMILY[name]
    path, model = tmp_path / "model.onnx", family.build()
    x = torch.randn(2, 3, family.window, family.window)
    export(model, (x,), path, dynamo=True, external_data=True)
    for to in BOTH:
        report = rewritten(path, to, [x.numpy()], 1e-3)  # deep, and its weights are random
        assert bool(report.rewritten) == (to in SMALL[name])
