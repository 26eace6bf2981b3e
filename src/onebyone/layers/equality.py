"""Whether two layers are the same map: equal and why, or an input on which they differ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from onebyone.errors import InputError
from onebyone.layers.difference import Difference, difference
from onebyone.layers.kinds import Form, LayerGeometry
from onebyone.layers.reading import as_grid, read
from onebyone.layers.values import biases, norm
from onebyone.notebook import shown


class Connection(NamedTuple):
    """One entry of a layer's matrix: the places (channel, *space) of its output and its input."""

    output: tuple[int, ...]
    input: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Verdict:
    """The answer of `equal`; its truth value is the answer itself.

    Attributes:
        equal: whether the layers give the same outputs for every input.
        reason: why, in a sentence.
        witness: an input [C, *space] on which they differ: the unit vector at the largest |ΔM|.
            Zeros where only the biases differ; None when they agree in every weight.
        connection: the first connection that only one of them has (with a weight that is not
            zero); where both have the same, the one at the largest |ΔM|.
        distance: the Frobenius norm of [ΔM, Δbias].
        bound: the most by which any output differs over inputs of norm up to 1: the largest row
            norm of ΔM, plus |Δbias|.

    Example:
        >>> verdict = ob.equal(nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 3, padding=1), input=(1, 2, 2))
        >>> bool(verdict), verdict.connection
        (False, Connection(output=(0, 0, 0), input=(0, 0, 1)))
        >>> print(verdict.reason)
        output (0, 0, 0) reads input (0, 0, 1); a 1×1 convolution cannot
        >>> ob.equal(nn.AvgPool2d(2), nn.AvgPool2d(2), input=(1, 4, 4))
        equal for every input (the same connections with the same weights)
    """

    equal: bool
    reason: str
    witness: Float[np.ndarray, "..."] | None = None
    connection: Connection | None = None
    distance: float = 0.0
    bound: float = 0.0

    def __bool__(self) -> bool:
        return self.equal

    def __str__(self) -> str:
        if self.equal:
            return self.reason
        apart = f"; distance {self.distance:.3g}" if math.isfinite(self.distance) else ""
        return f"not equal: {self.reason}{apart}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        facts: dict[str, object] = {}
        if self.connection is not None:
            facts["output"], facts["input"] = self.connection
        if 0 < self.distance < math.inf:
            facts["distance"] = f"{self.distance:.6g}"
            facts["largest difference"] = f"{self.bound:.6g} of an output, for inputs of norm 1"
        return shown("Verdict", str(self), facts)


def equal(
    a: nn.Module,
    b: nn.Module,
    input: Sequence[int],
    output: Sequence[int] | None = None,
    tol: float = 0.0,
) -> Verdict:
    """Say whether two layers are equal for every input, by their structure and weights.

    Their forwards may still differ by rounding, since kernels add in different orders. Where a
    matrix has to be computed (layers in a row, modules of unknown kind), the answer is about its
    numbers rounded to the layer's precision, and the reason says so.

    Args:
        a: a layer that `matrix` takes.
        b: another.
        input: their input grid (C, *space).
        output: their output grid; by default a dense layer takes the other layer's.
        tol: the largest `bound` that still counts as equal.

    Raises:
        InputError: a layer or a grid is unusable, or `tol` is negative.

    Example:
        >>> conv, dense = nn.Conv2d(3, 2, 1), nn.Linear(3, 2)
        >>> _ = dense.load_state_dict({"weight": conv.weight.flatten(1), "bias": conv.bias})
        >>> ob.equal(conv, dense, input=(3, 1, 1)).equal
        True
        >>> print(ob.equal(conv, dense, input=(3, 4, 4)).reason)
        equal for every input (S2: one fully connected layer on the channels, at every position)
    """
    if not (isinstance(tol, Real) and tol >= 0):
        raise InputError(f"tol={tol!r}: give a number of at least 0")
    taken = as_grid(input, "input")
    grid = _settled_output(a, b, taken) if output is None else output
    first, second = (
        read(layer, taken, grid if _is_dense(layer, taken) else output) for layer in (a, b)
    )
    return compare_forms(first, second, tol)


def compare_forms(a: Form, b: Form, tol: float = 0.0) -> Verdict:
    """Return `equal`'s verdict on two forms of one input grid."""
    if a.geometry.output != b.geometry.output:
        reason = f"{a.geometry} gives {a.geometry.output}, {b.geometry} {b.geometry.output}"
        return Verdict(False, reason, distance=np.inf, bound=np.inf)
    if _same_bits(a, b):
        return Verdict(True, _equal_reason(a, b))
    return _verdict(a, b, tol)


def place(index: int, grid: tuple[int, ...]) -> tuple[int, ...]:
    """Return the place (channel, *space) of a position in the flattened grid."""
    return tuple(int(i) for i in np.unravel_index(index, grid))


def _is_dense(layer: nn.Module, input: Sequence[int]) -> bool:
    return isinstance(layer, nn.Linear) and layer.in_features == math.prod(input)


def _settled_output(a: nn.Module, b: nn.Module, input: Sequence[int]) -> tuple[int, ...] | None:
    """Return the output grid that one layer has by itself, for the dense layer beside it."""
    for dense, other in ((a, b), (b, a)):
        if isinstance(dense, nn.Linear) and _is_dense(dense, input) > _is_dense(other, input):
            grid = read(other, input).geometry.output
            return grid if math.prod(grid) == dense.out_features else None
    return None


def _same_bits(a: Form, b: Form) -> bool:
    """Whether the stored weights correspond and are the same, found without building a matrix."""
    return (
        a.geometry.same_windows(b.geometry)
        and _same_tensors(a.weight, b.weight)
        and (a.bias is b.bias or _same_tensors(a.bias, b.bias))
    )


def _same_tensors(a: Tensor | None, b: Tensor | None) -> bool:
    if a is None or b is None or (a.dtype, a.device) != (b.dtype, b.device):
        return False
    return torch.equal(a, b)


def _verdict(a: Form, b: Form, tol: float) -> Verdict:
    found = difference(a, b)
    own = [biases(form).ravel() for form in (a, b)]
    delta_bias = np.abs(own[0] - own[1])
    if found.largest is None and not delta_bias.any():
        return Verdict(True, _equal_reason(a, b))
    distance = norm(np.concatenate([found.norms, delta_bias]))
    bound = float((found.norms + delta_bias).max())
    witness = np.zeros(math.prod(a.geometry.input))
    if found.largest is not None:
        witness[found.largest[1]] = 1.0
    connection, reason = _reason(a.geometry, b.geometry, found, own)
    if 0 < tol >= bound:
        reason = f"equal within tol={tol:g}: no output differs by more than {bound:.3g} (norm 1)"
    return Verdict(
        0 < tol >= bound, reason, witness.reshape(a.geometry.input), connection, distance, bound
    )


def _reason(
    a: LayerGeometry,
    b: LayerGeometry,
    found: Difference,
    own: Sequence[Float[np.ndarray, " outputs"]],
) -> tuple[Connection | None, str]:
    """Return the connection and the sentence for layers that are not equal."""
    if found.largest is None:
        first = int(np.flatnonzero(own[0] != own[1])[0])
        values = f"{own[0][first] + 0.0:.6g} and {own[1][first] + 0.0:.6g}"
        return None, f"the biases of output {place(first, a.output)} differ: {values}"
    row, column = found.exclusive or found.largest
    connection = Connection(place(row, a.output), place(column, a.input))
    reason = f"output {connection.output} reads input {connection.input}"
    if found.exclusive:
        return connection, f"{reason}; {b if found.in_first else a} cannot"
    weights = (weight + 0.0 for weight in found.weights)  # never -0
    reason += " with weight {:.6g} in the first layer, {:.6g} in the second".format(*weights)
    return connection, reason


def _equal_reason(first: Form, second: Form) -> str:
    """Name the statement that makes layers of these two kinds equal."""
    a, b = first.geometry, second.geometry
    kinds = {a.kind, b.kind}
    positions = math.prod(a.output[1:])
    pointwise = kinds & {"pointwise", "linear"}
    if a.kind == b.kind:
        why = "the same connections with the same weights"
    elif kinds == {"pointwise", "linear"}:
        why = "S2: one fully connected layer on the channels, at every position"
    elif pointwise and positions == 1:
        why = "S1: over a single position a 1×1 convolution is a fully connected layer"
    elif pointwise and "local" in kinds:
        why = f"S2: {positions} fully connected layers, one per location, with the same weights"
    elif pointwise and "dense" in kinds:
        why = f"S2: M = W ⊗ I over {positions} positions"
    elif kinds == {"dense", "convolution"} and positions == 1:
        why = "S3: a fully connected layer is a convolution with the input as window"
    else:
        why = "S5: both have the same matrix"
    if first.rounded or second.rounded:
        why += f", computed and rounded to {str(first.weight.dtype).removeprefix('torch.')}"
    return f"equal for every input ({why})"
