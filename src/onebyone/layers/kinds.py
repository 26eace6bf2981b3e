"""The kinds of linear layer, and one form that holds for all of them.

dense ⊃ local ⊃ convolution ⊃ pointwise. Every kind is S5's sum over kernel taps; they differ in
how far a window reaches and in whether all positions share one set of weights.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onebyone.choices import Kind
from onebyone.errors import InputError
from onebyone.layers.index_pattern import IndexPattern
from onebyone.layers.local import LocallyConnected
from onebyone.wording import by

KINDS = get_args(Kind)
"""The names that `convert` and `nearest` take; `linear` is a pointwise layer on channels-last."""

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
MAX_RANK = len(CONVOLUTIONS)
MEMORY_LIMIT = 4 * 2**30
"""Bytes above which a matrix is refused; `LayerMatrix.operator` needs none of them."""


@dataclass(frozen=True)
class LayerGeometry:
    """What a layer connects: its kind, its grids (C, *space) → (O, *space') and its windows."""

    kind: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    axes: tuple[IndexPattern, ...]
    groups: int = 1

    @property
    def shared(self) -> bool:
        """Whether all output positions use the same weights."""
        return self.kind in ("convolution", "pointwise", "linear", "transposed")

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

    def same_windows(self, other: "LayerGeometry") -> bool:
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
        size = f"length-{sizes[0]}" if len(sizes) == 1 else by(sizes)
        if self.kind == "local":
            return f"a locally connected layer of {size} windows"
        if self.kind == "transposed":
            return f"a transposed {size} convolution"
        return f"a {size} convolution"


@dataclass(frozen=True, eq=False)
class Form:
    """A linear layer: its geometry with the weights and biases, in `LayerGeometry`'s shapes.

    `rounded` says that the numbers were computed: each was rounded to the weight's precision.
    """

    geometry: LayerGeometry
    weight: Float[Tensor, "..."]
    bias: Float[Tensor, "..."] | None
    rounded: bool = False


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


def _empty(geometry: LayerGeometry, bias: bool) -> nn.Module:
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
        if not axes:
            raise InputError("PyTorch has no convolution of rank 0: give input=(C, 1, 1)")
        return CONVOLUTIONS[len(axes) - 1](geometry.input[0], geometry.output[0], **window)
