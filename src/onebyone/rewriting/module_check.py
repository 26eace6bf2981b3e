"""The check of rewritten modules, which knows how layers are defined and not how they were made.

A layer's weight is read as W[g, o, c], one block for each group: of the layer as it was by
PyTorch's definition, of the new one by that of its operator. *Structure* compares the two bit for
bit. *Integers* runs both layers on small integers, where float arithmetic is exact and the results
must be equal. *Numbers* runs both on random inputs: a sum may be added up in another order, no
more.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from onebyone.equivalence import Check
from onebyone.equivalence.programs import LARGEST, apart, same_bits
from onebyone.rewriting.forms import ConvolutionByLinear, LinearByConvolution
from onebyone.rewriting.modules import Pair

LEADING = ((), (3,), (2, 3), (2, 3, 4), (2, 1, 3, 2))
SPACE = (5, 4, 3)


def check_modules(pairs: Sequence[Pair], level: str) -> tuple[Check, ...]:
    """Compare rewritten layers with what they were.

    Returns:
        "structure", and with "full" also "integers" and "numbers"; none without layers. A check
        that fails is the last one.
    """
    if not pairs:
        return ()
    faults = [f"{pair.name}: {fault}" for pair in pairs if (fault := _structure(pair))]
    faults += _untied(pairs)
    checks = [_check("structure", faults, f"{len(pairs)} weights are equal bit for bit")]
    if level == "full" and not faults:
        faults = [f"{pair.name}: {fault}" for pair in pairs if (fault := _integers(pair))]
        equal = f"{len(pairs)} layers give equal outputs for integers up to {LARGEST}"
        checks.append(_check("integers", faults, equal))
        checks += [] if faults else [_numbers(pairs)]
    return tuple(checks)


def _check(name: str, faults: Sequence[str], equal: str) -> Check:
    return Check(name, not faults, faults[0] if faults else equal)


def _structure(pair: Pair) -> str:
    """The first fault of a layer's weights and flags; empty where there is none."""
    before, after = pair.before.state_dict(), pair.after.state_dict()
    if before.keys() != after.keys():
        return f"its state dict has {', '.join(after)}, it had {', '.join(before)}"
    for name, tensor in before.items():
        if not same_bits(tensor, after[name]):
            return f"{name} of its state dict has changed"
    for name, was in pair.before.named_parameters():
        now = pair.after.get_parameter(name)
        if (was.requires_grad, was.device) != (now.requires_grad, now.device):
            return f"{name} has another device, or is to be trained where it was not"
    if pair.before.training != pair.after.training:
        return "its training flag has changed"
    viewed = _weight(pair.before).shape == _weight(pair.after).shape
    read = _weight if viewed else _matrix
    return "" if same_bits(read(pair.before), read(pair.after)) else "its operator reads others"


def _untied(pairs: Sequence[Pair]) -> list[str]:
    """Whether as many layers share weights as did before."""
    ties = {(id(_parameter(pair.before)), id(_parameter(pair.after))) for pair in pairs}
    if all(len(set(ids)) == len(ties) for ids in zip(*ties, strict=True)):
        return []
    return ["layers that shared a weight no longer do, or others do now"]


def _parameter(layer: nn.Module) -> Tensor:
    return layer.get_parameter("weight")


def _weight(layer: nn.Module) -> Tensor:
    return _parameter(layer).detach()


def _matrix(layer: Any) -> Shaped[Tensor, "groups outputs inputs"]:
    """A view of a layer's weight as one matrix for each group, by what its operator reads."""
    weight = _weight(layer)
    if isinstance(layer, ConvolutionByLinear):
        return weight if weight.ndim == 3 else weight[None]
    corner = weight.flatten(2)[..., 0] if weight.ndim > 2 else weight  # kernels are 1×1
    if isinstance(layer, nn.Linear | LinearByConvolution):
        return corner[None]
    if not isinstance(layer, _ConvNd):
        return corner.T[None]  # transformers' Conv1D
    blocks = corner.view(layer.groups, -1, corner.shape[1])
    return blocks.mT if layer.transposed else blocks


def _with(layer: nn.Module, weight: Tensor, bias: Tensor | None) -> nn.Module:
    """The layer with other parameters, and its forward without anybody's hooks."""
    other = copy.copy(layer)
    other._parameters = {"weight": nn.Parameter(weight, False)}
    other._parameters["bias"] = None if bias is None else nn.Parameter(bias, False)
    return other


def _filled(layer: nn.Module, matrix: Tensor, bias: Tensor | None) -> nn.Module:
    """The layer with these numbers as W[g, o, c]."""
    weight = torch.empty(_weight(layer).shape, dtype=matrix.dtype, device=matrix.device)
    other = _with(layer, weight, bias)
    _matrix(other).copy_(matrix)
    return other


def _outputs(layer: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        y: Tensor = type(layer).forward(layer, x)
    return y


def _inputs(pair: Pair, draw: Callable[[Sequence[int]], Tensor]) -> list[Tensor]:
    """Inputs of every rank that the layer takes."""
    layer, (groups, _, inputs) = pair.before, _matrix(pair.before).shape
    kernel = getattr(layer, "kernel_size", None)
    if kernel is None:
        return [draw((*leading, inputs)) for leading in LEADING]
    grid = (groups * inputs, *SPACE[: len(kernel)])
    return [draw(grid), draw((2, *grid))]


def _integers(pair: Pair) -> str:
    generator = torch.Generator().manual_seed(0)
    weight = _weight(pair.before)
    device = "cpu" if weight.is_meta else weight.device

    def draw(shape: Sequence[int]) -> Tensor:
        values = torch.randint(-LARGEST, LARGEST + 1, tuple(shape), generator=generator)
        return values.float().to(device)

    matrix = draw(_matrix(pair.before).shape)
    bias = None if pair.before._parameters["bias"] is None else draw((matrix.shape[:2].numel(),))
    before = _filled(pair.before, matrix, bias)
    viewed = weight.shape == _weight(pair.after).shape
    after = (
        _with(pair.after, _weight(before), bias) if viewed else _filled(pair.after, matrix, bias)
    )
    for x in _inputs(pair, draw):
        expected, found = _outputs(before, x), _outputs(after, x)
        if expected.shape != found.shape:
            return f"{tuple(x.shape)} gives {tuple(found.shape)}, not {tuple(expected.shape)}"
        if not torch.equal(expected, found):
            places = int((expected != found).sum())
            return f"{places} of {found.numel()} outputs differ for an input {tuple(x.shape)}"
    return ""


def _numbers(pairs: Sequence[Pair]) -> Check:
    real = [pair for pair in pairs if not _weight(pair.before).is_meta]
    found = [_difference(pair) for pair in real]
    beyond = [pair.name for pair, (*_, within) in zip(real, found, strict=True) if not within]
    columns = zip((0.0, 0.0, 0.0, True), *found, strict=True)
    most, relative, reordered, _ = (max(column) for column in columns)
    detail = (
        f"{len(real)} layers on random inputs differ by {most:.1e} at most, {relative:.1e} of the "
        f"largest output; their sums in another order by {reordered:.1e}"
    )
    detail += f"; beyond rounding: {', '.join(beyond)}" if beyond else ""
    return Check("numbers", not beyond, detail)


def _difference(pair: Pair) -> tuple[float, float, float, bool]:
    """How far a layer's results are apart, absolute and relative; what another order does.

    Last, whether that is no more than rounding.
    """
    generator = torch.Generator().manual_seed(0)
    matrix, own = _matrix(pair.before), pair.before._parameters["bias"]
    bias = None if own is None else own.detach()

    def draw(shape: Sequence[int]) -> Tensor:
        return torch.randn(tuple(shape), generator=generator).to(matrix)

    x = _inputs(pair, draw)[-1]
    groups, _, inputs = matrix.shape
    order = torch.randperm(inputs, generator=generator).to(matrix.device)
    channels = torch.cat([order + g * inputs for g in range(groups)])
    dim = -1 if not hasattr(pair.before, "kernel_size") else 1
    expected, found = _outputs(pair.before, x), _outputs(pair.after, x)
    shuffled = _outputs(
        _filled(pair.before, matrix[..., order], bias), x.index_select(dim, channels)
    )
    # No order of adding up n numbers is further than n roundings of their magnitudes away.
    sizes = _outputs(
        _filled(pair.before, matrix.abs(), None if bias is None else bias.abs()), x.abs()
    )
    bound = 2 * (inputs + 2) * torch.finfo(x.dtype).eps * sizes
    same = (expected == found) | (expected.isnan() & found.isnan())
    within = same | ((expected - found).abs() <= bound)
    reordered, _ = apart([expected], [shuffled])
    return *apart([expected], [found]), reordered, bool(within.all())
