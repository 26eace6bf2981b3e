"""What is known of a value of an ONNX file while its network is built."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass
class Known:
    """What is known of a value.

    Attributes:
        constant: its numbers, where they are the same for every image.
        sizes: whether it is numbers that follow from sizes, which NumPy computes.
        runs: what it is for two sizes of the batch, without numbers; None where the input's sizes
            are not known.
        parts: names of the values in it, where it is a sequence.
        outer: how many numbers of its axis with the batch are before that.
    """

    constant: Tensor | None = None
    sizes: bool = False
    runs: tuple[Any, Any] | None = None
    parts: tuple[str, ...] | None = None
    outer: int = 1


def joined(runs: tuple[Any, Any] | None, outputs: int, *, sizes: bool) -> list[Known]:
    """What is known of a node's results from two runs: sizes that are the same are constants."""
    if runs is None:
        return [Known(sizes=sizes) for _ in range(outputs)]
    results = []
    for first, second in zip(*map(listed, runs), strict=True):
        if isinstance(first, np.ndarray) and np.array_equal(first, second):
            results.append(Known(constant=as_tensor(first)))
        else:
            results.append(Known(sizes=isinstance(first, np.ndarray), runs=(first, second)))
    return results


def listed(value: Any) -> list[Any]:
    """Results of a node as a list, one or several."""
    return list(value) if isinstance(value, tuple | list) else [value]


def as_tensor(value: Any) -> Any:
    """A value with arrays of NumPy as tensors."""
    return torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value


def places(inputs: Sequence[Known | None]) -> list[Tensor | int | None]:
    """What a `Node` takes for its inputs: constants, and the places of the others."""
    found: list[Tensor | int | None] = []
    computed = count()
    for k in inputs:
        constant = None if k is None else k.constant
        found.append(next(computed) if k is not None and constant is None else constant)
    return found
