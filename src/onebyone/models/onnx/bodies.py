"""Operators that ONNX defines by others: their bodies, as graphs in the words of a model."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import onnx
import torch

from onebyone.errors import InputError
from onebyone.models.onnx.constants import TYPES
from onebyone.models.onnx.control import CONTROL
from onebyone.models.onnx.nodes import STANDARD, every, named
from onebyone.models.onnx.sequences import SEQUENCES
from onebyone.models.onnx.table import find
from onebyone.models.onnx.values import Known, as_tensor
from onebyone.models.onnx.versions import versions
from onebyone.models.shown import shown

INSTEAD = "--crops, or crops=True, runs crops on onnxruntime, and nothing is shared"
_ELEMENTS = {dtype: element for element, dtype in TYPES.items()}


def schema_of(name: str, version: int) -> Any:
    """ONNX's own words on an operator that it defines by others; None of any other."""
    try:
        schema: Any = onnx.defs.get_schema(name, version)
    except onnx.defs.SchemaError:
        return None
    return schema if _newest(schema, version) else None


def nodes_of(name: str, version: int) -> Sequence[onnx.NodeProto]:
    """The nodes of an operator's body, where these are the same for all its inputs."""
    schema = schema_of(name, version)
    if schema is None or not schema.has_function:
        return ()
    body = schema.get_function_with_opset_version(_newest(schema, version))
    return list(onnx.FunctionProto.FromString(body).node)


def body_of(node: onnx.NodeProto, inputs: Sequence[Known | None], version: int) -> onnx.GraphProto:
    """The graph that a node is by ONNX's definition; its inputs are the node's.

    Raises:
        InputError: it follows from types that are not known, or is of another operator set.
    """
    schema = schema_of(node.op_type, version)
    if schema is None:
        raise InputError(f"{named(node)} is not computed; {INSTEAD}")
    newest = _newest(schema, version)
    if schema.has_function:
        body = schema.get_function_with_opset_version(newest)
    else:
        types = [_type(node, known).SerializeToString() for known in inputs]
        text = node.SerializeToString()
        body = schema.get_context_dependent_function_with_opset_version(newest, text, types)
    function = onnx.FunctionProto.FromString(body)
    check_version(function.node, newest, version, named(node))
    says = {name: a.default_value for name, a in schema.attributes.items() if a.default_value.name}
    return _graph(function, says | {a.name: a for a in node.attribute})


def cast_of(node: onnx.NodeProto, like: Known) -> Iterator[onnx.NodeProto]:
    """The cast that a CastLike is, whose result is constant where what is cast is."""
    to = _type(node, like).tensor_type.elem_type
    yield onnx.helper.make_node("Cast", node.input[:1], node.output, to=to)


def in_words_of(model: onnx.ModelProto, version: int) -> None:
    """Say of each function of a model that it is of the model's operator set, where that is so.

    Raises:
        InputError: it is written in another, in which some operator means something else.
    """
    for function in model.functions:
        own = versions(function.opset_import).get("", version)
        if own != version:
            check_version(function.node, own, version, f"the function {shown(function.name)}")
            for entry in function.opset_import:
                entry.version = version if entry.domain in STANDARD else entry.version


def check_version(nodes: Iterable[onnx.NodeProto], own: int, version: int, what: str) -> None:
    """Refuse nodes of one operator set that mean something else in another."""
    for node in every(*nodes):
        if node.domain in STANDARD and not _is_same(node.op_type, own, version):
            raise InputError(
                f"{what} is written in ONNX's operator set {own}, where {shown(node.op_type)} is "
                f"not that of {version}, the model's: convert it by onnx.version_converter"
            )


def _is_same(name: str, own: int, version: int) -> bool:
    """Whether an operator means the same in two operator sets: one function serves both."""
    entry = find(name, version)
    if entry is None:  # not in the table: it is written out, or refused, in the words of the model
        return _since(name, own) == _since(name, version) or name in CONTROL | SEQUENCES
    return entry is find(name, own)


def _newest(schema: Any, version: int) -> int:
    """The operator set of the body that is in force; 0 where there is none."""
    written = (*schema.function_opset_versions, *schema.context_dependent_function_opset_versions)
    return max((one for one in written if one <= version), default=0)


def _since(name: str, version: int) -> int | None:
    try:
        return int(onnx.defs.get_schema(name, version).since_version)
    except onnx.defs.SchemaError:
        return None


def _type(node: onnx.NodeProto, known: Known | None) -> onnx.TypeProto:
    """The type of an input, as far as bodies follow from it."""
    if known is None:
        return onnx.TypeProto()
    value = known.constant if known.runs is None else as_tensor(known.runs[0])
    if not isinstance(value, torch.Tensor):
        raise InputError(f"{named(node)} follows from types that are open: pass window=(C, H, W)")
    return onnx.helper.make_tensor_type_proto(_ELEMENTS[value.dtype], list(value.shape))


def _graph(function: onnx.FunctionProto, says: dict[str, onnx.AttributeProto]) -> onnx.GraphProto:
    """A function's nodes as a graph, with attributes as they are given where it is called."""
    graph = onnx.GraphProto(node=function.node)
    graph.input.extend(onnx.ValueInfoProto(name=name) for name in function.input)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in function.output)
    for node in every(*graph.node):
        held = list(_given(node.attribute, says))
        del node.attribute[:]
        node.attribute.extend(held)
    return graph


def _given(
    attributes: Iterable[onnx.AttributeProto], says: dict[str, onnx.AttributeProto]
) -> Iterator[onnx.AttributeProto]:
    for attribute in attributes:
        if not attribute.ref_attr_name:
            yield attribute
        elif attribute.ref_attr_name in says:
            given = onnx.AttributeProto()
            given.CopyFrom(says[attribute.ref_attr_name])
            given.name = attribute.name
            yield given
