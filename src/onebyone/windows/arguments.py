"""The arguments of `slide`, checked and in one form."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from onebyone.errors import InputError


def window_of(window: Sequence[int]) -> tuple[int, ...]:
    """(C, *space), checked."""
    shape = tuple(window)
    if not 2 <= len(shape) <= 4 or any(n < 1 for n in shape):
        raise InputError(
            f"window={shape} must be (C, *space): channels and one to three positive sizes"
        )
    return shape


def stride_of(stride: int | Sequence[int] | None, own: tuple[int, ...]) -> tuple[int, ...]:
    """The stride along each axis; by default the network's own."""
    if stride is None:
        return own
    strides = (stride,) * len(own) if isinstance(stride, int) else tuple(stride)
    if len(strides) != len(own) or any(s < 1 for s in strides):
        raise InputError(
            f"stride={stride} must be a positive number of pixels, or {len(own)} of them"
        )
    return strides


def per_channel(
    name: str, value: float | Sequence[float] | None, window: tuple[int, ...], like: Tensor
) -> Tensor | None:
    """A number, or one for each channel, as it broadcasts over an image."""
    if value is None:
        return None
    values = torch.as_tensor(value, dtype=like.dtype, device=like.device).reshape(-1)
    if len(values) not in (1, window[0]):
        raise InputError(f"{name} has {len(values)} values; the window has {window[0]} channels")
    if name == "std" and bool((values == 0).any()):
        raise InputError("std has a zero; it divides the pixels")
    return values.reshape(-1, *[1] * (len(window) - 1))


def refuse_training(model: nn.Module | ExportedProgram) -> None:
    """Raise InputError where a part of the model is in training mode."""
    if isinstance(model, nn.Module) and not isinstance(model, torch.fx.GraphModule):
        training = [name or "it" for name, module in model.named_modules() if module.training]
        if training:
            raise InputError(
                f"model is in training mode ({training[0]}); call model.eval() first: dropout and "
                f"BatchNorm would make crops depend on each other"
            )
