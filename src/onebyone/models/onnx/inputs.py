"""The inputs of an ONNX file: one takes the windows, each of the others one value for all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from onebyone.errors import InputError
from onebyone.models.onnx.constants import TYPES
from onebyone.models.onnx.layout import Layout, Sizes, layout_of
from onebyone.models.shown import shown

_MOST = 1 << 31
"""Numbers of an input."""

Value = float | np.ndarray | Tensor


class Repeated(nn.Module):
    """A value that is the same for every window, as often as there are windows.

    Attributes:
        axis: of the value that is the batch.
        batch: the axis of the windows that is.
    """

    def __init__(self, value: Tensor, axis: int, batch: int) -> None:
        super().__init__()
        self.axis, self.batch = axis, batch
        self.register_buffer("value", value)
        self.eval()

    def forward(self, windows: Tensor) -> Tensor:
        """The value for so many windows."""
        value = self.get_buffer("value")
        sizes = list(value.shape)
        sizes[self.axis] = windows.shape[self.batch]
        return value.expand(sizes)


@dataclass(frozen=True)
class Fixed:
    """The value of an input that is none of windows.

    Attributes:
        value: its numbers, of size 1 along an axis that is open for the batch.
        axis: its axis that is the batch; None where it has none.
        open: whether the file takes any batch there.
    """

    value: Tensor
    axis: int | None
    open: bool

    def one(self, *, spread: bool) -> Tensor | None:
        """The numbers for one window, where they are repeated for each; None where they are not.

        Args:
            spread: whether they are, too, where the file says the batch.
        """
        if self.axis is None or not (self.open or spread):
            return None
        first = self.value.narrow(self.axis, 0, 1)
        return first if bool((first == self.value).all()) else None


@dataclass(frozen=True)
class Takes:
    """What a file takes.

    Attributes:
        image: the input for windows.
        dtype: of it.
        axes: of it.
        sizes: (C, *space) of windows, None for those that are open.
        batch: that the file says; None where it may be any.
        fixed: the values of other inputs, by their names.
    """

    image: onnx.ValueInfoProto
    dtype: torch.dtype
    axes: Layout
    sizes: Sizes
    batch: int | None
    fixed: dict[str, Fixed]


def takes(
    graph: onnx.GraphProto,
    window: Sequence[int] | None,
    layout: str | None,
    inputs: Mapping[str, Value],
) -> Takes:
    """What a file takes, with the window, layout and values of inputs that are asked for.

    Raises:
        InputError: they do not fit.
    """
    image, others = _split(graph, inputs)
    dtype = _dtype(image)
    if dtype is None:
        raise InputError(f"its input {shown(image.name)} is no tensor of numbers")
    axes = layout_of(image, graph, layout)
    batch = image.type.tensor_type.shape.dim[axes.letters.index("N")]
    fixed = {name: _fixed(value, inputs[name], batch) for name, value in others.items()}
    sizes, count = axes.window(image, window), axes.batch(image)
    if prod(n or 1 for n in (count, *sizes)) > _MOST:
        raise InputError(f"its input {_line(image)} is too large")
    return Takes(image, dtype, axes, sizes, count, fixed)


def _split(
    graph: onnx.GraphProto, given: Mapping[str, Value]
) -> tuple[onnx.ValueInfoProto, dict[str, onnx.ValueInfoProto]]:
    """The one input for windows, and those that a value is given for.

    Raises:
        InputError: there is not one without a value, or no such input as a value is given for.
    """
    stored = {tensor.name for tensor in graph.initializer}
    declared = {value.name: value for value in graph.input}
    for name in given:
        if name not in declared:
            raise InputError(f"has no input {shown(name)}; {_told(declared.values())}")
    images = [v for name, v in declared.items() if name not in stored and name not in given]
    if len(images) != 1:
        others = "" if images else "; the one for windows gets none"
        raise InputError(
            f"takes {len(images)} inputs that have no value{others}; {_told(declared.values())}; "
            "one is for windows: give each other a value, inputs={'NAME': 0.0}, or --input "
            "NAME=VALUE, a number or a .npy file"
        )
    return images[0], {name: declared[name] for name in given}


def _dtype(value: onnx.ValueInfoProto) -> torch.dtype | None:
    """PyTorch's type of an input's numbers; None where it is no tensor of numbers."""
    is_tensor = value.type.WhichOneof("value") == "tensor_type"
    return TYPES.get(value.type.tensor_type.elem_type) if is_tensor else None


def _fixed(
    declared: onnx.ValueInfoProto, given: Value, batch: onnx.TensorShapeProto.Dimension
) -> Fixed:
    """The value of an input, as large as the file declares it.

    Args:
        declared: the input.
        given: a number, which all of it is, or its numbers.
        batch: the windows' axis of the batch, as the file declares it.

    Raises:
        InputError: the value does not fit the input.
    """
    name, dtype = shown(declared.name), _dtype(declared)
    if dtype is None:
        raise InputError(f"its input {name} is no tensor of numbers, so no value can be given")
    dims = list(declared.type.tensor_type.shape.dim)
    axis = _batch_axis(dims, batch)
    is_open = axis is not None and not dims[axis].dim_value
    numbers = _numbers(given, name)
    sizes = [1 if place == axis and is_open else size.dim_value for place, size in enumerate(dims)]
    if numbers.ndim == 0:
        if 0 in sizes:
            raise InputError(f"input {_line(declared)} has open sizes: give it an array")
        numbers = numbers.expand(sizes)
    pairs = zip(numbers.shape, sizes, strict=False)
    if numbers.ndim != len(sizes) or any(size not in (0, n) for n, size in pairs):
        one = ", with 1 for the batch" if is_open else ""
        raise InputError(f"input {_line(declared)} cannot be {list(numbers.shape)}{one}")
    return Fixed(_as(numbers, dtype, name).contiguous(), axis, is_open)


def _batch_axis(
    dims: Sequence[onnx.TensorShapeProto.Dimension], batch: onnx.TensorShapeProto.Dimension
) -> int | None:
    """The axis that is the batch: named as that of the windows, the first open one, or as large."""
    places = range(len(dims))
    named = [n for n in places if dims[n].dim_param and dims[n].dim_param == batch.dim_param]
    unknown = [n for n in places if not dims[n].dim_value]
    as_large = [n for n in places if dims[n].dim_value == batch.dim_value]
    return next(iter(named or unknown or as_large), None)


def _numbers(given: Value, name: str) -> Tensor:
    try:
        return torch.as_tensor(given, device="cpu").detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"input {name} is given {shown(given)}; give a number or an array of numbers"
        ) from error


def _as(numbers: Tensor, dtype: torch.dtype, name: str) -> Tensor:
    """Numbers in the type of an input, which has them."""
    found = numbers.to(dtype)
    kept = dtype.is_floating_point or dtype.is_complex
    if not kept and not torch.equal(found.to(torch.float64), numbers.to(torch.float64)):
        raise InputError(
            f"input {name} is of {str(dtype).removeprefix('torch.')}, which does not have the "
            "numbers that are given"
        )
    return found


def _told(values: Iterable[onnx.ValueInfoProto]) -> str:
    lines = [_line(value) for value in values]
    return f"its inputs are {', '.join(lines)}" if lines else "it has no inputs"


def _line(value: onnx.ValueInfoProto) -> str:
    """An input's name and sizes, as the file declares them."""
    dims = value.type.tensor_type.shape.dim
    sizes = ", ".join(str(d.dim_value) if d.dim_value else d.dim_param or "?" for d in dims)
    return shown(f"{value.name} [{sizes}]")[1:-1]
