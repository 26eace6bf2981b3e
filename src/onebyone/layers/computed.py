"""The dense form of a matrix that had to be computed, rounded once to the layer's precision."""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from onebyone.errors import InputError
from onebyone.layers.index_pattern import dense_patterns
from onebyone.layers.kinds import MEMORY_LIMIT, Form, LayerGeometry


def computed(
    layer: nn.Module,
    weight: Float[np.ndarray, "outputs inputs"],
    bias: Float[np.ndarray, "..."],
    grid: tuple[int, ...],
    output: tuple[int, ...] | None,
    dtype: torch.dtype,
) -> Form:
    """Return the dense form of a matrix and a bias in float64.

    Args:
        layer: that they were computed from.
        weight: the matrix.
        bias: one number for each output, on the layer's own output grid.
        grid: of the inputs.
        output: the output grid that is wanted, where it is not the layer's own.
        dtype: of the layer.

    Raises:
        InputError: the output grid has another number of values, or a number is beyond `dtype`.
    """
    own = bias.shape if bias.ndim == len(grid) else (bias.size, *(1 for _ in grid[1:]))
    output = output or own
    if math.prod(output) != bias.size:
        raise InputError(f"output={output}: this layer has {bias.size} outputs")
    geometry = LayerGeometry("dense", grid, output, dense_patterns(grid[1:], output[1:]))
    return Form(
        geometry,
        _rounded(layer, weight, dtype).reshape(geometry.weight_shape),
        _rounded(layer, bias, dtype).reshape(geometry.bias_shape) if bias.any() else None,
        rounded=True,
    )


def float_type(layer: nn.Module) -> torch.dtype:
    """Return the precision of a module: that of the first of its floating tensors."""
    tensors = (*layer.parameters(), *layer.buffers())
    floats = [tensor.dtype for tensor in tensors if tensor.is_floating_point()]
    return floats[0] if floats else torch.get_default_dtype()


def require_dense(layer: nn.Module, inputs: int, outputs: int) -> None:
    """Refuse a matrix that would take more than MEMORY_LIMIT bytes while it is computed."""
    size = 8 * inputs * outputs
    if size > MEMORY_LIMIT:
        raise InputError(
            f"input: the matrix of {type(layer).__name__} has {outputs}×{inputs} numbers that have "
            f"to be computed, which would take {size:,} bytes; give a smaller input"
        )


def _rounded(layer: nn.Module, values: Float[np.ndarray, "..."], dtype: torch.dtype) -> Tensor:
    exact = torch.from_numpy(np.ascontiguousarray(values))
    rounded = exact.to(dtype)
    # What overflows, or is so small that digits are lost, would make different layers equal.
    lost = ~((rounded.double() - exact).abs() <= torch.finfo(dtype).eps * exact.abs())
    if bool(lost.any()):
        raise InputError(
            f"layer: {type(layer).__name__} has a matrix with {float(exact[lost][0]):.3g}, which "
            f"{str(dtype).removeprefix('torch.')} cannot hold; give layer.double()"
        )
    return rounded
