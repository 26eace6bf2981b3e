"""The text of a file: what makes its outputs, without names of values or order of nodes.

Files of one text are one function, whatever their operators mean: nothing here understands any.
"""

from collections.abc import Hashable, Mapping, Sequence

import onnx_ir as ir

from onebyone.equivalence.onnx.attributes import meaning
from onebyone.equivalence.onnx.bodies import bodies
from onebyone.equivalence.onnx.constants import constant_of, content

Number = tuple[int, int]
"""Of a value: the line of what makes it, and which of its results it is."""


def same_text(before: ir.Model, after: ir.Model) -> bool:
    """Whether two files have one text, with the same constants bit for bit."""
    first, second = _Text(before), _Text(after)
    return first.lines == second.lines and all(
        content(a) == content(b) for a, b in zip(first.constants, second.constants, strict=True)
    )


class _Text:
    """The lines of a file, one for each node, input and constant that an output needs.

    Attributes:
        lines: each says what is applied to which numbers.
        constants: in the order of their lines, which say type and sizes only.
    """

    def __init__(self, model: ir.Model) -> None:
        self.lines: list[Hashable] = []
        self.constants: list[ir.TensorProtocol] = []
        self._numbers: dict[ir.Value, Number] = {}
        self._symbols: dict[str, int] = {}
        for key, function in sorted(model.functions.items()):
            usual = (repr(attribute) for attribute in function.attributes.values())
            self._line("function", key, *usual)
            self._graph(function.inputs, function.outputs, function.opset_imports)
        for value in model.graph.inputs:
            self._numbers[value] = self._line("input", value.name, str(value.type), self._by(value))
            if value.const_value is not None:
                self._constant(value.const_value)
        names = tuple((value.name, str(value.type)) for value in model.graph.outputs)
        self._line("outputs", names)
        self._graph((), model.graph.outputs, model.opset_imports)

    def _line(self, *parts: Hashable) -> Number:
        self.lines.append(parts)
        return len(self.lines) - 1, 0

    def _by(self, value: ir.Value) -> tuple[Hashable, ...] | None:
        """An input's sizes, with symbols by number: their names say nothing."""
        if value.shape is None:
            return None
        return tuple(
            size if isinstance(size, int) else self._symbol(size.value) for size in value.shape
        )

    def _symbol(self, name: str | None) -> str:
        return f"symbol {self._symbols.setdefault(name, len(self._symbols))}" if name else "any"

    def _constant(self, tensor: ir.TensorProtocol) -> Number:
        self.constants.append(tensor)
        return self._line("constant", int(tensor.dtype), tuple(tensor.shape.numpy()))

    def _graph(
        self,
        inputs: Sequence[ir.Value],
        outputs: Sequence[ir.Value],
        versions: Mapping[str, int],
    ) -> None:
        """The lines of all that the outputs need, each after those that it needs."""
        stack = [(value, False) for value in (*outputs, *inputs)]
        while stack:
            value, ready = stack.pop()
            if value in self._numbers:
                continue
            node, tensor = value.producer(), constant_of(value)
            if tensor is not None:
                self._numbers[value] = self._constant(tensor)
            elif node is None:
                self._numbers[value] = self._line("given", str(value.type))
            elif ready:
                line, _ = self._line(*self._said(node, versions.get(node.domain, 1)))
                self._numbers |= {made: (line, k) for k, made in enumerate(node.outputs)}
            else:
                stack.append((value, True))
                stack.extend((read, False) for read in _needed(node))
        self._line("results", *map(self._numbers.get, (*inputs, *outputs)))

    def _said(self, node: ir.Node, version: int) -> tuple[Hashable, ...]:
        within = [
            (name, *map(self._numbers.get, (*graph.inputs, *graph.outputs)), len(graph.inputs))
            for name, graph in bodies(node).items()
        ]
        return (
            *meaning(node, version),
            tuple(value and self._numbers[value] for value in node.inputs),
            tuple(bool(value.name) for value in node.outputs),
            *within,
        )


def _needed(node: ir.Node) -> list[ir.Value]:
    """What a node reads, and what the graphs within it are given and make."""
    graphs = bodies(node).values()
    return [
        *(value for value in node.inputs if value is not None),
        *(value for graph in graphs for value in (*graph.inputs, *graph.outputs)),
    ]
