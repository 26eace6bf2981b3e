"""What tells that the weights of a network have changed."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

CHUNK = 2**17  # numbers of eight bytes: they stay in the processor's cache


def state_of(module: nn.Module) -> tuple[Any, ...]:
    """What changes whenever a parameter or buffer is changed in place or exchanged.

    What is written past PyTorch's version counters, through `.data` or a NumPy view, changes
    nothing here.
    """
    return tuple((id(t), t._version) for t in _tensors(module) if not t.is_inference())


def digest_of(module: nn.Module) -> tuple[Any, ...]:
    """A number for the values of each parameter and buffer, however they were written.

    One changed number changes it surely, others but for one chance in 2⁶³.
    """
    with torch.no_grad():
        return tuple((t.shape, t.dtype, _digest(t.detach())) for t in _tensors(module))


def modules_of(module: nn.Module) -> tuple[Any, ...]:
    """What changes whenever a module is exchanged or hooked; PyTorch numbers hooks, each once."""
    return tuple(
        (id(part), type(part), *part._forward_pre_hooks, *part._forward_hooks)
        for part in module.modules()
    )


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()


def _digest(tensor: Tensor) -> int:
    """The sum of a tensor's words, each times an odd number of its own, modulo 2⁶⁴."""
    raw = tensor.reshape(-1).view(torch.uint8)
    if raw.numel() % 8 or raw.storage_offset() % 8:
        raw = nn.functional.pad(raw, (0, -raw.numel() % 8))
    total, factors = 0, _factors(raw.device)
    for place, words in enumerate(torch.split(raw.view(torch.int64), CHUNK)):
        total += (2 * place + 1) * int((words * factors[: len(words)]).sum())
    return total % 2**64


@cache
def _factors(device: torch.device) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    kind: dict[str, Any] = {"dtype": torch.int64, "device": "cpu"}
    drawn = torch.randint(-(2**62), 2**62, (CHUNK,), generator=generator, **kind)
    return (2 * drawn + 1).to(device)
