"""Operators of an ONNX file that are not in the table: written out, or refused all at once."""

from collections import defaultdict

import onnx
from onnx import inliner

from onebyone.errors import InputError
from onebyone.models.onnx.bodies import INSTEAD, in_words_of, nodes_of, schema_of
from onebyone.models.onnx.classical import CLASSICAL, DOMAIN
from onebyone.models.onnx.constants import FEW_BITS
from onebyone.models.onnx.control import CONTROL
from onebyone.models.onnx.nodes import STANDARD, every, named
from onebyone.models.onnx.sequences import CONSTRUCT, SEQUENCES
from onebyone.models.onnx.table import find
from onebyone.models.shown import line, shown

_MOST_NAMED = 5
_WRITTEN = CONTROL | SEQUENCES | {CONSTRUCT}
"""Operators that the builder writes as others."""
_DRAWN = "Bernoulli"
"""Its body draws numbers at random; crops would not be the same twice."""


def written_out(model: onnx.ModelProto, version: int) -> onnx.ModelProto:
    """A model without calls of its own functions.

    Raises:
        InputError: a function is of another operator set than the model, or ONNX does not write it
            out.
    """
    if not model.functions:
        return model
    in_words_of(model, version)
    try:
        return inliner.inline_local_functions(model)
    except (RuntimeError, ValueError, onnx.shape_inference.InferenceError) as error:
        raise InputError(f"has functions that onnx cannot write out: {line(str(error))}") from error


def refuse_unknown(graph: onnx.GraphProto, version: int) -> None:
    """Refuse a graph with operators that are not in the table.

    Raises:
        InputError: names each of them, and nodes that are one; or one quantises to fewer bits than
            bytes have, which would not be cut off.
    """
    few = {tensor.name for tensor in graph.initializer if int(tensor.data_type) in FEW_BITS}
    for node in graph.node:
        kinds = [a.i for a in node.attribute if a.name == "output_dtype"]
        if node.op_type == "QuantizeLinear" and (
            few & set(node.input[2:]) or set(kinds) & {*FEW_BITS}
        ):
            raise InputError(f"{named(node)} gives integers of few bits, which are not computed")
    nodes = defaultdict(list)
    for node in every(*graph.node):
        if not is_known(node, version):
            name = node.op_type if node.domain in STANDARD else f"{node.domain}.{node.op_type}"
            nodes[line(name, 60)].append(shown(node.name or next(iter(node.output), "")))
    if not nodes:
        return
    told = [f"{name} ({_some(places)})" for name, places in sorted(nodes.items())]
    raise InputError(f"has operators that are not computed: {_some(told)}; {INSTEAD}")


def is_known(node: onnx.NodeProto, version: int) -> bool:
    """Whether a node is computed, or written as others that are."""
    if node.op_type == _DRAWN:
        return False
    if find(node.op_type, version, node.domain) is not None:
        return True
    if node.domain == DOMAIN:
        return node.op_type in CLASSICAL
    if node.domain not in STANDARD or node.op_type in _WRITTEN:
        return node.domain in STANDARD
    body = nodes_of(node.op_type, version)
    return schema_of(node.op_type, version) is not None and all(is_known(n, version) for n in body)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
