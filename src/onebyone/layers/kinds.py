"""The kinds of linear layer, and a module read into one form that holds for all of them.

dense ⊃ local ⊃ convolution ⊃ pointwise. Every kind is S5's sum over kernel taps; they differ in
how far a window reaches and in whether all positions share one set of weights.
"""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeGuard

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onebyone.errors import InputError
from onebyone.layers.axis import Axis, dense_axes, window_axes
from onebyone.layers.local import LocallyConnected

KINDS = ("dense", "local", "convolution", "pointwise", "linear")
"""The names that `convert` and `nearest` take; `linear` is a pointwise layer on channels-last."""

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
MAX_RANK = len(CONVOLUTIONS)


@dataclass(frozen=True)
class Geometry:
    """What a layer connects: its kind, its grids (C, *space) → (O, *space') and its windows."""

    kind: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    axes: tuple[Axis, ...]
    groups: int = 1

    @property
    def shared(self) -> bool:
        """Whether all output positions use the same weights."""
        return self.kind in ("convolution", "pointwise", "linear")

    @property
    def kernel(self) -> tuple[int, ...]:
        """The window's size along each axis."""
        return tuple(axis.kernel for axis in self.axes)

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """[O, *space'], with ones for the positions where they share."""
        channels, *space = self.output
        return (channels, *(1 if self.shared else n for n in space))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """[O, *space', C/groups, *kernel], with ones for the positions where they share."""
        return (*self.bias_shape, self.input[0] // self.groups, *self.kernel)

    @cached_property
    def connections(self) -> int:
        """The number of connections: entries of the matrix, taps in the padding left out."""
        inside = math.prod(int((axis.reads() >= 0).sum()) for axis in self.axes)
        return self.output[0] * (self.input[0] // self.groups) * inside

    def same_windows(self, other: "Geometry") -> bool:
        """Whether both read the same inputs tap for tap, so that their weights correspond."""
        pairs = zip(self.axes, other.axes, strict=True)
        return (
            (self.input, self.output, self.groups) == (other.input, other.output, other.groups)
            and self.kernel == other.kernel
            and all((mine.reads() == theirs.reads()).all() for mine, theirs in pairs)
        )

    def __str__(self) -> str:
        if self.kind == "dense":
            return "a fully connected layer"
        if self.kind == "linear":
            return "a linear layer on the channels"
        sizes = self.kernel or (1, 1)
        size = f"length-{sizes[0]}" if len(sizes) == 1 else "×".join(map(str, sizes))
        if self.kind == "local":
            return f"a locally connected layer of {size} windows"
        return f"a {size} convolution"


@dataclass(frozen=True, eq=False)
class Form:
    """A linear layer: its geometry with the weights and biases, in `Geometry`'s shapes."""

    geometry: Geometry
    weight: Float[Tensor, "..."]
    bias: Float[Tensor, "..."] | None


def read(layer: nn.Module, input: Sequence[int], output: Sequence[int] | None = None) -> Form:
    """Return the form of a layer on an input grid; its tensors share the layer's storage.

    An `nn.Linear` of C·prod(space) inputs is dense; one of C inputs acts at every position
    (channels-last).

    Args:
        layer: `nn.Linear`, `nn.Conv1d/2d/3d` or `LocallyConnected`.
        input: the grid (C, *space), spatial rank 0 to 3.
        output: the grid (O, *space'); needed where a dense layer's outputs have a grid.

    Raises:
        InputError: the layer is of another type, or the grids do not fit it.
    """
    grid = _grid(input, "input")
    wanted = None if output is None else _grid(output, "output")
    if wanted is not None and len(wanted) != len(grid):
        raise InputError(f"output={wanted} must have as many axes as input={grid}")
    form = _read(layer, grid, wanted)
    if wanted not in (None, form.geometry.output):
        raise InputError(f"output={wanted}: this layer gives {form.geometry.output} for {grid}")
    return form


def _read(layer: nn.Module, grid: tuple[int, ...], output: tuple[int, ...] | None) -> Form:
    if is_linear(layer):
        geometry = _linear_geometry(layer, grid, output)
    elif is_convolution(layer):
        geometry = _convolution_geometry(layer, grid)
    elif isinstance(layer, LocallyConnected):
        _require(layer.input == grid, f"input={grid}: this layer takes {layer.input}")
        geometry = Geometry("local", grid, layer.output, layer.axes, layer.groups)
    else:
        raise InputError(
            f"layer={layer}: give an nn.Linear, an nn.Conv1d/2d/3d padded with zeros, or a "
            "LocallyConnected"
        )
    _require(
        layer.weight.is_floating_point(),
        f"layer={layer} has weights of type {layer.weight.dtype}: give a layer of floats",
    )
    bias = None if layer.bias is None else layer.bias.detach().reshape(geometry.bias_shape)
    return Form(geometry, layer.weight.detach().reshape(geometry.weight_shape), bias)


def is_linear(layer: nn.Module) -> TypeGuard[nn.Linear]:
    """Whether a module is an `nn.Linear`, and no subclass that computes something else."""
    return isinstance(layer, nn.Linear) and type(layer).forward is nn.Linear.forward


def is_convolution(layer: nn.Module) -> TypeGuard[nn.Conv1d | nn.Conv2d | nn.Conv3d]:
    """Whether a module is a convolution that pads with zeros."""
    if not isinstance(layer, CONVOLUTIONS) or type(layer).forward not in _FORWARDS:
        return False
    return layer.padding_mode == "zeros"


_FORWARDS = tuple(kind.forward for kind in CONVOLUTIONS)


def _linear_geometry(
    layer: nn.Linear, grid: tuple[int, ...], output: tuple[int, ...] | None
) -> Geometry:
    channels, *space = grid
    if layer.in_features == math.prod(grid):
        output = output or (layer.out_features, *(1 for _ in space))
        _require(
            math.prod(output) == layer.out_features,
            f"output={output}: this layer has {layer.out_features} outputs",
        )
        return Geometry("dense", grid, output, dense_axes(space, output[1:]))
    _require(
        layer.in_features == channels,
        f"input={grid}: this linear layer takes {layer.in_features} values; give a grid of so "
        "many values, or of so many channels",
    )
    return Geometry("linear", grid, (layer.out_features, *space), window_axes(space, 1))


def _convolution_geometry(
    layer: nn.Conv1d | nn.Conv2d | nn.Conv3d, grid: tuple[int, ...]
) -> Geometry:
    channels, *space = grid
    rank = len(layer.kernel_size)
    _require(
        len(space) == rank and channels == layer.in_channels,
        f"input={grid}: this convolution takes {layer.in_channels} channels and {rank} axes",
    )
    axes = window_axes(space, layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    output = (layer.out_channels, *(axis.outputs for axis in axes))
    kind = "pointwise" if axes == window_axes(space, 1) else "convolution"
    return Geometry(kind, grid, output, axes, layer.groups)


def build(form: Form) -> nn.Module:
    """Return the module of a form; its parameters share the form's storage.

    Raises:
        InputError: a convolution of rank 0, which PyTorch has not; give the axes, of size 1.
    """
    geometry = form.geometry
    module = _empty(geometry, bias=form.bias is not None)
    for name, tensor in (("weight", form.weight), ("bias", form.bias)):
        if tensor is not None:
            shape = getattr(module, name).shape
            setattr(module, name, nn.Parameter(tensor.reshape(shape)))
    return module


def _empty(geometry: Geometry, bias: bool) -> nn.Module:
    """Return the geometry's module without memory for its parameters."""
    with torch.device("meta"):
        if geometry.kind == "dense":
            return nn.Linear(math.prod(geometry.input), math.prod(geometry.output), bias)
        if geometry.kind == "linear":
            return nn.Linear(geometry.input[0], geometry.output[0], bias)
        axes = geometry.axes
        symmetric = all(axis.before == axis.after for axis in axes)
        window: dict[str, Any] = {
            "kernel_size": geometry.kernel,
            "stride": tuple(axis.stride for axis in axes),
            "padding": tuple(axis.before for axis in axes) if symmetric else "same",
            "dilation": tuple(axis.dilation for axis in axes),
            "groups": geometry.groups,
            "bias": bias,
        }
        if geometry.kind == "local":
            return LocallyConnected(geometry.input, geometry.output[0], **window)
        _require(bool(axes), "PyTorch has no convolution of rank 0: give input=(C, 1, 1)")
        return CONVOLUTIONS[len(axes) - 1](geometry.input[0], geometry.output[0], **window)


def _grid(value: Sequence[int], name: str) -> tuple[int, ...]:
    try:
        grid = tuple(operator.index(n) for n in value)
    except TypeError:
        raise InputError(f"{name}={value!r}: give ints, (channels, *space)") from None
    if not 1 <= len(grid) <= MAX_RANK + 1 or any(n < 1 for n in grid):
        raise InputError(f"{name}={grid}: give (channels, *space) with up to 3 axes, all positive")
    return grid


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InputError(message)
