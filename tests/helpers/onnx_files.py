"""Small ONNX classifiers for tests of how files are read, and onnxruntime's numbers for them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from helpers.onnx_pairs import model

WINDOW = (3, 8, 8)
BODY = """
    c = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(x, w, b) r = Relu(c)
    p = GlobalAveragePool(r) f = Flatten(p) y = Gemm<transB=1>(f, v, d)
"""


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed).standard_normal
    shapes = {"w": (4, 3, 3, 3), "b": (4,), "v": (2, 4), "d": (2,)}
    return {name: draw(shape).astype(np.float32) for name, shape in shapes.items()}


def classifier(batch: int | str = "N", size: str = "8,8") -> onnx.ModelProto:
    """Two classes of windows 3×8×8."""
    return model(f"net (float[{batch},3,{size}] x) => (float[{batch},2] y) {{{BODY}}}", arrays())


def saved(folder: Path, made: onnx.ModelProto, name: str = "net.onnx") -> str:
    path = folder / name
    onnx.save(made, path)
    return str(path)


def windows(count: int, *window: int) -> torch.Tensor:
    return torch.randn(count, *(window or WINDOW))


def ran(path: str | bytes, feeds: Mapping[str, Any], outputs: list[str] | None = None) -> Any:
    """What onnxruntime gives."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    running = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return running.run(outputs, {k: np.asarray(v) for k, v in feeds.items()})


def hostile_sizes() -> onnx.ModelProto:
    """Sizes that follow from the batch, whose constants damage can make absurd."""
    text = """net (float[N,3,8,8] x) => (float[N,4] y) {
        s = Shape(x) n = Gather(s, zero) m = Unsqueeze(n, zero1) t = Concat<axis=0>(m, two)
        e = Expand(token, t) f = Flatten(x) g = Gather<axis=1>(f, places) h = Concat<axis=1>(e, g)
        y = Relu(h)
    }"""
    numbers = {"zero": 0, "zero1": [0], "two": [2], "places": [3, 5]}
    held = {name: np.array(number, np.int64) for name, number in numbers.items()}
    return model(text, {"token": np.array([[0.5, 2.0]], np.float32), **held})
