"""A file read into the table of functions, node by node."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx_ir as ir
from onnx_ir.passes.common import InlinePass, ShapeInferencePass

# The modules with the operators register them.
from onebyone.rewriting.check import along, arithmetic, linear, moves, pointwise  # noqa: F401
from onebyone.rewriting.check.call import OPERATORS, Call, Known
from onebyone.rewriting.check.constants import Tensor
from onebyone.rewriting.check.inference import Outline, inferred, since
from onebyone.rewriting.check.layout import whole
from onebyone.rewriting.check.pointwise import settings
from onebyone.rewriting.check.shapes import computed_sizes, constant_sizes
from onebyone.rewriting.check.sizes import Size, Undecided
from onebyone.rewriting.check.terms import Table
from onebyone.rewriting.check.values import Value

DRAWN = {
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
    "RandomUniformLike",
}  # fmt: skip
STANDARD = ("", "ai.onnx")
# Invalid files are told by the check itself, in one line.
logging.getLogger("onnx_ir.passes.common.shape_inference").setLevel(logging.ERROR)


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
    outlines = inferred(call)
    sizes = computed_sizes(call) if standard else None
    if sizes is not None and outlines[0].sizes is not None and len(outlines[0].sizes) < 2:
        term = call.table.term("sizes", tuple(map(str, sizes)), (), outlines[0].element)
        return [Value(term, whole([Size(len(sizes))] if outlines[0].sizes else []))], sizes
    follow = OPERATORS.get(call.node.op_type) if standard else None
    if follow is None:
        return _literal(call, outlines, ""), None
    try:
        results = follow(call)
    except Undecided as reason:
        return _literal(call, outlines, str(reason)), None
    results = results if isinstance(results, list) else [results]
    for result, outline in zip(results, outlines, strict=False):
        if not outline.fits(result):
            raise Undecided(f"ONNX infers {outline} and the check {list(map(str, result.shape))}")
    return results, None


def _literal(call: Call, outlines: Sequence[Outline], reason: str) -> list[Value]:
    """An operator that is not followed: equal where all it reads lies alike in both files."""
    node, table = call.node, call.table
    if node.op_type in DRAWN and node.domain in STANDARD:
        raise Undecided(f"{node.op_type} draws at random")
    settled = (node.domain, node.op_type, since(call), settings(call), reason)
    integers = tuple(None if k is None else tuple(map(str, k)) for k in call.known)
    values = zip(call.inputs, call.known, strict=True)
    operands = [value if known is None else None for value, known in values]
    given = {str(size): size for v in call.inputs if v is not None for size in v.shape}
    results = []
    for index, outline in enumerate(outlines):
        what = (settled, integers, index)
        term = table.literal(f"{node.op_type} as it lies", what, operands, outline.element)
        if outline.sizes is None:
            raise Undecided(f"{node.op_type} has a result of unknown shape")
        named = [
            Size(size)
            if isinstance(size, int)
            else given.get(size, Size.of(f"#{term.number}.{axis}"))
            for axis, size in enumerate(outline.sizes)
        ]
        results.append(Value(term, whole(named)))
    return results


def _name(value: ir.Value) -> str:
    assert value.name is not None, "a value of a file has a name"
    return value.name
