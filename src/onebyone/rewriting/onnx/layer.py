"""A layer that can be rewritten: which weight, into what, and how."""

from collections.abc import Callable
from dataclasses import dataclass

import onnx_ir as ir

from onebyone.rewriting.onnx.editor import Editor
from onebyone.rewriting.onnx.relabelling import Relabelling
from onebyone.rewriting.onnx.sizes import Sizes, dtype_of, sizes_of
from onebyone.rewriting.onnx.weights import Left, Weight

_FLOATS = {ir.DataType.FLOAT, ir.DataType.FLOAT16}


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer, read.

    Attributes:
        node: as it is in the file.
        weight: that it multiplies by.
        relabelling: of the weight.
        build: puts the rewritten layer into the graph, given its weight; says what it became.
    """

    node: ir.Node
    weight: Weight
    relabelling: Relabelling
    build: Callable[[Editor, ir.Value], str]


def known(value: ir.Value | None) -> Sizes:
    """The sizes of a layer's input or output.

    Raises:
        Left: Not even the rank is known.
    """
    sizes = sizes_of(value)
    if sizes is None:
        raise Left("the rank of its input is not known")
    return sizes


def check_numbers(value: ir.Value | None, opset: int) -> None:
    """See whether there are both forms for numbers of this type.

    Raises:
        Left: There are not.
    """
    dtype = None if value is None else dtype_of(value)
    if dtype in _FLOATS or dtype is None or (dtype == ir.DataType.BFLOAT16 and opset >= 22):
        return
    raise Left(f"its numbers are {dtype.name.lower()}, for which there are not both forms")
