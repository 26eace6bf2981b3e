"""Sequences of an ONNX file: known while its network is built, so none is left when it runs."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import onnx
from onnx import helper

from onebyone.errors import InputError
from onebyone.models.onnx.control import Look, length, number
from onebyone.models.onnx.nodes import named
from onebyone.models.onnx.values import Known
from onebyone.models.onnx.written import along, constant, same, stacked

CONSTRUCT = "SequenceConstruct"
"""The one operator that all others are written as."""
SEQUENCES = frozenset(
    {
        "ConcatFromSequence", "SequenceAt", "SequenceEmpty", "SequenceErase", "SequenceInsert",
        "SequenceLength", "SplitToSequence",
    }
)  # fmt: skip


def written(node: onnx.NodeProto, look: Look, version: int) -> Iterator[onnx.NodeProto]:
    """The nodes that a node stands for which takes or gives a sequence.

    Raises:
        InputError: its places or sizes are computed of the image.
    """
    says = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type == "SplitToSequence":
        yield from _split(node, look, version, **says)
        return
    parts = _parts(node, look) if node.input else ()
    if node.op_type == "ConcatFromSequence":
        yield from _joined(node, parts, version, **says)
    elif node.op_type == "SequenceLength":
        yield constant(node.output[0], len(parts))
    elif node.op_type == "SequenceAt":
        yield same(parts[_place(node, parts, look(node.input[1]))], node.output[0])
    else:
        yield helper.make_node(CONSTRUCT, _changed(node, parts, look), node.output)


def _changed(node: onnx.NodeProto, parts: tuple[str, ...], look: Look) -> Sequence[str]:
    """What is in a sequence that another has become."""
    places = list(parts)
    if node.op_type == "SequenceInsert":
        at = len(parts)
        if len(node.input) > 2 and node.input[2]:
            at = number(node, look(node.input[2]), "its place")
        places.insert(at, node.input[1])
    elif node.op_type == "SequenceErase":
        last = len(node.input) < 2 or not node.input[1]
        places.pop(-1 if last else _place(node, parts, look(node.input[1])))
    return places


def _place(node: onnx.NodeProto, parts: tuple[str, ...], known: Known) -> int:
    place = int(number(node, known, "its place"))
    if not -len(parts) <= place < len(parts):
        raise InputError(f"{named(node)} takes place {place} of a sequence of {len(parts)}")
    return place


def _joined(
    node: onnx.NodeProto, parts: tuple[str, ...], version: int, axis: int, new_axis: int = 0
) -> Iterator[onnx.NodeProto]:
    if not parts:
        raise InputError(f"{named(node)} joins a sequence of nothing")
    if new_axis:
        yield from stacked(parts, node.output[0], axis, version)
    else:
        yield helper.make_node("Concat", parts, node.output, axis=axis)


def _split(
    node: onnx.NodeProto, look: Look, version: int, axis: int = 0, keepdims: int = 1
) -> Iterator[onnx.NodeProto]:
    whole = length(node, look(node.input[0]), axis)
    given: Any = None
    if len(node.input) > 1 and node.input[1]:
        sizes = look(node.input[1])
        number(node, sizes, "its sizes")  # which must be constant
        assert sizes.constant is not None
        given = sizes.constant.tolist()
    if not isinstance(given, list):
        ends = [*range(0, whole, given or 1), whole]
        split = [b - a for a, b in pairwise(ends)]
    else:
        split = given
    names = [f"{node.output[0]}.{k}" for k in range(len(split))]
    yield from along("Split", node.input[0], names, split, version, axis=axis)
    if given is None and not keepdims:
        rows, names = names, [f"{name}.row" for name in names]
        for row, name in zip(rows, names, strict=True):
            yield from along("Squeeze", row, [name], [axis], version)
    yield helper.make_node(CONSTRUCT, names, node.output)


def _parts(node: onnx.NodeProto, look: Look) -> tuple[str, ...]:
    parts = look(node.input[0]).parts
    if parts is None:
        raise InputError(f"{named(node)} takes a sequence that is not known")
    return parts
