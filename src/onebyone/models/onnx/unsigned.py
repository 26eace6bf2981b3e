"""Arithmetic of unsigned integers, of which PyTorch has that of bytes alone."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import Tensor

Function = TypeVar("Function", bound=Callable[..., Any])
_WIDER = {torch.uint16: torch.int32, torch.uint32: torch.int64, torch.uint64: torch.int64}


def wide(x: Any) -> Any:
    """A tensor in a type that PyTorch computes with; numbers from 2⁶³ on become negative."""
    return x.to(_WIDER.get(x.dtype, x.dtype)) if isinstance(x, Tensor) else x


def widened(function: Function) -> Function:
    """A function of tensors whose result has its inputs' type, or booleans, for every integer."""

    @wraps(function)
    def compute(*inputs: Any, **attributes: Any) -> Any:
        own = next((x.dtype for x in inputs if isinstance(x, Tensor) and x.dtype in _WIDER), None)
        if own is None:
            return function(*inputs, **attributes)
        result = function(*map(wide, inputs), **attributes)
        return result if result.dtype is torch.bool else result.to(own)

    return compute  # type: ignore[return-value]  # as wrapped
