"""Operators of an ONNX file that are not in the table: written out, or refused all at once."""

from collections import defaultdict
from typing import Any

import onnx
from onnx import inliner

from onebyone.errors import InputError
from onebyone.models.onnx.control import CONTROL
from onebyone.models.onnx.nodes import STANDARD, every
from onebyone.models.onnx.sequences import CONSTRUCT, SEQUENCES
from onebyone.models.onnx.table import find
from onebyone.models.shown import line, shown

_MOST_NAMED = 5
_WRITTEN = CONTROL | SEQUENCES | {CONSTRUCT}
"""Operators that the builder writes as others."""


def written_out(model: onnx.ModelProto, version: int) -> onnx.ModelProto:
    """A model without calls of functions: its own, and operators that ONNX defines by others."""
    if model.functions:
        model = inliner.inline_local_functions(model)
    unknown = {
        node.op_type
        for node in every(*model.graph.node)
        if node.domain in STANDARD and not _is_known(node, version)
    }
    defined = [("", name) for name in sorted(unknown) if _is_function(name, version)]
    if not defined:
        return model
    declared = {value.name for value in (*model.graph.input, *model.graph.value_info)}
    for tensor in model.graph.initializer:  # whose types the bodies of functions follow
        if tensor.name not in declared:
            kind = onnx.helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))
            model.graph.value_info.add(name=tensor.name, type=kind)
    return inliner.inline_selected_functions(model, defined, inline_schema_functions=True)


def refuse_unknown(graph: onnx.GraphProto, version: int) -> None:
    """Refuse a graph with operators that are not in the table.

    Raises:
        InputError: names each of them, and nodes that are one.
    """
    nodes = defaultdict(list)
    for node in every(*graph.node):
        if not _is_known(node, version):
            name = node.op_type if node.domain in STANDARD else f"{node.domain}.{node.op_type}"
            nodes[line(name, 60)].append(shown(node.name or next(iter(node.output), "")))
    if not nodes:
        return
    told = [f"{name} ({_some(places)})" for name, places in sorted(nodes.items())]
    raise InputError(
        f"has operators that are not computed: {_some(told)}; --crops, or crops=True, runs crops "
        "on onnxruntime, and nothing is shared"
    )


def _is_known(node: onnx.NodeProto, version: int) -> bool:
    if node.domain in STANDARD and node.op_type in _WRITTEN:
        return True
    return find(node.op_type, version, node.domain) is not None


def _is_function(name: str, version: int) -> bool:
    try:
        schema: Any = onnx.defs.get_schema(name, version)
    except onnx.defs.SchemaError:
        return False
    return bool(schema.has_function or schema.has_context_dependent_function)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
