"""The matrix of a module of unknown kind: its derivative, or unit vectors, and a check."""

import copy
import math
from collections.abc import Callable, Iterator
from textwrap import shorten

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from onebyone.errors import InputError, first_line
from onebyone.layers.computed import computed, float_type, require_dense
from onebyone.layers.kinds import Form

BATCH_VALUES = 2**22
"""Values that a batch of unit vectors may have."""
SCALES = (1e-3, 1.0, 1e3, 1e6)
TOLERANCE = 1e-8
"""What rounding explains in float64, as a share of the largest output."""
EPSILON = 2.0**-52

Push = Callable[[Tensor], Tensor]


class NotLinear(InputError):
    """A module is not linear.

    Attributes:
        witness: an input [C, *space] whose output is not its matrix times it, plus its bias.

    Example:
        >>> try:
        ...     ob.matrix(nn.Sigmoid(), input=(3,))
        ... except ob.NotLinear as error:
        ...     print(str(error).partition(":")[0], error.witness.shape)
        layer=Sigmoid() is not linear (3,)
    """

    def __init__(self, message: str, witness: Float[np.ndarray, "..."]) -> None:
        super().__init__(message)
        self.witness = witness


def probe(layer: nn.Module, grid: tuple[int, ...], output: tuple[int, ...] | None) -> Form:
    """Return a module's dense form: its bias is what it makes of zeros, its matrix the derivative.

    The derivative of an affine map is its linear part, which no bias enters, however large. A
    module without one gives the columns of its matrix for unit vectors. It is run in eval mode and
    float64, as a copy, and then tried on random inputs, small and large. Nothing short of reading
    it can prove that it is linear; a witness proves that it is not.

    Raises:
        NotLinear: its outputs are not those of the matrix.
        InputError: it does not take the grid, its matrix would not fit into memory, or its bias
            hides the weights.
    """
    # Gradients are needed, whatever the caller has switched off.
    with torch.inference_mode(False), torch.enable_grad():
        run = _copied(layer)
        bias = _push(run, torch.zeros(1, *grid, dtype=torch.float64))[0].detach()
        require_dense(layer, math.prod(grid), bias.numel())
        weight = _matrix(layer, run, bias, grid)
    return computed(layer, weight, bias.numpy(), grid, output, float_type(layer))


def _matrix(
    layer: nn.Module, run: nn.Module, bias: Tensor, grid: tuple[int, ...]
) -> Float[np.ndarray, "outputs inputs"]:
    weight = _derivative(run, bias, grid)
    if weight is not None and _refutation(run, weight, bias, grid) is None:
        _require_steady(layer, run, weight, bias, grid)
        return weight.numpy()
    weight = _by_units(run, bias, grid)
    hidden = EPSILON * bias.flatten().abs() > TOLERANCE * weight.abs().amax(1)
    if bool(hidden.any()):
        raise _hidden(layer, bias)
    witness = _refutation(run, weight, bias, grid)
    if witness is not None:
        raise NotLinear(f"layer={_named(layer)} is not linear: {witness[0]}", witness[1].numpy())
    return weight.numpy()


def _copied(layer: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(layer).eval().double()
    except (RuntimeError, TypeError) as error:
        cause = first_line(error)
        raise InputError(f"layer={_named(layer)} cannot be copied ({cause})") from error


def _push(layer: nn.Module, x: Tensor) -> Tensor:
    try:
        y = layer(x.clone())  # which it may change in place
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        cause = first_line(error)
        raise InputError(
            f"layer={_named(layer)} does not take input={tuple(x.shape[1:])} ({cause}): give a "
            "module of batches [B, C, *space]"
        ) from error
    if not isinstance(y, Tensor) or y.ndim == 0 or len(y) != len(x) or not y.is_floating_point():
        raise InputError(
            f"layer={_named(layer)}: give a module that returns one tensor [B, ...] of floats"
        )
    return y


def _derivative(run: nn.Module, bias: Tensor, grid: tuple[int, ...]) -> Tensor | None:
    """Return the derivative at zeros, row by row; None where PyTorch has none."""
    rows = torch.empty(bias.numel(), math.prod(grid), dtype=torch.float64)
    for part, units in _units(bias.numel(), math.prod(grid)):
        x = torch.zeros(len(units), *grid, dtype=torch.float64)
        found = _pull(run, x, units)
        if found is None:
            return None
        rows[part] = found
    return rows


def _pull(run: nn.Module, x: Tensor, y: Float[Tensor, "B outputs"]) -> Tensor | None:
    """Return yᵀ times the derivative at each x of a batch; None where PyTorch has none."""
    x.requires_grad_()
    try:
        outputs = run(x * 1).reshape(len(x), -1)  # what changes its input must not meet a leaf
        if not outputs.requires_grad:
            return torch.zeros(len(x), x[0].numel(), dtype=torch.float64)
        (found,) = torch.autograd.grad(outputs, x, y, materialize_grads=True)
    except RuntimeError:  # an operator without a derivative
        return None
    return found.flatten(1)


def _by_units(run: nn.Module, bias: Tensor, grid: tuple[int, ...]) -> Tensor:
    inputs = math.prod(grid)
    weight = torch.empty(bias.numel(), inputs, dtype=torch.float64)
    with torch.no_grad():
        for part, units in _units(inputs, bias.numel()):
            weight[:, part] = (
                (_push(run, units.reshape(-1, *grid)) - bias).reshape(len(units), -1).T
            )
    return weight


def _units(count: int, beside: int) -> Iterator[tuple[slice, Float[Tensor, "some count"]]]:
    """Yield the unit vectors in batches that have about BATCH_VALUES values on either side."""
    step = max(1, BATCH_VALUES // max(count, beside, 1))
    for start in range(0, count, step):
        stop = min(start + step, count)
        units = torch.zeros(stop - start, count, dtype=torch.float64)
        units[torch.arange(stop - start), torch.arange(start, stop)] = 1
        yield slice(start, stop), units


def _refutation(
    run: nn.Module, weight: Tensor, bias: Tensor, grid: tuple[int, ...]
) -> tuple[str, Tensor] | None:
    """Return words and an input on which a module is not this matrix and bias, if one is found."""
    flat = bias.flatten()
    for scale in (*SCALES, _beyond(weight, flat)):
        x = scale * _drawn(2, *grid)
        with torch.no_grad():  # one by one: what mixes a batch is not linear either
            y = torch.stack([_push(run, one[None]).flatten() for one in x])
        expected = x.flatten(1) @ weight.T + flat
        largest = (x.flatten(1).abs() @ weight.abs().T + flat.abs()).amax()
        wrong = (y - expected).abs()
        if not bool((wrong <= TOLERANCE * largest).all()):
            row, column = divmod(int(wrong.nan_to_num(torch.inf).argmax()), y.shape[1])
            found, by_matrix = float(y[row, column]), float(expected[row, column])
            words = (
                f"on a witness, value {column} of its output is {found:.6g}, and the sum over unit "
                f"vectors {by_matrix:.6g}"
            )
            return words, x[row]
    return None


def _beyond(weight: Tensor, bias: Tensor) -> float:
    """Return a scale of inputs at which the bias hides nothing, where there is one."""
    size = float(weight.abs().max()) or 1.0
    return min(max(1.0, 1e3 * float(bias.abs().max()) / size), 1e150)


def _require_steady(
    layer: nn.Module, run: nn.Module, weight: Tensor, bias: Tensor, grid: tuple[int, ...]
) -> None:
    """Refuse a module whose derivative changes with the input, behind a bias that hides it."""
    y = _drawn(1, bias.numel())
    for scale in SCALES:
        found = _pull(run, scale * _drawn(1, *grid), y)
        wrong = (y @ weight - found).abs() if found is not None else torch.tensor(torch.inf)
        if not bool((wrong <= TOLERANCE * (y.abs() @ weight.abs()).amax()).all()):
            raise _hidden(layer, bias)


def _hidden(layer: nn.Module, bias: Tensor) -> InputError:
    return InputError(
        f"layer={_named(layer)}: float64 cannot tell its weights beside its constants, up to "
        f"{float(bias.abs().max()):.3g}; give it without them"
    )


def _drawn(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def _named(layer: nn.Module) -> str:
    return shorten(str(layer), 120, placeholder=" …")
