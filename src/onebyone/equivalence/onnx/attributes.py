"""What a node says beside its inputs: its settings, bit for bit, and what its operator means."""

import struct
from functools import cache
from typing import Any

import onnx
import onnx_ir as ir

from onebyone.equivalence.onnx.constants import content

SILENT = {"dilations": 1, "output_padding": 0, "pads": 0, "strides": 1}
"""Lists that say nothing where they hold this number only; ONNX has defaults of no length."""
KIND = ir.AttributeType

Setting = tuple[str, str, Any]
"""Name, type and bits of an attribute."""


def since(node: ir.Node, version: int) -> int:
    """Since which operator set the operator means what it does in this one.

    This one where ONNX does not have it.
    """
    try:
        return int(onnx.defs.get_schema(node.op_type, version, node.domain).since_version)
    except onnx.defs.SchemaError:
        return version


def meaning(node: ir.Node, version: int) -> tuple[Any, ...]:
    """What a node does with its inputs, but for the graphs within it: an operator, its settings."""
    return node.domain, node.op_type, node.overload, since(node, version), settings(node, version)


def settings(node: ir.Node, version: int, *skipped: str) -> tuple[Setting, ...]:
    """A node's attributes but those skipped, at ONNX's defaults of that version, or with graphs."""
    usual = _defaults(node.op_type, version, node.domain)
    said = (
        _setting(attribute)
        for name, attribute in sorted(node.attributes.items())
        if name not in skipped and attribute.type not in (KIND.GRAPH, KIND.GRAPHS)
    )
    return tuple(setting for setting in said if setting != usual.get(setting[0], _neutral(setting)))


def _neutral(setting: Setting) -> Setting | None:
    """The setting of this name that says nothing, whatever its length."""
    name, kind, held = setting
    neutral = name in SILENT and kind == "INTS"
    return (name, kind, (SILENT[name],) * len(held)) if neutral else None


@cache
def _defaults(name: str, version: int, domain: str) -> dict[str, Setting]:
    """What ONNX takes for attributes that are not set."""
    try:
        schema = onnx.defs.get_schema(name, version, domain)
    except onnx.defs.SchemaError:
        return {}
    defaults = [a.default_value for a in schema.attributes.values() if a.default_value.name]
    return {a.name: _setting(ir.serde.deserialize_attribute(a)) for a in defaults}


def _setting(attribute: ir.Attr) -> Setting:
    if attribute.is_ref():
        return attribute.name, "reference", attribute.ref_attr_name
    return attribute.name, attribute.type.name, bits(attribute.value)


def bits(value: Any) -> Any:
    """What tells one value of an attribute from another: NaN is itself, −0.0 is not 0.0."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, list | tuple):
        return tuple(bits(item) for item in value)
    if isinstance(value, ir.TypeAndShape):
        return str(value)
    if isinstance(value, ir.TensorProtocol):
        return int(value.dtype), tuple(value.shape.numpy()), content(value)
    return value
