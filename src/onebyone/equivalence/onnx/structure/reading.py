"""A file read into the table of functions, node by node."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import onnx_ir as ir

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.attributes import meaning
from onebyone.equivalence.onnx.bodies import bodies
from onebyone.equivalence.onnx.constants import Tensor, constant_of, digest
from onebyone.equivalence.onnx.structure.inference import Outline, declared, inferred, outline
from onebyone.equivalence.onnx.structure.layout import identity
from onebyone.equivalence.onnx.structure.operators import OPERATORS, Call
from onebyone.equivalence.onnx.structure.shape_tensors import computed_sizes, constant_sizes
from onebyone.equivalence.onnx.structure.sizes import Size
from onebyone.equivalence.onnx.structure.table import Table
from onebyone.equivalence.onnx.structure.values import Value

DRAWN = {
    "Bernoulli", "Dropout", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
    "RandomUniformLike",
}  # fmt: skip
"""Operators that, where they are not followed, draw at random."""
OLDEST = 7
"""Before this operator set, operands broadcast otherwise."""


def read(table: Table, model: ir.Model, index: int, symbols: dict[str, str]) -> dict[str, Value]:
    """Enter all functions of a file into the table; its outputs by name, in order.

    The file has an index, for the names of its nodes; `symbols` say what the first file calls the
    dynamic sizes of this one.
    """
    reader = _Reader(table, index, symbols, dict(model.opset_imports))
    reader.read(model.graph, ())
    return {str(value.name): reader.values[value] for value in model.graph.outputs}


@dataclass(frozen=True)
class _Reader:
    """Enters one file into the table.

    Attributes:
        values: what the table has for the file's.
    """

    table: Table
    index: int
    symbols: dict[str, str]
    versions: dict[str, int]
    values: dict[ir.Value, Value] = field(default_factory=dict)

    def read(self, graph: ir.Graph, place: tuple[int, ...]) -> None:
        """Enter a graph: of the file, or within a node of it.

        What a graph within a node is given has no name, but a place: two such graphs are equal
        when they are equal functions of it. `place` says which of a node's graphs it is, after
        the same for each graph around it.
        """
        for value in graph.initializers.values():
            if not value.is_graph_input():
                self._constant(value, value.const_value)
        for number, value in enumerate(graph.inputs):
            self.table.place = (self.index, str(value.name))
            key = ".".join(map(str, (*place, number))) if place else str(value.name)
            self.values[value] = self._input("given" if place else "input", key, value)
        for node in graph:
            self._enter(node, place)

    def _constant(self, value: ir.Value, tensor: Any) -> None:
        constant = Tensor(tensor)
        axes = identity(map(Size.of, tensor.shape.numpy()))
        self.values[value] = Value(constant, axes, constant_sizes(constant))

    def _input(self, operator: str, key: str, value: ir.Value) -> Value:
        """What is given from outside; an initializer that is an input is a default for it."""
        shape = dimensions(value, key)
        sizes = None
        if shape is not None:
            named = (s if isinstance(s, int) else self.symbols.get(s, s) for s in shape)
            sizes = tuple(map(Size.of, named))
        usual = None if value.const_value is None else Tensor(value.const_value).read(digest)
        about = (key, sizes, str(value.type), usual)
        tensor = isinstance(value.type, ir.TensorType)
        term = self.table.term(operator, about, (), int(value.dtype or 0) if tensor else 0)
        return Value(term, None if sizes is None else identity(sizes))

    def _enter(self, node: ir.Node, place: tuple[int, ...]) -> None:
        self.table.place = (self.index, f"{node.op_type} {node.name or node.outputs[0].name}")
        if (tensor := constant_of(node.outputs[0])) is not None:
            self._constant(node.outputs[0], tensor)
            return
        version = self.versions.get(node.domain, 1)
        inputs = [None if value is None else self.values[value] for value in node.inputs]
        call = Call(self.table, node, inputs, version)
        results = self._around(call, place) if bodies(node) else _results(call)
        self.values.update(zip(node.outputs, results, strict=False))

    def _around(self, call: Call, place: tuple[int, ...]) -> list[Value]:
        """The results of a node with graphs: equal where all that these compute lies alike."""
        here, within = self.table.place, bodies(call.node)
        for number, graph in enumerate(within.values()):
            self.read(graph, (*place, number))
        self.table.place = here
        arity = tuple((name, len(g.inputs), len(g.outputs)) for name, g in within.items())
        values = [self.values[value] for graph in within.values() for value in graph.outputs]
        outlines = [declared(output) for output in call.node.outputs]
        if call.node.op_type == "Loop" and not call.node.domain:
            outlines = self._turns(within["body"])
        return _literal(replace(call, inputs=[*call.inputs, *values]), outlines, "", arity)

    def _turns(self, body: ir.Graph) -> list[Outline]:
        """What a Loop gives: states, as its body takes and gives them, and values of all turns."""
        made = [outline(self.values[value]) for value in body.outputs[1:]]
        given = [outline(self.values[value]) for value in body.inputs[2:]]
        states = [
            after if after == before else Outline(after.element, None)
            for before, after in zip(given, made, strict=False)
        ]
        return [*states, *(after.repeated() for after in made[len(states) :])]


def dimensions(value: ir.Value, key: str) -> list[int | str] | None:
    """The declared size of each axis: a number, or the name of a symbol, which may be of `key`.

    None where it is no tensor, or its shape is not declared. Names are in quotation marks, so that
    none is the formula of a size that follows from others.
    """
    if value.shape is None or not isinstance(value.type, ir.TensorType):
        return None
    return [
        size if isinstance(size, int) else f"'{size.value}'" if size.value else f"'{key}'.{axis}"
        for axis, size in enumerate(value.shape)
    ]


def _results(call: Call) -> Sequence[Value]:
    """The node's results. What it gives beside what is followed is read as it lies."""
    outlines = [declared(output) for output in call.node.outputs]
    results: Sequence[Value] = ()
    why = ""
    try:
        outlines = inferred(call)
        results = _followed(call, outlines)
    except Undecided as reason:
        why = str(reason)
    if len(results) < len(outlines):
        results = [*results, *_literal(call, outlines, why)[len(results) :]]
    return results


def _followed(call: Call, outlines: Sequence[Outline]) -> Sequence[Value]:
    """The results that a rule finds."""
    if call.node.domain or call.version < OLDEST:
        raise Undecided("")
    sizes = computed_sizes(call, outlines[0].element)
    if sizes is not None and outlines[0].sizes is not None and len(outlines[0].sizes) < 2:
        term = call.table.term("sizes", sizes, (), outlines[0].element)
        return [Value(term, identity([Size.of(len(sizes))] if outlines[0].sizes else []), sizes)]
    follow = OPERATORS.get(call.node.op_type)
    if follow is None:
        raise Undecided("")
    found = follow(call)
    results = found if isinstance(found, list) else [found]
    for result, made in zip(results, outlines, strict=False):
        if not made.fits(result):
            raise Undecided(f"ONNX infers {made} and the check {outline(result)}")
    return [replace(result, elements=None) for result in results]


def _literal(
    call: Call, outlines: Sequence[Outline], reason: str, arity: tuple[Any, ...] = ()
) -> list[Value]:
    """An operator that is not followed: equal where all it reads lies alike in both files."""
    node, table = call.node, call.table
    kind = *meaning(node, call.version), arity, len(outlines)
    draws = node.op_type in DRAWN and not node.domain
    shapes = [value.shape for value in call.inputs if value is not None and value.axes is not None]
    given = {str(size): size for shape in shapes for size in shape}
    results = []
    for index, made in enumerate(outlines):
        # Names that files give to sizes say nothing.
        numbers = made.sizes and tuple(n if isinstance(n, int) else None for n in made.sizes)
        name, what = f"{node.op_type} as it lies", (kind, index, numbers)
        term = table.literal(name, what, call.inputs, made.element, reason, draws)
        if made.sizes is None:
            results.append(Value(term, None))
            continue
        named = [
            Size.of(size)
            if isinstance(size, int)
            else given.get(size, Size.of(f"#{term.number}.{axis}"))
            for axis, size in enumerate(made.sizes)
        ]
        results.append(Value(term, identity(named)))
    return results
