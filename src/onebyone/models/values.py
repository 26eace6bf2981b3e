"""Whether a graph's operators give values of the shapes and types that a file says they do.

What reads a graph later relies on them. So the graph runs on fake tensors, which have shapes and no
numbers, with a number for each size that is not known.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, fx
from torch._subclasses import FakeTensorMode

from onebyone.errors import first_line
from onebyone.models.grammar import Refused
from onebyone.models.quiet import quiet

Sizes = Mapping[Any, int]
"""A number for each symbol."""


def check_values(graph: fx.Graph, tensors: Mapping[fx.Node, Tensor], sizes: Sizes) -> None:
    """Run a graph on shapes and compare each value with the one that is noted at its node.

    Args:
        graph: its inputs have fake tensors noted, its operators may have any values noted.
        tensors: what nodes read from outside, parameters and the like.
        sizes: what the sizes that are not known may be.

    Raises:
        Refused: an operator does not take what it is given, or a value is not what is noted.
    """
    values: dict[fx.Node, Any] = {}
    with (
        quiet("torch._subclasses.fake_tensor"),
        FakeTensorMode(allow_fallback_kernels=False),
        torch.no_grad(),
    ):
        for node in graph.nodes:
            if node in tensors:
                values[node] = _fake(tensors[node], sizes)
            elif node.op == "placeholder":
                values[node] = _fake(node.meta.get("val"), sizes)
            elif node.op == "call_function":
                values[node] = _computed(node, values)
            else:
                return
            if not _agree(node.meta.get("val"), values[node], sizes):
                raise Refused(f"{node.name} is not of the shape or type that is noted")


def _computed(node: fx.Node, values: Mapping[fx.Node, Any]) -> Any:
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), values.__getitem__)
    try:
        return node.target(*args, **kwargs)  # type: ignore[operator]  # an operator
    except Exception as error:  # of many kinds, as operators are
        raise Refused(f"{node.name} cannot be computed ({first_line(error)})") from error


def _fake(noted: Any, sizes: Sizes) -> Any:
    if not isinstance(noted, Tensor):
        return number_of(noted, sizes)
    shape = [number_of(n, sizes) for n in noted.shape]
    strides = [number_of(n, sizes) for n in noted.stride()]
    return torch.empty_strided(shape, strides, dtype=noted.dtype, device=noted.device)


def _agree(noted: Any, found: Any, sizes: Sizes) -> bool:
    if noted is None or found is None:
        return True
    try:
        return all(_same(a, b, sizes) for a, b in _pairs(noted, found))
    except (TypeError, ValueError):  # lists of other lengths, or no numbers
        return False


def _pairs(noted: Any, found: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(noted, list | tuple):
        for a, b in zip(noted, found, strict=True):
            yield from _pairs(a, b)
    elif noted is not None:
        yield noted, found


def _same(noted: Any, found: Any, sizes: Sizes) -> bool:
    if not isinstance(noted, Tensor):
        return not isinstance(found, Tensor) and bool(number_of(noted, sizes) == found)
    return (
        isinstance(found, Tensor)
        and [number_of(n, sizes) for n in noted.shape] == [*found.shape]
        and noted.dtype == found.dtype
        and noted.device == found.device
    )


def number_of(size: Any, sizes: Sizes) -> Any:
    """A size, or a condition on sizes, as a number; numbers as they are."""
    if not isinstance(size, torch.SymInt | torch.SymBool | torch.SymFloat):
        return size
    kinds: dict[type, Callable[[Any], Any]] = {
        torch.SymInt: int, torch.SymBool: bool, torch.SymFloat: float,
    }  # fmt: skip
    return kinds[type(size)](size.node.expr.subs(sizes))
