"""A graph of an ONNX file as a network: its nodes, one after the other."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from keyword import iskeyword
from typing import Any

import torch
from torch import Tensor, nn

_STRANGE = re.compile(r"[^A-Za-z0-9_/:+.-]")
_MOST, _LONGEST = 500, 120
"""Of a name, and of a part of a path; longer ones are cut."""


@dataclass(frozen=True)
class Step:
    """One node's turn.

    Attributes:
        module: the node's path in the network.
        inputs: names of the values that it takes.
        outputs: names of its results, empty for those that are not used.
        last: names of values that nothing reads after it.
    """

    module: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    last: tuple[str, ...] = ()


class Graph(nn.Module):
    """Computes a graph's outputs from its inputs; nodes are modules, by their own names.

    Attributes:
        inputs: names of the values that it takes.
        outputs: names of what it gives.
        steps: what is computed, in order.
        made: the place of the step that gives a value, by its name.
    """

    def __init__(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        super().__init__()
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.steps: list[Step] = []
        self.made: dict[str, int] = {}
        self._constant: dict[str, str] = {}
        self.eval()

    def add(self, name: str, node: nn.Module, inputs: Sequence[str], outputs: Sequence[str]) -> str:
        """Add a node as the next step; its path is its name as far as a path may be that."""
        path = _put(self, name, node)
        self.made.update(dict.fromkeys(outputs, len(self.steps)))
        self.steps.append(Step(path, tuple(inputs), tuple(outputs)))
        return path

    def close(self, constants: Mapping[str, Tensor]) -> None:
        """Note outputs that nothing computes, and what each step is the last to read."""
        for place, (name, value) in enumerate(constants.items()):
            self._constant[name] = f"constant_{place}"
            self.register_buffer(self._constant[name], value)
        kept, ended = set(self.outputs), []
        for step in reversed(self.steps):
            last = tuple(name for name in dict.fromkeys(step.inputs) if name not in kept)
            kept.update(step.inputs)
            ended.append(replace(step, last=last))
        self.steps = ended[::-1]

    def results(self, *values: Any) -> tuple[Any, ...]:
        """Compute the outputs, in their order."""
        known = dict(zip(self.inputs, values, strict=True))
        for step in self.steps:
            results = self.get_submodule(step.module)(*map(known.__getitem__, step.inputs))
            if not isinstance(results, tuple | list):
                results = (results,)
            known.update((k, v) for k, v in zip(step.outputs, results, strict=False) if k)
            for name in step.last:
                known.pop(name, None)
        known.update((name, getattr(self, path)) for name, path in self._constant.items())
        return tuple(map(known.__getitem__, self.outputs))

    forward = results


class OnnxNetwork(Graph):
    """The network of an ONNX file, for windows [N, C, *space].

    Attributes:
        order: of the file's axes, by those of windows; None where it is the same.
        like: an empty tensor of the input's type, which becomes another with the network's.
        batches: the axis that is the batch of each output that has it elsewhere than first.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        outputs: Sequence[str],
        dtype: torch.dtype,
        order: Sequence[int] | None,
    ) -> None:
        super().__init__(inputs, outputs)
        self.order = None if order is None else tuple(order)
        self.batches: dict[str, int] = {}
        self.like: Tensor
        self.register_buffer("like", torch.empty(0, dtype=dtype), persistent=False)

    def forward(self, windows: Tensor) -> Any:
        """Give the one output, or a dict of several by their names, with the batch first."""
        if self.order is not None:
            windows = turned(windows, self.order)
        results = self.results(windows.to(self.like.dtype))
        return given(dict(zip(self.outputs, results, strict=True)), self.batches)


def given(outputs: Mapping[str, Tensor], batches: Mapping[str, int]) -> Any:
    """The one output, or a dict of several, with the batch first.

    Args:
        outputs: by their names.
        batches: the axis that is the batch of each output that has it elsewhere than first.
    """
    first = {k: y.movedim(batches[k], 0) if k in batches else y for k, y in outputs.items()}
    return first if len(first) > 1 else first.popitem()[1]


def turned(windows: Tensor, order: Sequence[int]) -> Tensor:
    """Windows with their axes in another order; without that of one channel where it is missing."""
    return windows.permute(*order) if len(order) == windows.ndim else windows.squeeze(1)


def _put(module: nn.Module, name: str, node: nn.Module) -> str:
    """Put a node into a module, and give its path there.

    A path holds letters, digits and few signs, and no keyword, since graphs that read from it
    become code.
    """
    words = _STRANGE.sub("_", name[:_MOST]).split(".")
    parts = [f"{w}_" if iskeyword(w) else w[:_LONGEST] for w in words if w] or ["node"]
    path: list[str] = []
    for part in parts[:-1]:
        there = part if part in module._modules else _free(module, part)
        if there not in module._modules:
            module.add_module(there, nn.Module().eval())
        module = module.get_submodule(there)
        path.append(there)
    last = _free(module, parts[-1])
    module.add_module(last, node)
    return ".".join([*path, last])


def _free(module: nn.Module, name: str) -> str:
    """A name that a module has not, the one given if that can be."""
    if not hasattr(module, name):
        return name
    taken, free = 0, 1  # one after the other would take long where a file has a name very often
    while hasattr(module, f"{name}_{free}"):
        taken, free = free, 2 * free
    while free - taken > 1:
        between = (taken + free) // 2
        if hasattr(module, f"{name}_{between}"):
            taken = between
        else:
            free = between
    return f"{name}_{free}"
