"""Quantised nodes and networks, and what onnxruntime gives of them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from torch import nn

from helpers.onnx_nodes import run
from helpers.onnx_quiet import quiet

MICROSOFT = "com.microsoft"
FORMATS: dict[str, dict[str, Any]] = {
    "qdq": {"weight_type": QuantType.QUInt8},
    "qdq-per-channel": {"weight_type": QuantType.QInt8, "per_channel": True},
    "qdq-int8-weights": {"weight_type": QuantType.QInt8},
    "qdq-int8": {"weight_type": QuantType.QInt8, "activation_type": QuantType.QInt8},
    "qdq-symmetric": {
        "weight_type": QuantType.QInt8,
        "extra_options": {"ActivationSymmetric": True},
    },
    "operators": {"weight_type": QuantType.QUInt8, "quant_format": QuantFormat.QOperator},
    "operators-per-channel": {
        "weight_type": QuantType.QInt8, "quant_format": QuantFormat.QOperator, "per_channel": True,
        "reduce_range": True,
    },
}  # fmt: skip


def session(model: Path | bytes, *, exact: bool = True) -> onnxruntime.InferenceSession:
    """A session with onnxruntime's own optimisations, whose sums do not overflow on any CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    # Without VNNI pairs of products of uint8 and int8 are cut off at 16 bits otherwise.
    options.add_session_config_entry("session.x64quantprecision", str(int(exact)))
    given = str(model) if isinstance(model, Path) else model
    return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])


def node(
    operator: str,
    inputs: Mapping[str, Any],
    *,
    constant: Sequence[str] = (),
    domain: str = "",
    version: int = 19,
    outputs: int = 1,
    result: int = 0,
    **attributes: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """One node through the table and through onnxruntime: a result that each gives."""
    arrays = {name: np.asarray(value) for name, value in inputs.items() if value is not None}
    names = [name if value is not None else "" for name, value in inputs.items()]
    results = [f"y{place}" for place in range(outputs)]
    made = onnx.helper.make_node(operator, names, results, domain=domain, **attributes)
    types = {n: onnx.helper.np_dtype_to_tensor_dtype(a.dtype) for n, a in arrays.items()}
    graph = onnx.helper.make_graph(
        [made],
        "one",
        [onnx.helper.make_tensor_value_info(n, types[n], a.shape) for n, a in arrays.items()],
        [onnx.ValueInfoProto(name=name) for name in results],
    )
    versions = [onnx.helper.make_opsetid("", version), onnx.helper.make_opsetid(MICROSOFT, 1)]
    model = onnx.helper.make_model(graph, opset_imports=versions, ir_version=10)
    fixed = onnx.ModelProto.FromString(model.SerializeToString())
    kept = [value for value in graph.input if value.name not in constant]
    del fixed.graph.input[:]
    fixed.graph.input.extend(kept)
    fixed.graph.initializer.extend(
        onnx.numpy_helper.from_array(arrays[name], name) for name in constant if name in arrays
    )
    feeds = {name: array for name, array in arrays.items() if name not in constant}
    # Of int8 alone sums do not overflow, and its operators do not take what weights become then.
    exact = any(array.dtype == np.uint8 for array in feeds.values())
    theirs = session(fixed.SerializeToString(), exact=exact).run(None, feeds)
    return run(model, list(arrays.values()))[result], theirs[result]


class Small(nn.Module):
    """Strides, groups, pooling, a sum of two branches, gates and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.beside = nn.Conv2d(8, 8, 1)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.last = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.max_pool2d(torch.relu(self.first(x)), 3, 2, 1)
        x = torch.relu(x + self.beside(torch.relu(self.second(x))))
        x = torch.cat([x, nn.functional.leaky_relu(x - 1, 0.1)], 1)
        x = nn.functional.relu6(self.depthwise(x))
        x = nn.functional.avg_pool2d(x * torch.sigmoid(x), 2, 1)
        x = nn.functional.adaptive_avg_pool2d(x, 1)
        return self.last(torch.flatten(x, 1))


class _Images(CalibrationDataReader):
    def __init__(self, window: Sequence[int]) -> None:
        self.images: Iterator[Any] = iter({"windows": images(window, 1, seed)} for seed in range(8))

    def get_next(self) -> Any:
        return next(self.images, None)


def images(window: Sequence[int], batch: int, seed: int = 0) -> np.ndarray:
    """Random windows from -1 to 1."""
    drawn = np.random.default_rng(seed).random((batch, *window), dtype=np.float32)
    return 2 * drawn - 1


def exported(network: nn.Module, window: Sequence[int], path: Path) -> Path:
    """Export a network for any batch."""
    with quiet():
        torch.onnx.export(
            network.eval(), (torch.zeros(2, *window),), str(path), input_names=["windows"],
            output_names=["scores"], dynamo=False, opset_version=17,
            dynamic_axes={"windows": {0: "batch"}, "scores": {0: "batch"}},
        )  # fmt: skip
    return path


def quantised(path: Path, window: Sequence[int], kind: str) -> Path:
    """Quantise a network of floats by onnxruntime's tools."""
    result = path.with_name(f"{kind}.onnx")
    options = {"quant_format": QuantFormat.QDQ, "activation_type": QuantType.QUInt8}
    with quiet():
        quantize_static(path, result, _Images(window), **{**options, **FORMATS[kind]})
    return result
