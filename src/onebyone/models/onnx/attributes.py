"""Attributes of a node of an ONNX file, as the functions of the table take them."""

from pathlib import Path
from typing import Any

import onnx

from onebyone.errors import InputError
from onebyone.models.onnx.constants import tensor_of
from onebyone.models.onnx.nodes import named
from onebyone.models.onnx.table import Operator
from onebyone.models.shown import shown


def attributes_of(
    node: onnx.NodeProto, operator: Operator, version: int, path: Path
) -> dict[str, Any]:
    """A node's attributes as the function takes them.

    Raises:
        InputError: one has a value that the function does not have.
    """
    schema = onnx.defs.get_schema(node.op_type, version) if not operator.domain else None
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        value = _plain(attribute, path)
        if attribute.name in operator.attributes:
            found[attribute.name] = value
            continue
        declared = schema.attributes.get(attribute.name) if schema else None
        default = declared.default_value if declared else None
        if default is None or not default.name or value != _plain(default, path):
            raise InputError(
                f"{named(node)} has {attribute.name}={shown(value)}, which is not computed"
            )
    return found


def _plain(attribute: onnx.AttributeProto, path: Path) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, onnx.TensorProto):
        return tensor_of(value, path)
    if attribute.type in (onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS):
        return tuple(value)
    if attribute.type == onnx.AttributeProto.STRINGS:
        return tuple(text.decode(errors="replace") for text in value)
    return value
