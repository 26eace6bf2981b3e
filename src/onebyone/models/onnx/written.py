"""Single nodes that stand for what another one is, in the words of any operator set."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


def constant(name: str, value: Any, dtype: Any = np.int64) -> onnx.NodeProto:
    """A node that gives these numbers."""
    tensor = numpy_helper.from_array(np.array(value, dtype))
    return helper.make_node("Constant", [], [name], value=tensor)


def same(source: str, name: str) -> onnx.NodeProto:
    """A node that gives a value another name."""
    return helper.make_node("Identity", [source], [name])


def part(source: str, name: str, place: int, axis: int) -> Iterator[onnx.NodeProto]:
    """Nodes for what stands at one place of an axis, which is gone."""
    yield constant(f"{name}.place", place)
    yield helper.make_node("Gather", [source, f"{name}.place"], [name], axis=axis)


def stacked(sources: Sequence[str], name: str, axis: int, version: int) -> Iterator[onnx.NodeProto]:
    """Nodes that put values next to each other along a new axis."""
    rows = [f"{name}.{k}" for k in range(len(sources))]
    for source, row in zip(sources, rows, strict=True):
        yield from along("Unsqueeze", source, [row], [axis], version)
    yield helper.make_node("Concat", rows, [name], axis=axis)


_NUMBERS = {"Unsqueeze": "axes", "Squeeze": "axes", "Split": "split"}


def along(
    operator: str,
    source: str,
    names: Sequence[str],
    numbers: Sequence[int],
    version: int,
    **attributes: Any,
) -> Iterator[onnx.NodeProto]:
    """Nodes for an operator whose axes, or parts, are an input since version 13 of ONNX's."""
    inputs = [source]
    if version < 13:
        attributes |= {_NUMBERS[operator]: list(numbers)}
    else:
        inputs.append(f"{names[0]}.{_NUMBERS[operator]}")
        yield constant(inputs[1], numbers)
    yield helper.make_node(operator, inputs, names, **attributes)
