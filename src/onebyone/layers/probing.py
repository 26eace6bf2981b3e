"""The matrix of a module of unknown kind: unit vectors pushed through it, and a check."""

import copy
import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from onebyone.errors import InputError
from onebyone.layers.axis import dense_axes
from onebyone.layers.kinds import MEMORY_LIMIT, Form, Geometry

BATCH_VALUES = 2**22
"""Values that a batch of unit vectors may have."""
SCALES = (1e-3, 1.0, 1e3, 1e6)
TOLERANCE = 1e-8
"""What rounding explains in float64, as a share of the largest output."""


class NotLinear(InputError):
    """A module is not linear.

    Attributes:
        witness: an input [C, *space] whose output is not its matrix times it, plus its bias.
    """

    def __init__(self, message: str, witness: Float[np.ndarray, "..."]) -> None:
        super().__init__(message)
        self.witness = witness


def probe(layer: nn.Module, grid: tuple[int, ...], output: tuple[int, ...] | None) -> Form:
    """Return a module's dense form: its bias is what it makes of zeros, its columns of units.

    It is run in eval mode and float64, as a copy, and then tried on random inputs, small and
    large. Nothing short of reading it can prove that it is linear; a witness proves that it is
    not.

    Raises:
        NotLinear: its outputs are not those of the matrix.
        InputError: it does not take the grid, or its matrix would not fit into memory.
    """
    dtype = _dtype(layer)
    run = copy.deepcopy(layer).eval().double()
    bias = _push(run, torch.zeros(1, *grid, dtype=torch.float64))[0]
    weight = _columns(layer, run, bias, grid)
    _require_linear(layer, run, weight, bias.flatten(), grid)
    output = output or _output_grid(bias, len(grid))
    if math.prod(output) != bias.numel():
        raise InputError(f"output={output}: this layer has {bias.numel()} outputs")
    geometry = Geometry("dense", grid, output, dense_axes(grid[1:], output[1:]))
    return Form(
        geometry,
        weight.reshape(geometry.weight_shape).to(dtype),
        bias.reshape(geometry.bias_shape).to(dtype) if bool(bias.any()) else None,
    )


def _dtype(layer: nn.Module) -> torch.dtype:
    tensors = (*layer.parameters(), *layer.buffers())
    floats = [tensor.dtype for tensor in tensors if tensor.is_floating_point()]
    return floats[0] if floats else torch.get_default_dtype()


def _push(layer: nn.Module, x: Tensor) -> Tensor:
    try:
        with torch.no_grad():
            y = layer(x)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        cause = str(error).strip().splitlines()[0]
        raise InputError(
            f"layer={layer} does not take input={tuple(x.shape[1:])} ({cause}): give a module of "
            "batches [B, C, *space]"
        ) from error
    if not isinstance(y, Tensor) or y.ndim == 0 or len(y) != len(x) or not y.is_floating_point():
        raise InputError(f"layer={layer}: give a module that returns one tensor [B, ...] of floats")
    return y


def _columns(layer: nn.Module, run: nn.Module, bias: Tensor, grid: tuple[int, ...]) -> Tensor:
    inputs, outputs = math.prod(grid), bias.numel()
    size = inputs * outputs * bias.element_size()
    if size > MEMORY_LIMIT:
        raise InputError(
            f"input={grid}: the matrix of {type(layer).__name__}, found by pushing unit vectors "
            f"through it, would take {size:,} bytes; give a smaller input"
        )
    weight = torch.empty(outputs, inputs, dtype=torch.float64)
    step = max(1, BATCH_VALUES // max(inputs, outputs))
    for start in range(0, inputs, step):
        stop = min(start + step, inputs)
        units = torch.zeros(stop - start, inputs, dtype=torch.float64)
        units[torch.arange(stop - start), torch.arange(start, stop)] = 1
        columns = _push(run, units.reshape(-1, *grid)) - bias
        weight[:, start:stop] = columns.reshape(stop - start, outputs).T
    return weight


def _require_linear(
    layer: nn.Module, run: nn.Module, weight: Tensor, bias: Tensor, grid: tuple[int, ...]
) -> None:
    generator = torch.Generator().manual_seed(0)
    for scale in SCALES:
        x = scale * torch.randn(2, *grid, dtype=torch.float64, generator=generator)
        # One by one: what mixes a batch is not linear either.
        y = torch.stack([_push(run, one[None]).flatten() for one in x])
        expected = x.flatten(1) @ weight.T + bias
        largest = (x.flatten(1).abs() @ weight.abs().T + bias.abs()).amax()
        wrong = (y - expected).abs()
        if not bool((wrong <= TOLERANCE * largest).all()):
            row, column = divmod(int(wrong.nan_to_num(torch.inf).argmax()), y.shape[1])
            found, sum_of_units = float(y[row, column]), float(expected[row, column])
            raise NotLinear(
                f"layer={layer} is not linear: on a witness, value {column} of its output is "
                f"{found:.6g}, and the sum over unit vectors {sum_of_units:.6g}",
                x[row].numpy(),
            )


def _output_grid(bias: Tensor, axes: int) -> tuple[int, ...]:
    if bias.ndim == axes:
        return tuple(bias.shape)
    return (bias.numel(), *(1 for _ in range(axes - 1)))
