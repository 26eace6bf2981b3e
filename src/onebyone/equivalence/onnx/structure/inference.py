"""What ONNX itself says of a node's results: element types and sizes, and whether it is valid."""

from dataclasses import dataclass
from typing import Any

import onnx
import onnx_ir as ir

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.structure.operators.call import Call
from onebyone.equivalence.onnx.structure.values import Value


@dataclass(frozen=True)
class Outline:
    """Element type and sizes of a value.

    Attributes:
        element: as ONNX numbers them, 0 where it is not known.
        sizes: numbers, and names for unknown sizes; None where not even their count is known.
    """

    element: int
    sizes: tuple[int | str, ...] | None

    def repeated(self) -> "Outline":
        """One axis more, before the others, of a size that is not known."""
        return Outline(self.element, None if self.sizes is None else ("", *self.sizes))

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
    """The outline of each result of a node, as ONNX finds it from the inputs.

    Raises:
        Undecided: ONNX has no rule, or refuses the node with these inputs.
    """
    node = call.node
    try:
        schema = onnx.defs.get_schema(node.op_type, call.version, node.domain)
    except onnx.defs.SchemaError as error:
        raise Undecided("ONNX has no such operator") from error
    if any(value is not None and not value.element for value in call.inputs):
        raise Undecided("an input is no tensor, or of a type that is not known")
    types, data = {}, {}
    for source, value in zip(node.inputs, call.inputs, strict=True):
        if value is None:
            continue
        shape = None
        if value.axes is not None:
            shape = [size.known if size.known is not None else str(size) for size in value.shape]
        types[source.name] = onnx.helper.make_tensor_type_proto(value.element, shape)
        numbers = [size.known for size in value.elements or () if size.known is not None]
        if value.elements is not None and len(numbers) == len(value.elements):
            count = [len(numbers)] * len(value.shape)
            data[source.name] = onnx.helper.make_tensor(source.name, value.element, count, numbers)
    imports = [onnx.helper.make_opsetid(node.domain, call.version)]
    try:
        found = onnx.shape_inference.infer_node_outputs(
            schema, ir.serde.serialize_node(node), types, data, opset_imports=imports
        )
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
        raise Undecided(f"not valid ONNX: {error}") from error
    return [_outline(output, found.get(output.name)) for output in node.outputs]


def _outline(output: ir.Value, found: Any) -> Outline:
    kind = None if found is None else found.WhichOneof("value")
    if kind is None or (kind == "tensor_type" and not found.tensor_type.HasField("shape")):
        return declared(output)
    read = ir.serde.deserialize_type_proto_for_type(found)
    return declared(ir.Value(type=read, shape=ir.serde.deserialize_type_proto_for_shape(found)))


def outline(value: Value) -> Outline:
    """What the table knows of a value."""
    if value.axes is None:
        return Outline(value.element, None)
    known = ((size, size.known) for size in value.shape)
    return Outline(
        value.element, tuple(str(s) if number is None else number for s, number in known)
    )


def declared(output: ir.Value) -> Outline:
    """What the file itself says of a value; nothing where it is no tensor."""
    if not isinstance(output.type, ir.TensorType):
        return Outline(0, None)
    element = int(output.dtype or 0)
    if output.shape is None:
        return Outline(element, None)
    sizes = (size if isinstance(size, int) else str(size.value or "") for size in output.shape)
    return Outline(element, tuple(sizes))
