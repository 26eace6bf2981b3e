"""A file read into the table of functions, node by node."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import InlinePass, ShapeInferencePass

# The modules with the operators register them.
from onebyone.rewrite.check import along, arithmetic, linear, moves, pointwise  # noqa: F401
from onebyone.rewrite.check.call import OPERATORS, Call, Known
from onebyone.rewrite.check.constants import Tensor
from onebyone.rewrite.check.layout import whole
from onebyone.rewrite.check.pointwise import settings
from onebyone.rewrite.check.shapes import computed_sizes, constant_sizes
from onebyone.rewrite.check.sizes import Size, Undecided
from onebyone.rewrite.check.terms import Table
from onebyone.rewrite.check.values import Value

DRAWN = {
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
    "RandomUniformLike",
}  # fmt: skip
STANDARD = ("", "ai.onnx")


@dataclass
class File:
    """What the table knows of a file.

    Attributes:
        values: by the names of the file's values.
        known: of those that are small integers.
        outputs: in order.
        inputs: in order.
        shapes: of the inputs.
    """

    values: dict[str, Value] = field(default_factory=dict)
    known: dict[str, Known] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)


def load(path: Path) -> ir.Model:
    """A file with its functions inlined and its values' types inferred; external data on disk."""
    model = ir.load(path)
    InlinePass()(model)
    ShapeInferencePass(strict_mode=False)(model)
    return model


def read(table: Table, model: ir.Model, index: int, symbols: dict[str, str]) -> File:
    """Enter all functions of a file into the table.

    Args:
        table: to enter them in.
        model: the file.
        index: of the file, for the names of its nodes.
        symbols: what the first file calls this file's dynamic sizes, by this file's names.

    Raises:
        Undecided: something cannot be followed.
    """
    file = File()
    graph = model.graph
    file.outputs = [_name(value) for value in graph.outputs]
    for name, value in graph.initializers.items():
        _enter_constant(file, name, value.const_value)
    for value in graph.inputs:
        if value.name not in file.values:
            table.place = (index, _name(value))
            file.inputs.append(_name(value))
            file.values[_name(value)] = _input(table, value, symbols)
    versions = {domain or "": version for domain, version in model.opset_imports.items()}
    for node in graph:
        table.place = (index, f"{node.op_type} {node.name or node.outputs[0].name}")
        _enter(table, file, node, versions)
    return file


def dimensions(value: ir.Value) -> list[int | str]:
    """The declared size of each axis: a number, the name of a symbol, or one made of its place."""
    if value.shape is None:
        raise Undecided(f"input {value.name} has no declared shape")
    return [
        size if isinstance(size, int) else size.value or f"{value.name}.{axis}"
        for axis, size in enumerate(value.shape)
    ]


def _input(table: Table, value: ir.Value, symbols: dict[str, str]) -> Value:
    sizes = [
        Size.of(size if isinstance(size, int) else symbols.get(size, size))
        for size in dimensions(value)
    ]
    shape = tuple(map(str, sizes))
    term = table.term("input", (value.name, shape), (), int(value.dtype or 0))
    return Value(term, whole(sizes))


def _enter_constant(file: File, name: str, tensor: Any) -> None:
    value = Value(Tensor(tensor), whole([Size(size) for size in tensor.shape]))
    file.values[name] = value
    known = constant_sizes(value)
    if known is not None:
        file.known[name] = known


def _enter(table: Table, file: File, node: ir.Node, versions: dict[str, int]) -> None:
    if node.op_type == "Constant" and node.domain in STANDARD:
        (attribute,) = node.attributes.values()
        tensor = attribute.value if attribute.name == "value" else ir.tensor(attribute.value)
        _enter_constant(file, _name(node.outputs[0]), tensor)
        return
    names = [None if value is None else value.name for value in node.inputs]
    names += _captured(node)
    values = [None if not name else _look(file, name) for name in names]
    known = [None if name is None else file.known.get(name) for name in names]
    call = Call(table, node, values, known, versions.get(node.domain, 1))
    results, sizes = _results(call)
    for output, result in zip(node.outputs, results, strict=False):
        file.values[_name(output)] = result
    if sizes is not None:
        file.known[_name(node.outputs[0])] = sizes


def _captured(node: ir.Node) -> list[str]:
    """The names of the values that graphs within the node read from outside, sorted."""
    graphs = [a.as_graph() for a in node.attributes.values() if a.type == ir.AttributeType.GRAPH]
    inner = [step for graph in graphs for step in ir.traversal.RecursiveGraphIterator(graph)]
    read = [value for step in inner for value in step.inputs if value is not None]
    read += [value for graph in graphs for value in graph.outputs]
    return sorted({_name(value) for value in read if value.graph is node.graph})


def _look(file: File, name: str) -> Value:
    if name not in file.values:
        raise Undecided(f"{name} comes from nothing that was read")
    return file.values[name]


def _results(call: Call) -> tuple[Sequence[Value], Known | None]:
    """The node's results, and the elements of the first where they are known integers."""
    standard = call.node.domain in STANDARD
    sizes = computed_sizes(call) if standard else None
    if sizes is not None:
        scalar = call.node.op_type in ("Squeeze", "Size") or _is_scalar(call)
        term = call.table.term("sizes", tuple(map(str, sizes)), (), int(ir.DataType.INT64))
        return [Value(term, whole([] if scalar else [Size(len(sizes))]))], sizes
    follow = OPERATORS.get(call.node.op_type) if standard else None
    if follow:
        try:
            results = follow(call)
            return results if isinstance(results, list) else [results], None
        except Undecided as reason:
            return _literal(call, str(reason)), None
    return _literal(call, ""), None


def _is_scalar(call: Call) -> bool:
    """Whether known integers have no axis: one gathered at a place without an axis."""
    return call.node.op_type in ("Gather", "Mul", "Div", "Cast", "Identity") and all(
        value is None or not value.shape
        for value in call.inputs[1 if call.node.op_type == "Gather" else 0 :]
    )


def _literal(call: Call, reason: str) -> list[Value]:
    """An operator that is not followed: equal where all it reads lies alike in both files."""
    node, table = call.node, call.table
    if node.op_type in DRAWN and node.domain in STANDARD:
        raise Undecided(f"{node.op_type} draws at random")
    results = []
    for index, (element, sizes) in enumerate(_infer(call)):
        meaning = (node.domain, node.op_type, _since(call), index)
        what = (meaning, settings(call), _integers(call))
        operands = [
            None if known is not None else value
            for value, known in zip(call.inputs, call.known, strict=True)
        ]
        term = table.literal(f"{node.op_type} as it lies", (what, reason), operands, element)
        given = {str(size): size for v in call.inputs if v is not None for size in v.shape}
        named = [
            Size(size)
            if isinstance(size, int)
            else given.get(size, Size.of(f"#{term.number}.{axis}"))
            for axis, size in enumerate(sizes)
        ]
        results.append(Value(term, whole(named)))
    return results


def _integers(call: Call) -> tuple[tuple[str, ...] | None, ...]:
    return tuple(None if known is None else tuple(map(str, known)) for known in call.known)


def _infer(call: Call) -> list[tuple[int, list[int | str]]]:
    """Element type and sizes of each result, by ONNX's own rules; symbols that it makes up are ''.

    Raises:
        Undecided: ONNX has no rule for the operator, or the number of axes does not follow.
    """
    node = call.node
    if not _since(call) or len(call.inputs) > len(node.inputs):
        return [_declared(output) for output in node.outputs]
    schema = onnx.defs.get_schema(node.op_type, call.version, node.domain)
    types, data = {}, {}
    for source, value, known in zip(node.inputs, call.inputs, call.known, strict=True):
        if value is None:
            continue
        shape = [size.known if size.known is not None else str(size) for size in value.shape]
        types[source.name] = onnx.helper.make_tensor_type_proto(value.element, shape)
        if known is not None and all(size.known is not None for size in known):
            dims = [int(size.known or 0) for size in known]
            held = onnx.helper.make_tensor(source.name, 7, [len(dims)] * len(shape), dims)
            data[source.name] = held
    proto = ir.serde.serialize_node(node)
    try:
        found = onnx.shape_inference.infer_node_outputs(
            schema, proto, types, data,
            opset_imports=[onnx.helper.make_opsetid(node.domain, call.version)],
        )  # fmt: skip
    except onnx.shape_inference.InferenceError as error:
        raise Undecided(f"{node.op_type} with inputs that ONNX refuses: {error}") from error
    return [_typed(output, found.get(output.name)) for output in node.outputs]


def _since(call: Call) -> int:
    """Since which operator set the operator means what it does here; 0 where ONNX has it not."""
    try:
        schema = onnx.defs.get_schema(call.node.op_type, call.version, call.node.domain)
    except onnx.defs.SchemaError:
        return 0
    return int(schema.since_version)


def _typed(output: ir.Value, found: Any) -> tuple[int, list[int | str]]:
    if not output.name:
        return 0, []
    if found is None or not found.tensor_type.HasField("shape"):
        return _declared(output)
    tensor = found.tensor_type
    return tensor.elem_type, [
        d.dim_value if d.HasField("dim_value") else d.dim_param for d in tensor.shape.dim
    ]


def _declared(output: ir.Value) -> tuple[int, list[int | str]]:
    if output.shape is None:
        raise Undecided(f"the shape of {output.name} does not follow from its inputs")
    sizes = [size if isinstance(size, int) else str(size.value or "") for size in output.shape]
    return int(output.dtype or 0), sizes


def _name(value: ir.Value) -> str:
    assert value.name is not None, "a value of a file has a name"
    return value.name
