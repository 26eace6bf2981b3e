"""What ONNX itself says of a node's results: element types and sizes, and whether it is valid."""

from dataclasses import dataclass
from typing import Any

import onnx
import onnx_ir as ir

from onebyone.rewriting.check.call import Call
from onebyone.rewriting.check.sizes import Undecided
from onebyone.rewriting.check.values import Value


@dataclass(frozen=True)
class Outline:
    """Element type and sizes of a value.

    Attributes:
        element: as ONNX numbers them, 0 where it is not known.
        sizes: numbers, and names for unknown sizes; None where not even their count is known.
    """

    element: int
    sizes: tuple[int | str, ...] | None

    def fits(self, value: Value) -> bool:
        """Whether nothing here contradicts what was found otherwise."""
        if self.sizes is None:
            return True
        numbers = [size.known for size in value.shape]
        return (
            len(self.sizes) == len(numbers)
            and all(
                a == b
                for a, b in zip(self.sizes, numbers, strict=True)
                if isinstance(a, int) and b is not None
            )
            and self.element in (0, value.element)
        )

    def __str__(self) -> str:
        return str(None if self.sizes is None else list(self.sizes))


def inferred(call: Call) -> list[Outline]:
    """The outline of each result of a node.

    Where ONNX has no rule, an input's type is not known, or the node holds a graph, it is what the
    file declares.

    Raises:
        Undecided: ONNX refuses the node with these inputs.
    """
    node = call.node
    untyped = any(value is not None and not value.element for value in call.inputs)
    if not since(call) or untyped or len(call.inputs) > len(node.inputs):
        return [_declared(output) for output in node.outputs]
    schema = onnx.defs.get_schema(node.op_type, call.version, node.domain)
    types, data = {}, {}
    for source, value, known in zip(node.inputs, call.inputs, call.known, strict=True):
        if value is None:
            continue
        shape = [size.known if size.known is not None else str(size) for size in value.shape]
        types[source.name] = onnx.helper.make_tensor_type_proto(value.element, shape)
        numbers = [size.number for size in known or () if not size.symbols]
        if known is not None and len(numbers) == len(known):
            count = [len(numbers)] * len(shape)
            data[source.name] = onnx.helper.make_tensor(source.name, value.element, count, numbers)
    imports = [onnx.helper.make_opsetid(node.domain, call.version)]
    try:
        found = onnx.shape_inference.infer_node_outputs(
            schema, ir.serde.serialize_node(node), types, data, opset_imports=imports
        )
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
        raise Undecided(f"not valid ONNX: {error}") from error
    return [_outline(output, found.get(output.name)) for output in node.outputs]


def since(call: Call) -> int:
    """Since which operator set the operator means what it does here; 0 where ONNX has it not."""
    try:
        schema = onnx.defs.get_schema(call.node.op_type, call.version, call.node.domain)
    except onnx.defs.SchemaError:
        return 0
    return int(schema.since_version)


def _outline(output: ir.Value, found: Any) -> Outline:
    if found is None or not found.tensor_type.HasField("shape"):
        return _declared(output)
    sizes = (d.dim_value if d.HasField("dim_value") else d.dim_param for d in _axes(found))
    return Outline(found.tensor_type.elem_type, tuple(sizes))


def _axes(found: Any) -> Any:
    return found.tensor_type.shape.dim


def _declared(output: ir.Value) -> Outline:
    element = int(output.dtype or 0)
    if output.shape is None:
        return Outline(element, None)
    sizes = (size if isinstance(size, int) else str(size.value or "") for size in output.shape)
    return Outline(element, tuple(sizes))
