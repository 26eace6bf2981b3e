"""The arguments of `slide`, checked and in one form."""

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from operator import index
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from onebyone.errors import InputError
from onebyone.models import Model, Network, load
from onebyone.windows.costs import Costs


def model_of(
    model: Network | str | Path, window: Sequence[int] | None, **options: Any
) -> tuple[Model, tuple[int, ...]]:
    """What is given as a model, loaded, and its window (C, *space), checked.

    Args:
        model: as `slide` takes it.
        window: None for the model's own.
        options: for `load`.
    """
    asked = None if window is None else window_of(window)
    found = load(model, window=asked, **options)
    if asked is None and found.window is None:
        raise InputError(
            "window=None must be (C, *space), as (3, 224, 224): the model does not say its own"
        )
    shape = window_of(found.window) if asked is None else asked
    if isinstance(found.network, ExportedProgram) and found.window not in (None, shape):
        own = ",".join(map(str, found.window or ()))
        raise InputError(
            f"the model was exported for windows of {own}; leave the window out, or export it for "
            f"others",
            window=shape,
        )
    return found, shape


def without_gradients(model: Network) -> bool:
    """Whether a model was made in inference mode, outside of which it cannot be captured."""
    return any(t.is_inference() for t in (*model.parameters(), *model.buffers()))


def window_of(window: Sequence[int] | None) -> tuple[int, ...]:
    """(C, *space), checked."""
    shape = _whole(window)
    if shape is None or not 2 <= len(shape) <= 4 or any(n < 1 for n in shape):
        raise InputError(
            f"window={_shown(window)} must be (C, *space): channels and one to three positive "
            f"sizes, as (3, 224, 224)"
        )
    return shape


def stride_of(stride: int | Sequence[int] | None, own: tuple[int, ...]) -> tuple[int, ...]:
    """The stride along each axis; by default the network's own."""
    if stride is None:
        return own
    strides = _whole(stride)
    if strides is None and (one := _whole([stride])):
        strides = one * len(own)
    if strides is None or len(strides) != len(own) or any(s < 1 for s in strides):
        raise InputError(
            f"stride={_shown(stride)} must be a positive whole number of pixels, or {len(own)} of "
            f"them"
        )
    return strides


def size_of(size: Sequence[int], rank: int) -> tuple[int, ...]:
    """The size of an image, one whole number for each axis, checked."""
    sizes = _whole(size)
    if sizes is None or len(sizes) != rank:
        given = ", ".join(map(_shown, size))
        raise InputError(
            f"size=({given}) must be {rank} whole numbers of pixels, one for each axis"
        )
    return sizes


def refuse_count(name: str, value: object, least: int, of: str = "") -> None:
    """Raise InputError where a value is no whole number from `least` on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name}={_shown(value)} must be {least} or more{of}, a whole number")


def refuse_settings(
    *, padding: object, memory: object, verify: object, scale: object, costs: object
) -> None:
    """Raise InputError where a setting of `slide` is none that it knows."""
    if padding not in ("crop", "image"):
        raise InputError(f'padding={padding!r} is unknown; use "crop" or "image"')
    if padding == "image" and memory is not None:
        raise InputError(
            f'memory={_shown(memory)} cannot be kept with padding="image": parts would have borders'
        )
    if memory is not None:
        refuse_count("memory", memory, 1, " bytes")
    refuse_count("verify", verify, 0, " windows")
    if scale is not None and not (isinstance(scale, int | float) and isfinite(scale)):
        raise InputError(f"scale={_shown(scale)} must be a number that multiplies pixels, as 1/255")
    if costs is not None and not (isinstance(costs, Costs) and min(costs) >= 0):
        raise InputError(f"costs={_shown(costs)} must be 0 or more operations, as Costs(1, 3)")


def image_of(x: object) -> Tensor:
    """An image as a tensor; a NumPy array becomes one without a copy where that is possible."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, np.ndarray):
        plain = x.flags.writeable and all(step >= 0 for step in x.strides)
        try:
            return torch.from_numpy(x if plain else x.copy())
        except (TypeError, ValueError) as error:
            raise InputError(f"image is an array of {x.dtype}; give one of numbers") from error
    raise InputError(
        f"image={_shown(x)} must be a tensor or a NumPy array, [C, *size] or [B, C, *size]"
    )


def batched(
    image: Tensor, window: tuple[int, ...], device: torch.device, *, scaled: bool
) -> Tensor:
    """Images [B, C, *size], checked, from these or one [C, *size].

    Args:
        image: as it is given.
        window: (C, *space).
        device: of the network.
        scaled: whether pixels are multiplied first, as whole numbers have to be.
    """
    rank = len(window)
    if image.ndim not in (rank, rank + 1):
        raise InputError(
            f"image of shape {tuple(image.shape)}; a window {window} needs [C, *size] or "
            f"[B, C, *size] with {rank - 1} sizes"
        )
    x = image[None] if image.ndim == rank else image
    if x.shape[1] != window[0]:
        last = f"; its channels come last: give np.moveaxis(x, -1, {-rank})"
        raise InputError(
            f"image has {x.shape[1]} channels; the window {window} has {window[0]}"
            f"{last if x.shape[-1] == window[0] else ''}"
        )
    if x.is_complex() or x.layout != torch.strided:
        kind = f"{x.dtype}, {x.layout}".replace("torch.", "")
        raise InputError(f"image is {kind}; give real numbers in a dense tensor")
    if x.device != device:
        raise InputError(f"image is on {x.device} and the network on {device}; move one by .to()")
    if not x.is_floating_point() and not scaled:
        raise InputError(
            f"image of {str(x.dtype).removeprefix('torch.')} needs scale, the factor to the "
            f"network's pixels: 1/255 for 8 bits, or 1"
        )
    return x


def _whole(values: object) -> tuple[int, ...] | None:
    """Whole numbers as a tuple; None for anything else."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        return None
    try:
        return tuple(index(value) for value in values)
    except TypeError:
        return None


def _shown(value: object) -> str:
    """A value in a line: itself where that is short, else its type."""
    text = repr(value)
    return text if len(text) <= 60 and "\n" not in text else f"<{type(value).__name__}>"


def per_channel(
    name: str, value: float | Sequence[float] | None, window: tuple[int, ...], like: Tensor
) -> Tensor | None:
    """A number, or one for each channel, as it broadcasts over an image."""
    if value is None:
        return None
    try:
        values = torch.as_tensor(value, dtype=like.dtype, device=like.device).reshape(-1).clone()
    except (TypeError, ValueError, RuntimeError):
        raise InputError(
            f"{name}={_shown(value)} must be a number, or one for each channel"
        ) from None
    if not bool(values.isfinite().all()):
        raise InputError(f"{name}={_shown(value)} must be finite numbers")
    if len(values) not in (1, window[0]):
        raise InputError(f"{name} has {len(values)} values; the window has {window[0]} channels")
    if name == "std" and bool((values == 0).any()):
        raise InputError("std has a zero; it divides the pixels")
    return values.reshape(-1, *[1] * (len(window) - 1))


def refuse_training(model: Network) -> None:
    """Raise InputError where a part of the model is in training mode."""
    if isinstance(model, nn.Module) and (name := next(_training(model), None)):
        raise InputError(
            f"model is in training mode ({name}); call model.eval() first: dropout and "
            f"BatchNorm would make crops depend on each other"
        )


def _training(module: nn.Module, name: str = "") -> Iterator[str]:
    """The names of the parts in training mode; of a graph the mode says nothing."""
    if isinstance(module, torch.fx.GraphModule):
        return
    if module.training:
        yield name or "it"
    for child_name, child in module.named_children():
        yield from _training(child, f"{name}.{child_name}" if name else child_name)
