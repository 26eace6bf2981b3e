"""Quantised networks give, to the bit, what onnxruntime's sessions give of the same files."""

import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

import onebyone as ob
from helpers.onnx_quantised import FORMATS, Small, exported, images, quantised, session
from helpers.onnx_quiet import quiet
from onebyone.graphs.capture import NotCaptured, capture
from onebyone.models.onnx.node import Node
from onebyone.models.onnx.reading import load_onnx

_WINDOW = (3, 32, 32)
# Parts of these are computed with floats, by onnxruntime as well: sums differ in their last bits.
_OF_FLOATS = {"qdq-int8", "qdq-symmetric"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return exported(Small(), _WINDOW, tmp_path_factory.mktemp("small") / "small.onnx")


def _scores(path: Path, windows: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return load_onnx(str(path)).network(torch.from_numpy(windows)).numpy()


@pytest.mark.parametrize("kind", sorted(set(FORMATS) - _OF_FLOATS))
def test_scores_are_onnxruntimes_to_the_bit(small: Path, kind: str) -> None:
    path, windows = quantised(small, _WINDOW, kind), images(_WINDOW, 16, seed=100)
    (theirs,) = session(path).run(None, {"windows": windows})
    assert len(np.unique(theirs)) > 8
    np.testing.assert_array_equal(_scores(path, windows), theirs)


@pytest.mark.parametrize("kind", sorted(_OF_FLOATS))
def test_parts_of_floats_change_few_scores_by_a_step(small: Path, kind: str) -> None:
    path, windows = quantised(small, _WINDOW, kind), images(_WINDOW, 16, seed=100)
    (theirs,) = session(path).run(None, {"windows": windows})
    found = _scores(path, windows)
    step = np.diff(np.unique(theirs)).min()
    assert np.abs(found - theirs).max() < 2.5 * step
    assert (found == theirs).mean() > 0.5


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_the_same_parts_are_of_integers_as_in_onnxruntime(
    small: Path, kind: str, tmp_path: Path
) -> None:
    path = quantised(small, _WINDOW, kind)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    theirs = Counter(n.op_type for n in onnx.load(options.optimized_model_filepath).graph.node)
    modules = load_onnx(str(path)).network.modules()
    found = Counter(module.operator.name for module in modules if isinstance(module, Node))
    assert found["QLinearConv"] > 0
    assert {n: c for n, c in found.items() if n.startswith(("QLinear", "QGemm"))} == {
        n: c for n, c in theirs.items() if n.startswith(("QLinear", "QGemm"))
    }


@pytest.mark.parametrize("kind", ["qdq", "qdq-per-channel", "operators"])
def test_maps_are_those_of_crops_to_the_bit_and_share_as_floats_do(small: Path, kind: str) -> None:
    path = quantised(small, _WINDOW, kind)
    image = torch.from_numpy(images((3, 56, 60), 1, seed=3)[0])
    slide = ob.slide(str(path), stride=4)
    with torch.no_grad():
        scores = slide(image)
    crops = torch.stack([
        image[:, y : y + 32, x : x + 32] for y in range(0, 25, 4) for x in range(0, 29, 4)
    ])  # fmt: skip
    (theirs,) = session(path).run(None, {"windows": crops.numpy()})
    found = scores.reshape(scores.shape[0], -1).t().numpy()
    np.testing.assert_array_equal(found, theirs)
    floats = ob.slide(str(small), stride=4)
    assert slide.report(56, 60).ratio >= floats.report(56, 60).ratio > 2


def test_it_is_recorded_without_an_export(small: Path) -> None:
    network = load_onnx(str(quantised(small, _WINDOW, "qdq"))).network
    targets = {str(node.target) for node in capture(network, _WINDOW).graph.nodes}
    assert "aten.conv2d.default" in targets
    assert not any("assert" in target for target in targets)  # as torch.export writes


def test_weights_stay_bytes(small: Path) -> None:
    network = load_onnx(str(quantised(small, _WINDOW, "qdq-per-channel"))).network
    tensors = [*network.parameters(), *network.buffers()]
    assert max(t.numel() for t in tensors if t.is_floating_point()) <= 16
    assert sum(t.numel() for t in tensors if t.dtype is torch.int8) > 500


def test_dynamic_quantisation_takes_each_window_by_itself(small: Path, tmp_path: Path) -> None:
    path, windows = tmp_path / "dynamic.onnx", images(_WINDOW, 3, seed=7)
    with quiet():
        quantize_dynamic(small, path, weight_type=QuantType.QUInt8)
    runner = session(path)
    theirs = [runner.run(None, {"windows": windows[k : k + 1]})[0] for k in range(3)]
    np.testing.assert_allclose(_scores(path, windows), np.concatenate(theirs), rtol=0, atol=1e-6)
    with pytest.warns(NotCaptured, match="least and largest numbers of all windows"):
        ob.slide(str(path), stride=8)


def test_what_onnxruntime_does_not_join_stays(small: Path) -> None:
    path = quantised(small, _WINDOW, "qdq")
    model = onnx.load(path)
    for made in model.graph.node:  # the result of the first convolution is an output, too
        if made.op_type == "Conv":
            model.graph.output.append(onnx.ValueInfoProto(name=made.output[0]))
            break
    onnx.save(model, path.with_name("two.onnx"))
    network = load_onnx(str(path.with_name("two.onnx"))).network
    with warnings.catch_warnings(), torch.no_grad():
        found = network(torch.from_numpy(images(_WINDOW, 2)))
    assert set(found) == {"scores", model.graph.output[1].name}
    assert found[model.graph.output[1].name].dtype is torch.float32


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["qdq", "qdq-per-channel", "operators"])
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_networks_of_torchvision(name: str, kind: str, tmp_path: Path) -> None:
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from helpers.torchvision_offline import models

    window = (3, 64, 64)
    torch.manual_seed(1)
    network = getattr(models, name)(weights=None, num_classes=10).train()
    with torch.no_grad():
        for seed in range(4):
            network(torch.from_numpy(images(window, 8, seed)))
    path = exported(network, window, tmp_path / "whole.onnx")
    with quiet():
        quant_pre_process(path, path.with_name("plain.onnx"))
    path = quantised(path.with_name("plain.onnx"), window, kind)
    windows = images(window, 4, seed=100)
    (theirs,) = session(path).run(None, {"windows": windows})
    np.testing.assert_array_equal(_scores(path, windows), theirs)
