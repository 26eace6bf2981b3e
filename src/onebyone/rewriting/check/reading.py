"""A file read into the table of functions, node by node."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import onnx_ir as ir
from onnx_ir.passes.common import InlinePass, ShapeInferencePass

# The modules with the operators register them.
from onebyone.models import onnx_file
from onebyone.rewriting.check import along, arithmetic, linear, moves, pointwise  # noqa: F401
from onebyone.rewriting.check.bodies import bodies, captured
from onebyone.rewriting.check.call import OPERATORS, Call, Known
from onebyone.rewriting.check.constants import Tensor
from onebyone.rewriting.check.inference import Outline, inferred, since
from onebyone.rewriting.check.layout import whole
from onebyone.rewriting.check.normalisation import write_out
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
    """

    values: dict[str, Value] = field(default_factory=dict)
    known: dict[str, Known] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)


def load(path: Path) -> ir.Model:
    """A file with its functions inlined and its values' types inferred; external data on disk.

    Its normalisations are written as operators.
    """
    model = onnx_file.read(path)
    InlinePass()(model)
    ShapeInferencePass(strict_mode=False)(model)
    write_out(model, str(path))
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
    versions = {domain or "": version for domain, version in model.opset_imports.items()}
    return _Reader(table, index, symbols, versions).read(model.graph, File(), ())


@dataclass(frozen=True)
class _Reader:
    """Enters one file into the table."""

    table: Table
    index: int
    symbols: dict[str, str]
    versions: dict[str, int]

    def read(self, graph: ir.Graph, outside: File, place: tuple[int, ...]) -> File:
        """Enter a graph: of the file, or within a node of it.

        What a graph within a node is given has no name, but a place: two such graphs are equal
        when they are equal functions of it. `place` says which of a node's graphs it is, after
        the same for each graph around it.
        """
        file = File({**outside.values}, {**outside.known})
        file.outputs = [_name(value) for value in graph.outputs]
        for name, value in graph.initializers.items():
            _enter_constant(file, name, value.const_value)
        for number, value in enumerate(graph.inputs):
            if value.name not in graph.initializers:
                self.table.place = (self.index, _name(value))
                key = ".".join(map(str, (*place, number))) if place else _name(value)
                operator = "given" if place else "input"
                file.values[_name(value)] = self._input(operator, key, value)
        for node in graph:
            self._enter(file, node, place)
        return file

    def _input(self, operator: str, key: str, value: ir.Value) -> Value:
        sizes = [
            Size.of(size if isinstance(size, int) else self.symbols.get(size, size))
            for size in dimensions(value, key)
        ]
        shape = tuple(map(str, sizes))
        term = self.table.term(operator, (key, shape), (), int(value.dtype or 0))
        return Value(term, whole(sizes))

    def _enter(self, file: File, node: ir.Node, place: tuple[int, ...]) -> None:
        self.table.place = (self.index, f"{node.op_type} {node.name or node.outputs[0].name}")
        if node.op_type == "Constant" and node.domain in STANDARD:
            (attribute,) = node.attributes.values()
            tensor = attribute.value if attribute.name == "value" else ir.tensor(attribute.value)
            _enter_constant(file, _name(node.outputs[0]), tensor)
            return
        names = [None if value is None else _name(value) for value in node.inputs]
        values = [None if not name else _look(file, name) for name in names]
        known = [None if name is None else file.known.get(name) for name in names]
        call = Call(self.table, node, values, known, self.versions.get(node.domain, 1))
        within = bodies(node)
        results, sizes = (
            (self._around(call, within, file, place), None) if within else _results(call)
        )
        for output, result in zip(node.outputs, results, strict=False):
            file.values[_name(output)] = result
        if sizes is not None:
            file.known[_name(node.outputs[0])] = sizes

    def _around(
        self, call: Call, within: dict[str, ir.Graph], file: File, place: tuple[int, ...]
    ) -> list[Value]:
        """The results of a node with graphs: equal where all that these compute lies alike.

        Where a graph cannot be followed, it is equal to itself on equal values from outside.
        """
        here, settled, reason = self.table.place, settings(call, *within), ""
        try:
            read = [self.read(g, file, (*place, k)) for k, g in enumerate(within.values())]
        except Undecided as undecided:
            settled, reason = settings(call), str(undecided)
            names = [_name(value) for value in captured(*within.values())]
            more = [(_look(file, name), file.known.get(name)) for name in names]
        else:
            more = [(_look(f, name), f.known.get(name)) for f in read for name in f.outputs]
            arity = tuple((name, len(g.inputs), len(g.outputs)) for name, g in within.items())
            settled = (*settled, arity)
        self.table.place = here
        call = replace(
            call,
            inputs=[*call.inputs, *(value for value, _ in more)],
            known=[*call.known, *(numbers for _, numbers in more)],
        )
        outlines = inferred(call)
        if call.node.op_type == "Loop" and not reason:
            outlines = _turns(call, within["body"], read[0])
        return _literal(call, outlines, settled, reason)


def _turns(call: Call, body: ir.Graph, file: File) -> list[Outline]:
    """What a Loop gives: states, as its body takes and gives them, and values of all turns."""
    outlines = []
    for number, name in enumerate(file.outputs[1:]):
        value = file.values[name]
        sizes = tuple(str(size) if size.known is None else size.known for size in value.shape)
        if number >= len(call.node.inputs) - 2:
            outlines.append(Outline(value.element, ("", *sizes)))
        else:
            same = file.values[_name(body.inputs[number + 2])].shape == value.shape
            outlines.append(Outline(value.element, sizes if same else None))
    return outlines


def dimensions(value: ir.Value, key: str) -> list[int | str]:
    """The declared size of each axis: a number, the name of a symbol, or one made of `key`."""
    if value.shape is None:
        raise Undecided(f"input {value.name} has no declared shape")
    return [
        size if isinstance(size, int) else size.value or f"{key}.{axis}"
        for axis, size in enumerate(value.shape)
    ]


def _enter_constant(file: File, name: str, tensor: Any) -> None:
    value = Value(Tensor(tensor), whole([Size(size) for size in tensor.shape]))
    file.values[name] = value
    known = constant_sizes(value)
    if known is not None:
        file.known[name] = known


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
        return _literal(call, outlines, settings(call), ""), None
    try:
        results = follow(call)
    except Undecided as reason:
        return _literal(call, outlines, settings(call), str(reason)), None
    results = results if isinstance(results, list) else [results]
    for result, outline in zip(results, outlines, strict=False):
        if not outline.fits(result):
            raise Undecided(f"ONNX infers {outline} and the check {list(map(str, result.shape))}")
    return results, None


def _literal(
    call: Call, outlines: Sequence[Outline], settled: tuple[Any, ...], reason: str
) -> list[Value]:
    """An operator that is not followed: equal where all it reads lies alike in both files."""
    node, table = call.node, call.table
    if node.op_type in DRAWN and node.domain in STANDARD:
        raise Undecided(f"{node.op_type} draws at random")
    kind = (node.domain, node.op_type, since(call), settled, reason)
    integers = tuple(None if k is None else tuple(map(str, k)) for k in call.known)
    values = zip(call.inputs, call.known, strict=True)
    operands = [value if known is None else None for value, known in values]
    given = {str(size): size for v in call.inputs if v is not None for size in v.shape}
    results = []
    for index, outline in enumerate(outlines):
        what = (kind, integers, index)
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
