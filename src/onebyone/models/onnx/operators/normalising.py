"""Normalisations."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from onebyone.errors import InputError
from onebyone.models.onnx.table import operator


@operator("BatchNormalization")
def batch_normalization_or_training(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    input_mean: Tensor,
    input_var: Tensor,
    *,
    outputs: int,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    spatial: int = 1,
) -> Tensor:
    if outputs > 1:
        raise InputError("gives the statistics of its batch, as in training")
    if spatial:
        return batch_normalization(x, scale, bias, input_mean, input_var, epsilon=epsilon)
    # One mean for each place, of which PyTorch has no such layer.
    return (x - input_mean) * (scale * torch.rsqrt(input_var + epsilon)) + bias


@operator("BatchNormalization", since=14)
def batch_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    input_mean: Tensor,
    input_var: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
    alike: tuple[int, ...] | None = None,
) -> Tensor:
    if training_mode and alike is not None:  # where weights are standardised, all is constant
        raise InputError("takes the statistics of its batch, as in training")
    # The types may be several; those of most networks are one, and nothing is converted.
    wide = max((t.dtype for t in (x, scale, input_mean)), key=lambda kind: kind.itemsize)
    image, weight, shift = (t.to(wide) for t in (x, scale, bias))
    known = () if training_mode else (input_mean.to(wide), input_var.to(wide))
    mean, var = known or (None, None)
    return functional.batch_norm(
        image, mean, var, weight, shift, training=bool(training_mode), eps=epsilon
    ).to(x.dtype)


@operator("InstanceNormalization")
def instance_normalization(
    input: Tensor, scale: Tensor, bias: Tensor, *, epsilon: float = 1e-5
) -> Tensor:
    # functional.instance_norm is the same, and refuses maps of one place.
    return torch.instance_norm(input, scale, bias, None, None, True, 0.0, epsilon, False)


@operator("LayerNormalization", since=17)
def layer_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor | None = None,
    *,
    outputs: int,
    axis: int = -1,
    epsilon: float = 1e-5,
) -> Tensor | tuple[Tensor, ...]:
    own = x.shape[axis:]
    if scale.shape == own and (bias is None or bias.shape == own):
        y = functional.layer_norm(x, own, scale, bias, epsilon)
    else:
        y = functional.layer_norm(x, own, eps=epsilon) * scale
        y = y if bias is None else y + bias
    if outputs == 1:
        return y
    axes, wide = list(range(axis % x.ndim, x.ndim)), _wide(x.dtype)
    mean = torch.mean(x.to(wide), axes, keepdim=True)
    variance = torch.mean(torch.square(x.to(wide) - mean), axes, keepdim=True)
    return y, mean, torch.rsqrt(variance + epsilon)


@operator("RMSNormalization", since=23)
def rms_normalization(x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5) -> Tensor:
    own = x.shape[axis:]
    if scale.shape == own:
        return functional.rms_norm(x, own, scale, epsilon)
    return functional.rms_norm(x, own, eps=epsilon) * scale


@operator("GroupNormalization", since=18)
def group_normalization_of_groups(
    x: Tensor, scale: Tensor, bias: Tensor, *, num_groups: int, epsilon: float = 1e-5
) -> Tensor:
    each = (-1, x.shape[1] // num_groups)
    weight, shift = (t.reshape(-1, 1).expand(each).reshape(-1) for t in (scale, bias))
    return group_normalization(x, weight, shift, num_groups=num_groups, epsilon=epsilon)


@operator("GroupNormalization", since=21)
def group_normalization(
    x: Tensor, scale: Tensor, bias: Tensor, *, num_groups: int, epsilon: float = 1e-5
) -> Tensor:
    return functional.group_norm(x, num_groups, scale, bias, epsilon)


@operator("LRN")
def local_response_normalization(
    x: Tensor, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Tensor:
    near = _channel_sums(x * x, (size - 1) // 2, size // 2)
    return x / torch.pow(bias + alpha / size * near, beta)


def _channel_sums(x: Tensor, before: int, behind: int) -> Tensor:
    """Sums over each channel and those around it, of slices, which maps of any size share."""
    count = x.shape[1]
    full = range(before, count - behind)  # channels that have all of them around

    def summed(channel: int) -> Tensor:
        around = x[:, max(0, channel - before) : channel + behind + 1]
        return torch.sum(around, 1, keepdim=True)

    if len(full) < 2:
        return torch.cat([summed(channel) for channel in range(count)], 1)
    middle = sum_of([x[:, k : k + len(full)] for k in range(before + behind + 1)])
    first, last = range(full.start), range(full.stop, count)
    return torch.cat([*map(summed, first), middle, *map(summed, last)], 1)


def sum_of(values: Sequence[Tensor]) -> Tensor:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


@operator("LpNormalization")
def lp_normalization(input: Tensor, *, axis: int = -1, p: int = 2) -> Tensor:
    wide = input.to(_wide(input.dtype))
    if p == 1:
        norm = torch.sum(torch.abs(wide), axis, keepdim=True)
    else:
        norm = torch.sqrt(torch.sum(wide * wide, axis, keepdim=True))
    # Zeros stay zeros.
    return (wide / torch.where(norm == 0, torch.ones_like(norm), norm)).to(input.dtype)


def _wide(kind: torch.dtype) -> torch.dtype:
    """The type that sums are made in, of at least 32 bits."""
    return kind if kind.itemsize > 2 else torch.float32
