"""The equal forms of one layer, each ready to run on a batch."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from onebyone.layers.conversion import NotConvertible, convert
from onebyone.layers.kinds import Form, LayerGeometry, build
from onebyone.layers.nearest import target
from onebyone.layers.reading import read

MOST_WEIGHTS = 2**24
"""Weights above which a form with more than the layer's own is neither built nor run."""
MEMORY_FORMATS = {2: torch.channels_last, 3: torch.channels_last_3d}

Forward = Callable[[], Tensor]


def alternatives(
    layer: nn.Module, form: Form, x: Tensor
) -> Iterator[tuple[str, LayerGeometry, Forward | None]]:
    """Yield the name of each form, what it connects, and its call on x; None for those too large.

    `form` is the layer as it was read, x a batch [B, C, *space].
    """
    grids = form.geometry.input, form.geometry.output
    source = layer if form.geometry.kind == "transposed" else build(form)
    for kind in ("dense", "local", "convolution"):
        if kind == "convolution" and not form.geometry.axes:
            continue
        geometry = target(form.geometry, kind)
        weights = math.prod(geometry.weight_shape)
        if weights > max(MOST_WEIGHTS, math.prod(form.geometry.weight_shape)):
            yield kind, geometry, None
            continue
        try:
            module = convert(source, kind, *grids)
        except NotConvertible:
            continue
        geometry = read(module, *grids).geometry
        if kind == "convolution":
            yield from _convolutions(module, geometry, x)
        else:
            yield kind, geometry, partial(module, x.flatten(1) if kind == "dense" else x)


def _convolutions(
    module: nn.Module, geometry: LayerGeometry, x: Tensor
) -> Iterator[tuple[str, LayerGeometry, Forward | None]]:
    """Yield the layouts of a convolution, and what else a pointwise one is."""
    rank = len(geometry.axes)
    yield "convolution, channels first", geometry, partial(module, x)
    if rank in MEMORY_FORMATS:
        last: dict[str, Any] = {"memory_format": MEMORY_FORMATS[rank]}
        copied = convert(module, "convolution", geometry.input).to(**last)
        yield "convolution, channels last", geometry, partial(copied, x.to(**last))
    if geometry.kind == "pointwise" and geometry.groups == 1:
        linear = convert(module, "linear", geometry.input)
        yield "linear, channels last", geometry, partial(linear, x.movedim(1, -1).contiguous())
        yield "batched matmul, channels first", geometry, partial(_matmul, linear, x.flatten(2))


def _matmul(linear: nn.Module, x: Tensor) -> Tensor:
    y = linear.get_parameter("weight") @ x
    bias = linear._parameters["bias"]
    return y if bias is None else y + bias[:, None]
