"""Networks of PyTorch as ONNX files, by both of its exporters, and onnxruntime on such files."""

import contextlib
import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

_KINDS = {
    "tensor(float)": np.float32, "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32, "tensor(int64)": np.int64,
}  # fmt: skip


@dataclass(frozen=True)
class Way:
    """How a network is exported.

    Attributes:
        dynamo: by torch.export; otherwise by TorchScript.
        batch: that the file says; None for any.
    """

    dynamo: bool
    batch: int | None = None

    def __str__(self) -> str:
        exporter = "dynamo" if self.dynamo else "script"
        return f"{exporter}-{'any' if self.batch is None else self.batch}"


WAYS = tuple(Way(dynamo, batch) for dynamo in (True, False) for batch in (None, 1))


def export(model: nn.Module, window: Sequence[int], path: Path, way: Way) -> Path:
    """Write a network for windows (C, *space), and give the file."""
    example = torch.zeros(way.batch or 2, *window)
    options: dict[str, Any] = {"dynamo": way.dynamo, "input_names": ["windows"]}
    if way.dynamo:
        options |= {"external_data": False, "verbose": False}
        if way.batch is None:
            options["dynamic_shapes"] = ({0: torch.export.Dim("batch", min=1, max=4096)},)
    elif way.batch is None:
        options["dynamic_axes"] = {"windows": {0: "batch"}}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # each has much to say about itself
        torch.onnx.export(model, (example,), path, **options)
    return path


class Runtime(nn.Module):
    """onnxruntime on a file as a module for windows [N, C, *space], on PyTorch's threads.

    Args:
        path: the file.
        order: of the axes of its input, by those of windows; None where it is the same.
        others: a number for each other input, which all of that is, for any batch.
        outputs: names of those that are given; None for all.
        rewritten: whether onnxruntime may rewrite the graph.

    Attributes:
        batch: that the file says; None for any.
    """

    def __init__(
        self,
        path: Path,
        order: Sequence[int] | None = None,
        others: Mapping[str, float] | None = None,
        *,
        outputs: Sequence[str] | None = None,
        rewritten: bool = True,
    ) -> None:
        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        if not rewritten:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._order = order
        self._others, self._outputs = others or {}, outputs
        declared = {value.name: value for value in self._session.get_inputs()}
        self._fixed = [declared.pop(name) for name in self._others]
        (self._input,) = declared.values()
        first = self._input.shape[0]
        self.batch = first if isinstance(first, int) else None

    def forward(self, windows: Tensor) -> list[Tensor]:
        """Give the tensors that the file gives, one after the other."""
        if self._order is not None:
            one = len(self._order) < windows.ndim  # its input has no axis for the one channel
            windows = windows.squeeze(1) if one else windows.permute(*self._order)
        pieces = windows.split(self.batch or len(windows))
        found = zip(*(self._run(piece) for piece in pieces), strict=True)
        return [torch.cat(parts) for parts in found]

    def _run(self, windows: Tensor) -> list[Tensor]:
        given = np.ascontiguousarray(windows.numpy().astype(_KINDS[self._input.type]))
        feeds = {self._input.name: given}
        for value in self._fixed:
            sizes = [size if isinstance(size, int) else len(windows) for size in value.shape]
            feeds[value.name] = np.full(sizes, self._others[value.name], _KINDS[value.type])
        found = self._session.run(self._outputs, feeds)
        return [_batch_first(torch.from_numpy(y), len(windows)) for y in found]


def _batch_first(y: Tensor, batch: int) -> Tensor:
    """An output with the axis first that has the size of the batch."""
    return y if len(y) == batch else y.movedim(y.shape.index(batch), 0)


def deviation(found: Sequence[Tensor], asked: Sequence[Tensor]) -> float:
    """The largest difference, over the largest number of that output; zip is strict."""
    return max(
        ((a - b).abs().max() / b.abs().max().clamp(min=1e-30)).item()
        for a, b in zip(found, asked, strict=True)
    )
