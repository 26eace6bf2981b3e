"""Where quantising is moved past what moves numbers only, as onnxruntime does."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from helpers.onnx_quantised import images, session
from onebyone.models.onnx.node import Node
from onebyone.models.onnx.reading import load_onnx


def _network(path: Path, zero: np.generic) -> Path:
    """Quantised once before two transposes and a convolution, and once behind its pooling."""
    weight = np.random.default_rng(0).integers(-60, 60, (4, 3, 3, 3)).astype(np.int8)
    stored = {
        "s": np.float32(0.01), "z": zero, "w": weight, "ws": np.float32(0.002),
        "wz": np.int8(0), "ys": np.float32(0.01),
    }  # fmt: skip
    nodes = [
        make_node("QuantizeLinear", ["windows", "s", "z"], ["q"]),
        make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        make_node("Transpose", ["d"], ["t"], perm=[0, 2, 3, 1]),
        make_node("Transpose", ["t"], ["x"], perm=[0, 3, 1, 2]),
        make_node("DequantizeLinear", ["w", "ws", "wz"], ["weight"]),
        make_node("Conv", ["x", "weight"], ["y"], pads=[1, 1, 1, 1]),
        make_node("MaxPool", ["y"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        make_node("QuantizeLinear", ["p", "ys", "z"], ["pq"]),
        make_node("DequantizeLinear", ["pq", "ys", "z"], ["scores"]),
    ]
    graph = make_graph(
        nodes,
        "moved",
        [make_tensor_value_info("windows", 1, ["n", 3, 8, 8])],
        [make_tensor_value_info("scores", 1, ["n", 4, 4, 4])],
        [onnx.numpy_helper.from_array(np.asarray(v), name) for name, v in stored.items()],
    )
    model = make_model(graph, opset_imports=[make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def _checked(path: Path) -> list[str]:
    network = load_onnx(str(path)).network
    windows = images((3, 8, 8), 4)
    (theirs,) = session(path).run(None, {"windows": windows})
    with torch.no_grad():
        np.testing.assert_array_equal(network(torch.from_numpy(windows)).numpy(), theirs)
    return [m.operator.name for m in network.modules() if isinstance(m, Node)]


def test_a_convolution_comes_to_lie_between_both(tmp_path: Path) -> None:
    assert _checked(_network(tmp_path / "a.onnx", np.uint8(100))) == [
        "QuantizeLinear", "Transpose", "Transpose", "QLinearConv", "MaxPool", "DequantizeLinear",
    ]  # fmt: skip


def test_int8_that_one_node_reads_becomes_uint8(tmp_path: Path) -> None:
    assert "QLinearConv" in _checked(_network(tmp_path / "b.onnx", np.int8(-28)))
