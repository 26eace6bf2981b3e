"""Nodes that are layers of PyTorch: an ONNX file is shared as the network that it came from."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import onebyone as ob
from onebyone.models.onnx.layers import with_bias
from onebyone.models.onnx.reading import load_onnx

_RNG = np.random.default_rng(0)


def saved(
    path: Path, nodes: list[onnx.NodeProto], weights: dict[str, Any], shape: list[Any]
) -> str:
    """A file with one input "x" and one output "y"."""
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path / "net.onnx")
    return str(path / "net.onnx")


def weights(*shape: int) -> np.ndarray:
    return (_RNG.standard_normal(shape) / 10).astype(np.float32)


def operations(network: nn.Module, window: tuple[int, ...]) -> list[Any]:
    """What each operator shares, and its operations."""
    report = ob.slide(network, window, 8).report(*(2 * n for n in window[1:]))
    return [(r.operator, r.positions, r.shared, r.crops, r.here, r.ended) for r in report.rows]


def test_a_product_and_what_is_added_are_one_layer(tmp_path: Path) -> None:
    given = {"w": weights(3 * 6 * 6, 5), "b": weights(5)}
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["product"]),
        helper.make_node("Add", ["b", "product"], ["y"]),
    ]
    found = load_onnx(saved(tmp_path, nodes, given, ["n", 3, 6, 6])).network
    assert isinstance(found, nn.Module)
    (layer,) = (m for m in found.modules() if isinstance(m, nn.Linear))
    assert layer.bias.tolist() == given["b"].tolist()
    x = torch.rand(2, 3, 6, 6)
    expected = x.flatten(1).numpy() @ given["w"] + given["b"]
    np.testing.assert_allclose(found(x).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_a_product_that_another_node_reads_stays(tmp_path: Path) -> None:
    given = {"w": weights(4, 4), "b": weights(4)}
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["sum"]),
        helper.make_node("Mul", ["product", "sum"], ["y"]),
    ]
    found = load_onnx(saved(tmp_path, nodes, given, ["n", 1, 2, 2])).network
    assert isinstance(found, nn.Module)
    x = torch.rand(3, 1, 2, 2)
    product = x.flatten(1).numpy() @ given["w"]
    expected = product * (product + given["b"])
    np.testing.assert_allclose(found(x).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("bias", "rank"),
    [((1,), 2), ((2, 3), 2), ((3, 1), 2), ((1, 1, 3), 2), ((), 2)],
)
def test_what_is_no_bias(bias: tuple[int, ...], rank: int) -> None:
    assert not with_bias(nn.Linear(2, 3, bias=False), torch.rand(bias), rank)


def test_a_bias_with_axes_of_one() -> None:
    layer = nn.Linear(2, 3, bias=False)
    assert with_bias(layer, torch.tensor([[1.0, 2.0, 3.0]]), 2)
    assert layer.bias.tolist() == [1, 2, 3]
    assert not with_bias(layer, torch.rand(3), 2)
    assert not with_bias(nn.Linear(2, 3, bias=False), torch.rand(3, dtype=torch.float64), 2)


def test_a_resizing_for_one_window_takes_any_number(tmp_path: Path) -> None:
    nodes = [helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], mode="linear")]
    name = saved(tmp_path, nodes, {"sizes": np.array([1, 3, 8, 8])}, [1, 3, 4, 4])
    found = load_onnx(name).network
    assert isinstance(found, nn.Module)
    assert found(torch.rand(5, 3, 4, 4)).shape == (5, 3, 8, 8)


class Classifier(nn.Module):
    """The layers that convolutional classifiers have."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
            nn.MaxPool2d(3, 2, 1), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8),
            nn.Hardswish(), nn.Upsample(scale_factor=2), nn.AvgPool2d(2),
            nn.ConvTranspose2d(8, 8, 2, 2),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(8 * 16 * 16, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 4),
            nn.Softmax(1),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x))


def exported(network: nn.Module, window: tuple[int, ...], path: Path) -> nn.Module:
    """The network as it comes back from an ONNX file of PyTorch's exporter."""
    stream = io.BytesIO()
    torch.onnx.export(
        network, (torch.rand(1, *window),), stream, opset_version=17, dynamo=False,
        input_names=["x"], dynamic_axes={"x": {0: "n"}},
    )  # fmt: skip
    (path / "net.onnx").write_bytes(stream.getvalue())
    found = load_onnx(str(path / "net.onnx")).network
    assert isinstance(found, nn.Module)
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("gap", [False, True])
def test_an_exported_network_is_shared_as_it_was(gap: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Classifier()
    if gap:
        network.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    network.eval()
    window = (3, 32, 32)
    back = exported(network, window, tmp_path)
    x = torch.rand(2, *window)
    torch.testing.assert_close(back(x), network(x))
    assert operations(back, window) == operations(network, window)


class Keras(nn.Module):
    """What `test_layers_as_tensorflow_writes_them` has in a file, as PyTorch's layers."""

    def __init__(self, given: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv2d(3, 4, 3, 1, 1, bias=False), nn.Linear(4 * 64, 5)
        values = {name: torch.from_numpy(value) for name, value in given.items()}
        self.conv.weight, self.linear.weight, self.linear.bias = (
            nn.Parameter(v) for v in (values["k"], values["w"].t(), values["b"])
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = nn.functional.max_pool2d(self.conv(x).relu(), 3, 2, ceil_mode=True)
        return self.linear(y.flatten(1))


def test_layers_as_tensorflow_writes_them(tmp_path: Path) -> None:
    given = {"k": weights(4, 3, 3, 3), "w": weights(4 * 64, 5), "b": weights(5)}
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"], auto_pad="SAME_UPPER"),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node(
            "MaxPool", ["r"], ["m"], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"
        ),
        helper.make_node("Flatten", ["m"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["p"]),
        helper.make_node("Add", ["p", "b"], ["y"]),
    ]
    found = load_onnx(saved(tmp_path, nodes, given, ["n", 3, 16, 16])).network
    assert isinstance(found, nn.Module)
    own = Keras(given).eval()
    x = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(found(x), own(x))
    assert operations(found, (3, 16, 16)) == operations(own, (3, 16, 16))


def test_local_response_normalization_is_shared(tmp_path: Path) -> None:
    given = {"k": weights(8, 3, 3, 3), "w": weights(8 * 9, 5)}
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"]),
        helper.make_node("LRN", ["c"], ["n"], size=5),
        helper.make_node("MaxPool", ["n"], ["m"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Flatten", ["m"], ["f"]),
        helper.make_node("Gemm", ["f", "w"], ["y"]),
    ]
    found = load_onnx(saved(tmp_path, nodes, given, ["n", 3, 14, 14])).network
    assert isinstance(found, nn.Module)
    assert not any(row[-1] for row in operations(found, (3, 14, 14)))
