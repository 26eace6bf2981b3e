"""Layers of types that say what they connect, read into the form that holds for all kinds."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from onebyone.errors import InputError
from onebyone.layers.index_pattern import IndexPattern, dense_patterns, per_axis, window_patterns
from onebyone.layers.kinds import CONVOLUTIONS, Form, LayerGeometry
from onebyone.layers.local import LocallyConnected

Grid = tuple[int, ...]
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
POOLINGS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
ADAPTIVE = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)


def is_linear(layer: nn.Module) -> TypeGuard[nn.Linear]:
    """Whether a module is an `nn.Linear`, and no subclass that computes something else."""
    return is_of(layer, (nn.Linear,))


def is_convolution(layer: nn.Module) -> TypeGuard[nn.Conv1d | nn.Conv2d | nn.Conv3d]:
    """Whether a module is a convolution that pads with zeros."""
    return is_of(layer, CONVOLUTIONS) and layer.padding_mode == "zeros"


def is_of(layer: nn.Module, kinds: tuple[type[nn.Module], ...]) -> bool:
    """Whether a module computes what one of these kinds does."""
    hooks = [*layer._forward_hooks.values(), *layer._forward_pre_hooks.values()]
    # Hooks may change what it computes, but for PyTorch's own, which make the weight.
    if not all(type(hook).__module__.startswith("torch.nn.utils.") for hook in hooks):
        return False
    return any(isinstance(layer, kind) and type(layer).forward is kind.forward for kind in kinds)


def read_listed(
    layer: nn.Module, grid: Grid, output: Grid | None, dtype: torch.dtype | None = None
) -> Form | None:
    """Return the form of a layer whose type says what it connects; None for others.

    The weights of a pooling are of `dtype`, by default PyTorch's.
    """
    if is_linear(layer):
        return _stored(layer, _linear_geometry(layer, grid, output))
    if is_convolution(layer):
        return read_convolution(layer, grid, layer.padding)
    if isinstance(layer, LocallyConnected) and is_of(layer, (LocallyConnected,)):
        _require(layer.input == grid, f"input={grid}: this layer takes {layer.input}")
        return _stored(layer, LayerGeometry("local", grid, layer.output, layer.axes, layer.groups))
    if is_of(layer, TRANSPOSED):
        return _read_transposed(layer, grid)
    if is_of(layer, POOLINGS):
        return _read_pooling(layer, grid, dtype)
    return _read_adaptive(layer, grid, dtype) if is_of(layer, ADAPTIVE) else None


def read_convolution(layer: Any, grid: Grid, padding: int | str | Sequence[int]) -> Form:
    """Return the form of a convolution that pads with so many zeros, whatever its own padding."""
    require_input(layer, grid, layer.in_channels, len(layer.kernel_size))
    axes = window_patterns(grid[1:], layer.kernel_size, layer.stride, padding, layer.dilation)
    return _stored(layer, _convolution_geometry(grid, layer.out_channels, axes, layer.groups))


def _stored(layer: Any, geometry: LayerGeometry) -> Form:
    _require(
        layer.weight.is_floating_point(),
        f"layer={layer} has weights of type {layer.weight.dtype}: give a layer of floats",
    )
    bias = None if layer.bias is None else layer.bias.detach().reshape(geometry.bias_shape)
    return Form(geometry, layer.weight.detach().reshape(geometry.weight_shape), bias)


def _linear_geometry(layer: nn.Linear, grid: Grid, output: Grid | None) -> LayerGeometry:
    channels, *space = grid
    if layer.in_features == math.prod(grid):
        output = output or (layer.out_features, *(1 for _ in space))
        _require(
            math.prod(output) == layer.out_features,
            f"output={output}: this layer has {layer.out_features} outputs",
        )
        return LayerGeometry("dense", grid, output, dense_patterns(space, output[1:]))
    _require(
        layer.in_features == channels,
        f"input={grid}: this linear layer takes {layer.in_features} values; give a grid of so "
        "many values, or of so many channels",
    )
    return LayerGeometry("linear", grid, (layer.out_features, *space), window_patterns(space, 1))


def _convolution_geometry(
    grid: Grid, outputs: int, axes: tuple[IndexPattern, ...], groups: int
) -> LayerGeometry:
    kind = "pointwise" if axes == window_patterns(grid[1:], 1) else "convolution"
    return LayerGeometry(kind, grid, (outputs, *(axis.outputs for axis in axes)), axes, groups)


def _read_transposed(layer: Any, grid: Grid) -> Form:
    """Read a convolution's transpose: a convolution of the inputs with zeros between them.

    Its kernel is the other way round, and it pads by what PyTorch's `padding` leaves of the span.
    """
    rank = len(layer.kernel_size)
    require_input(layer, grid, layer.in_channels, rank)
    axes = tuple(_transposed_axis(layer, a, size) for a, size in enumerate(grid[1:]))
    plain = all(axis.spacing == 1 and axis.before == axis.after >= 0 for axis in axes)
    geometry = _convolution_geometry(grid, layer.out_channels, axes, layer.groups)
    if not plain:
        geometry = LayerGeometry("transposed", grid, geometry.output, axes, layer.groups)
    form = _stored(layer, geometry)
    blocks = layer.weight.detach().unflatten(0, (layer.groups, -1)).transpose(1, 2).flatten(0, 1)
    flipped = blocks.flip(tuple(range(2, 2 + rank))).reshape(geometry.weight_shape)
    return replace(form, weight=flipped)


def _transposed_axis(layer: Any, a: int, size: int) -> IndexPattern:
    kernel, stride, dilation = layer.kernel_size[a], layer.stride[a], layer.dilation[a]
    span, padding, extra = dilation * (kernel - 1), layer.padding[a], layer.output_padding[a]
    outputs = (size - 1) * stride - 2 * padding + span + extra + 1
    _require(
        outputs > 0, f"padding={layer.padding} of this layer leaves no output of {size} positions"
    )
    return IndexPattern(
        size, outputs, kernel, 1, dilation, span - padding, span - padding + extra, spacing=stride
    )


def _read_pooling(layer: Any, grid: Grid, dtype: torch.dtype | None) -> Form | None:
    """Read average pooling, unless its windows differ in what they divide by."""
    rank = len(grid) - 1
    _require_rank(layer, grid, POOLINGS)
    kernel = per_axis(layer.kernel_size, rank, "kernel_size", least=1)
    stride = per_axis(layer.stride, rank, "stride", least=1)
    padding = per_axis(layer.padding, rank, "padding", least=0)
    axes = window_patterns(grid[1:], kernel, stride, padding)
    divisor = getattr(layer, "divisor_override", None)
    alike = divisor or layer.count_include_pad or not any(padding)
    if layer.ceil_mode:
        rest = [(a.size + 2 * a.before - a.kernel) % a.stride for a in axes]
        alike = alike and not any(rest)
    return _average(grid, axes, divisor or math.prod(kernel), dtype) if alike else None


def _read_adaptive(layer: Any, grid: Grid, dtype: torch.dtype | None) -> Form | None:
    """Read average pooling onto a given size, unless its windows differ in size."""
    _require_rank(layer, grid, ADAPTIVE)
    space = grid[1:]
    wanted = layer.output_size
    sizes = wanted if isinstance(wanted, tuple) else (wanted,) * len(space)
    outputs = [n if m is None else m for n, m in zip(space, sizes, strict=True)]
    if any(n % m for n, m in zip(space, outputs, strict=True)):
        return None
    kernel = [n // m for n, m in zip(space, outputs, strict=True)]
    return _average(grid, window_patterns(space, kernel, kernel), math.prod(kernel), dtype)


def _average(
    grid: Grid, axes: tuple[IndexPattern, ...], divisor: int, dtype: torch.dtype | None
) -> Form:
    """Return I ⊗ (1/n)·1ᵀ over the windows (S6): a depthwise convolution with equal weights."""
    geometry = _convolution_geometry(grid, grid[0], axes, grid[0])
    weight: Tensor = torch.full(geometry.weight_shape, 1 / divisor, dtype=dtype)
    return Form(geometry, weight, None)


def require_input(layer: nn.Module, grid: Grid, channels: int, rank: int) -> None:
    """Refuse a grid of other channels or axes."""
    _require(
        len(grid) - 1 == rank and grid[0] == channels,
        f"input={grid}: this {type(layer).__name__} takes {channels} channels and {rank} axes",
    )


def _require_rank(layer: nn.Module, grid: Grid, kinds: tuple[type[nn.Module], ...]) -> None:
    (rank,) = (rank for rank, kind in enumerate(kinds, start=1) if isinstance(layer, kind))
    require_input(layer, grid, grid[0], rank)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InputError(message)
