"""A module read into the form that holds for all kinds of layer."""

import math
import operator
from collections.abc import Sequence

from torch import nn
from torch.nn.parameter import is_lazy

from onebyone.errors import InputError
from onebyone.layers.kinds import MAX_RANK, Form
from onebyone.layers.listed import Grid, read_listed
from onebyone.layers.probing import probe
from onebyone.layers.sequence import read_sequence

MOST_VALUES = 2**63 - 1


def read(layer: nn.Module, input: Sequence[int], output: Sequence[int] | None = None) -> Form:
    """Return the form of a layer on an input grid; its tensors share the layer's storage.

    An `nn.Linear` of C·prod(space) inputs is dense; one of C inputs acts at every position
    (channels-last). Average pooling is a convolution whose weights are alike (S6). The storage is
    not shared by transposed convolutions, poolings, and what is computed in float64 and rounded
    once: the dense matrix of a convolution with another padding than zeros, of an `nn.Sequential`
    of such layers, and of any other module, whose derivative is taken in eval mode.

    The arguments are those of `matrix`, which is of any layer that can be read.

    Raises:
        NotLinear: the module is not linear; it has the witness.
        InputError: the grids do not fit the layer, or a number that was computed is not known.
    """
    if not isinstance(layer, nn.Module):
        raise InputError(f"layer={layer!r}: give a torch.nn.Module, as nn.Conv2d(2, 1, 1)")
    if any(is_lazy(one) or one.is_meta for one in (*layer.parameters(), *layer.buffers())):
        raise InputError(f"layer={type(layer).__name__} has no weights yet: give it some")
    grid = as_grid(input, "input")
    wanted = None if output is None else as_grid(output, "output")
    if wanted is not None and len(wanted) != len(grid):
        raise InputError(f"output={wanted} must have as many axes as input={grid}")
    form = (
        read_listed(layer, grid, wanted)
        or read_sequence(layer, grid, wanted)
        or probe(layer, grid, wanted)
    )
    if not math.prod(form.geometry.output):
        raise InputError(f"layer={type(layer).__name__} has no outputs: give one that has")
    if wanted not in (None, form.geometry.output):
        raise InputError(f"output={wanted}: this layer gives {form.geometry.output} for {grid}")
    return form


def as_grid(value: Sequence[int], name: str) -> Grid:
    """Return a grid (channels, *space), given as the argument `name`, as plain ints."""
    try:
        grid = tuple(operator.index(n) for n in value)
    except TypeError:
        raise InputError(f"{name}={value!r}: give ints, (channels, *space)") from None
    if not 1 <= len(grid) <= MAX_RANK + 1 or any(n < 1 for n in grid):
        raise InputError(f"{name}={grid}: give (channels, *space) with up to 3 axes, all positive")
    if math.prod(grid) > MOST_VALUES:
        raise InputError(f"{name}={grid}: has more values than 64 bits can count; give fewer")
    return grid
