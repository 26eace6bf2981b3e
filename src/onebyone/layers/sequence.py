"""Layers in a row, and convolutions that pad with other things than zeros, as one matrix."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import nn
from torch.nn import functional

from onebyone.errors import InputError, first_line
from onebyone.layers.composition import affine, composed, selection
from onebyone.layers.computed import computed, float_type, require_dense
from onebyone.layers.index_pattern import pads
from onebyone.layers.kinds import CONVOLUTIONS, Form
from onebyone.layers.listed import (
    Grid,
    is_linear,
    is_of,
    read_convolution,
    read_listed,
    require_input,
)

KEEPING = (
    *(nn.Identity, nn.Flatten, nn.Unflatten),
    *(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout),
    nn.FeatureAlphaDropout,
)
"""Modules that keep their values in order, in eval mode, and change the grid at most."""


class Chain(NamedTuple):
    """Layers in a row: how to make their maps, the output grid, the form where they are one."""

    maps: tuple[Callable[[], csr_array], ...]
    output: Grid
    form: Form | None = None


def read_sequence(layer: nn.Module, grid: Grid, output: Grid | None) -> Form | None:
    """Return the form of layers in a row, or of a convolution that pads; None for other modules."""
    chain = _chain(layer, grid)
    if chain is None or not chain.maps:
        return None
    dtype = float_type(layer)
    if chain.form is not None and chain.form.geometry.output == (output or chain.output):
        return replace(chain.form, weight=chain.form.weight.to(dtype))
    require_dense(layer, math.prod(grid), math.prod(chain.output))
    weight, bias = composed([make() for make in chain.maps])
    form = computed(layer, weight, bias.reshape(chain.output), grid, output, dtype)
    return replace(form, rounded=len(chain.maps) > 1)


def _chain(layer: nn.Module, grid: Grid) -> Chain | None:
    if is_of(layer, KEEPING):
        return _kept(layer, grid)
    if is_of(layer, CONVOLUTIONS) and layer.padding_mode != "zeros":
        return _padded(layer, grid)
    if is_of(layer, (nn.Sequential,)):
        return _joined(layer, grid)
    # On a grid PyTorch applies an nn.Linear to the last axis, whatever the channels are.
    if is_linear(layer) and len(grid) > 1:
        return None
    form = read_listed(layer, grid, None, torch.float64)
    return None if form is None else _one(form)


def _one(form: Form) -> Chain:
    return Chain((partial(affine, form),), form.geometry.output, form)


def _kept(layer: nn.Module, grid: Grid) -> Chain | None:
    try:
        kept = tuple(layer(torch.empty(1, *grid, device="meta")).shape)
    except (RuntimeError, IndexError):
        return None
    return Chain((), kept[1:]) if len(kept) > 1 and math.prod(kept[1:]) == math.prod(grid) else None


def _joined(layer: Any, grid: Grid) -> Chain | None:
    whole = Chain((), grid)
    for part in layer:
        chain = _chain(part, whole.output)
        if chain is None:
            return None
        form = whole.form if not chain.maps else chain.form if not whole.maps else None
        whole = Chain(whole.maps + chain.maps, chain.output, form)
    return whole


def _padded(layer: Any, grid: Grid) -> Chain:
    """Read a convolution as one without padding, of an input that is padded before."""
    require_input(layer, grid, layer.in_channels, len(layer.kernel_size))
    space = grid[1:]
    around = pads(layer.padding, layer.kernel_size, layer.stride, layer.dilation)
    flat = [n for pair in reversed(around) for n in pair]
    index = torch.arange(math.prod(space), dtype=torch.float64).reshape(1, 1, *space)
    try:
        index = functional.pad(index, flat, mode=layer.padding_mode)
    except (RuntimeError, NotImplementedError) as error:
        cause = first_line(error)
        raise InputError(f"input={grid}: {layer} does not take it ({cause})") from error
    form = read_convolution(layer, (grid[0], *index.shape[2:]), padding=0)
    if not any(flat):
        return _one(form)
    within = index.flatten().numpy().astype(np.int64)
    columns = (np.arange(grid[0])[:, None] * math.prod(space) + within).ravel()
    padding = partial(selection, columns, math.prod(grid))
    return Chain((padding, partial(affine, form)), form.geometry.output)
