"""Two layers in a row as one: a 1×1 convolution folds into its neighbour (statement S14)."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onebyone.errors import InputError
from onebyone.layers.conversion import NotConvertible
from onebyone.layers.index_pattern import pads
from onebyone.layers.kinds import CONVOLUTIONS
from onebyone.layers.listed import is_convolution, is_linear

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d


def fold(first: nn.Module, second: nn.Module) -> nn.Module:
    """Return one layer that is equal to `second(first(x))` for inputs of every size (S14).

    A 1×1 convolution without padding folds into the convolution before it, and into the one after
    it if that one does not pad or the 1×1 has no bias: padding is zero, not the bias. Either may
    have groups, and strides multiply. Two `nn.Linear` fold always. The weights are multiplied in
    float64 and rounded once; a depthwise convolution folded into a 1×1 stores more than the two.

    Args:
        first: the layer that reads the input.
        second: the layer that reads its output.

    Raises:
        NotConvertible: the two are not one layer of this kind, with the reason.
        InputError: the second layer does not take the first one's channels.

    Example:
        >>> first, second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 1)
        >>> folded = ob.fold(first, second)
        >>> folded
        Conv2d(3, 2, kernel_size=(3, 3), stride=(1, 1))
        >>> x = torch.rand(1, 3, 5, 5)
        >>> torch.allclose(folded(x), second(first(x)), atol=1e-6)
        True
    """
    if is_linear(first) and is_linear(second):
        return _fold_linear(first, second)
    if is_convolution(first) and is_convolution(second):
        return _fold_convolutions(first, second)
    raise NotConvertible(
        f"{first} and {second} do not fold: only two convolutions padded with zeros, or two "
        "nn.Linear, become one layer"
    )


def _fold_linear(first: nn.Linear, second: nn.Linear) -> nn.Linear:
    _require_channels(first.out_features, second.in_features)
    bias = first.bias is not None or second.bias is not None
    folded = nn.Linear(first.in_features, second.out_features, bias, device="meta")
    weight = second.weight.double() @ first.weight.double()
    _fill(folded, weight, _folded_bias(first, second, second.weight), first)
    return folded


def _fold_convolutions(first: Convolution, second: Convolution) -> Convolution:
    _require_channels(first.out_channels, second.in_channels)
    rank = len(first.kernel_size)
    if len(second.kernel_size) != rank:
        raise InputError(f"second={second} has another number of axes than first={first}")
    after = _is_pointwise(second)
    if not after:
        _require_foldable_before(first, second)
    wide, point = (first, second) if after else (second, first)
    strides = tuple(a * b for a, b in zip(first.stride, second.stride, strict=True))
    groups = math.gcd(first.groups, second.groups)
    # Before a convolution, a stride s of the 1×1 spreads that one's taps by s.
    spread = (1,) * rank if after else point.stride
    bias = first.bias is not None or second.bias is not None
    window: dict[str, Any] = {
        "kernel_size": wide.kernel_size,
        "stride": strides,
        "padding": _padding(wide, strides, spread),
        "dilation": tuple(d * s for d, s in zip(wide.dilation, spread, strict=True)),
    }
    folded = CONVOLUTIONS[rank - 1](
        first.in_channels, second.out_channels, **window, groups=groups, bias=bias, device="meta"
    )
    bias_taps = _all_channels(second).sum(-1)
    _fill(folded, _multiply(first, second, groups), _folded_bias(first, second, bias_taps), first)
    return folded


def _require_foldable_before(point: Convolution, wide: Convolution) -> None:
    if not _is_pointwise(point):
        raise NotConvertible(
            f"neither {point} nor {wide} is a 1×1 convolution without padding (S14)"
        )
    padded = any(n for pair in _pads(wide) for n in pair)
    if padded and point.bias is not None and bool(point.bias.any()):
        raise NotConvertible(
            f"the second layer pads with padding={wide.padding} and the 1×1 before it has a bias: "
            "padding adds zeros where the folded layer would need the bias (S14)"
        )


def _is_pointwise(layer: Convolution) -> bool:
    return math.prod(layer.kernel_size) == 1 and not any(n for pair in _pads(layer) for n in pair)


def _pads(layer: Convolution) -> tuple[tuple[int, int], ...]:
    return pads(layer.padding, layer.kernel_size, layer.stride, layer.dilation)


def _padding(
    wide: Convolution, strides: Sequence[int], spread: Sequence[int]
) -> str | tuple[int, ...]:
    """Return the folded layer's padding argument."""
    around = [
        (before * s, after * s) for (before, after), s in zip(_pads(wide), spread, strict=True)
    ]
    if all(before == after for before, after in around):
        return tuple(before for before, _ in around)
    if set(strides) == {1}:
        return "same"
    raise NotConvertible(
        f"padding='same' of {wide} adds more zeros after than before, and PyTorch has no such "
        f"convolution of stride {tuple(strides)}"
    )


def _all_channels(layer: Convolution) -> Float[Tensor, "O C taps"]:
    """Return a grouped weight in float64, with zeros in the place of absent connections."""
    groups = layer.groups
    blocks = (
        layer.weight.detach()
        .double()
        .reshape(groups, layer.out_channels // groups, layer.in_channels // groups, -1)
    )
    whole = blocks.new_zeros(groups, blocks.shape[1], groups, *blocks.shape[2:])
    each = torch.arange(groups)
    whole[each, :, each] = blocks
    return whole.reshape(layer.out_channels, layer.in_channels, -1)


def _multiply(
    first: Convolution, second: Convolution, groups: int
) -> Float[Tensor, "O channels taps"]:
    """Return Σ over the channels between them; one of the two has a single tap."""
    each = torch.arange(groups)
    # Both are block-diagonal in the groups that they have in common.
    inner, outer = (
        whole.reshape(groups, len(whole) // groups, groups, -1, whole.shape[-1])[each, :, each]
        for whole in (_all_channels(first), _all_channels(second))
    )
    product: Tensor = torch.einsum("gomb,gmca->gocab", outer, inner)
    return product.flatten(3).flatten(0, 1)


def _folded_bias(
    first: nn.Linear | Convolution, second: nn.Linear | Convolution, taps: Float[Tensor, "O C"]
) -> Float[Tensor, " O"] | None:
    """Return taps @ first.bias + second.bias, where there are any."""
    biases = [] if first.bias is None else [taps.double() @ first.bias.double()]
    biases += [] if second.bias is None else [second.bias.double()]
    return torch.stack(biases).sum(0) if biases else None


def _require_channels(given: int, taken: int) -> None:
    if given != taken:
        raise InputError(
            f"second takes {taken} channels, first gives {given}: give layers that fit"
        )


def _fill(
    layer: nn.Linear | Convolution,
    weight: Tensor,
    bias: Tensor | None,
    like: nn.Linear | Convolution,
) -> None:
    """Give an empty layer its parameters, in the precision of another."""
    dtype = like.weight.dtype
    layer.weight = nn.Parameter(weight.detach().reshape(layer.weight.shape).to(dtype))
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().to(dtype))
