"""The whole rewrite of an ONNX file: find the layers, rewrite them, settle the layout, write."""

from collections import defaultdict
from pathlib import Path

import onnx_ir as ir

from onebyone.errors import InputError
from onebyone.rewriting.onnx import files, normalisation, sizes, to_convolution, to_linear
from onebyone.rewriting.onnx.candidates import left_because
from onebyone.rewriting.onnx.chains import expand
from onebyone.rewriting.onnx.convolution import take_strides
from onebyone.rewriting.onnx.editor import Editor
from onebyone.rewriting.onnx.flexible import Form
from onebyone.rewriting.onnx.layer import Layer
from onebyone.rewriting.onnx.layout import settle
from onebyone.rewriting.onnx.moving import count
from onebyone.rewriting.onnx.names import Names
from onebyone.rewriting.onnx.weights import Left, readers
from onebyone.rewriting.report import Moves, Report, Rewritten, Row
from onebyone.rewriting.selection import Selection

Outcome = Layer | Left


def rewrite_onnx(
    source: Path,
    to: str,
    out: Path | None,
    *,
    where: str | None = None,
    skip: str | None = None,
    layout: str = "BCHW",
) -> Rewritten:
    """Rewrite the linear layers of an ONNX file as convolutions, or the other way.

    Args:
        source: the file.
        to: "convolution" or "linear".
        out: the file to write; may be `source`; None to report only.
        where: only layers whose name matches this regular expression somewhere.
        skip: not those whose name matches this one.
        layout: how a linear layer over [B, S, C] lies as a convolution: "conv1d" [B, C, S],
            "BCS1" [B, C, S, 1], "BC1S" [B, C, 1, S], or "BCHW": as "BC1S", and [B, H, W, C] and
            [B, D, H, W, C] with their own axes.

    Returns:
        The path written, None where nothing was, and a row for each layer that could be meant.

    Raises:
        InputError: An argument is not one of these, or the file cannot be read or written, or
            `where` names no layer.
    """
    _check_choices(to, layout)
    selection = Selection(where, skip)
    model = files.read(source)
    rewrite = _Rewrite(model, to, layout, selection)
    selection.require(row.name for row in rewrite.rows())
    before = files.bytes_of(source)
    moves = rewrite.carry_out()
    if out is not None:
        in_place = out.exists() and out.samefile(source)
        files.write_whole(model, out, () if in_place else files.data_files(source))
    after = before if out is None else files.bytes_of(out)
    report = Report(to, layout, rewrite.rows(), before, after, moves)
    return Rewritten(out, report)


class _Rewrite:
    """One rewrite of one model."""

    def __init__(self, model: ir.Model, to: str, layout: str, selection: Selection) -> None:
        self._model = model
        self._layout = layout
        self._to = to
        self._opset = model.opset_imports.get("", model.opset_imports.get("ai.onnx", 1))
        sizes.infer(model)
        self._declared = _declared(model)
        self._unused = {id(value) for value in _unused(model)}
        self.outcomes: dict[ir.Node, Outcome] = {}
        self._shapes: dict[ir.Node, tuple[int, ...]] = {}
        self._became: dict[ir.Node, str] = {}
        bodies = model.functions.values()
        self._inside = [node for function in bodies for node in function.all_nodes()]
        for node in [*model.graph.all_nodes(), *self._inside]:
            outcome = self._read(node)
            if outcome is not None:
                self._shapes[node] = _weight_shape(node, outcome)
                reason = selection.reason(_name(node))
                self.outcomes[node] = Left(reason) if reason else outcome
        self._keep_ties()

    def _read(self, node: ir.Node) -> Outcome | None:
        """What to do with a node; None if it is no layer of the kind looked for."""
        here = to_convolution if self._to == "convolution" else to_linear
        reason = left_because(node, self._to)
        if not reason:
            if node.op_type not in here.CANDIDATES or node.domain not in {"", "ai.onnx"}:
                return None
            if node in self._inside:
                reason = "it is in the body of a function"
            elif self._opset < 11:
                reason = f"the file is of opset {self._opset}, before 11"
        return Left(reason) if reason else self._layer(node)

    def _layer(self, node: ir.Node) -> Outcome:
        try:
            if self._to == "convolution":
                layer = to_convolution.read(node, self._layout, self._opset)
            else:
                layer = to_linear.read(node, self._opset)
            layer.weight.check(layer.relabelling)
        except Left as left:
            return left
        return layer

    def _keep_ties(self) -> None:
        """Leave layers whose weight something else needs as it is."""
        users: dict[ir.Value, list[Layer]] = defaultdict(list)
        for outcome in self.outcomes.values():
            if isinstance(outcome, Layer):
                users[outcome.weight.base].append(outcome)
        for base, layers in users.items():
            nodes = {layer.node for layer in layers}
            others = [reader for reader in readers(base) if reader not in nodes]
            reason = ""
            if others:
                other = "the graph's output" if others[0] is None else _name(others[0])
                reason = f"its weight {base.name} is also used by {other}"
            elif len({layer.relabelling for layer in layers}) > 1:
                reason = f"its weight {base.name} is shared by layers that need it in two forms"
            if reason:
                self.outcomes |= {node: Left(reason) for node in nodes}

    def carry_out(self) -> Moves:
        """Rewrite the layers that can be, graph by graph."""
        graphs = [g for g in self._model.graphs() if any(n.graph is g for n in self._layers())]
        names = Names(self._model)
        added = left = written = 0
        for graph in graphs:
            order = "channels_first" if self._to == "convolution" else "channels_last"
            editor = Editor(graph, self._opset, names, order)
            before = count(graph)
            for node, layer in self._layers().items():
                if node.graph is graph:
                    layer.weight.relabel(layer.relabelling)
                    self._became[node] = layer.build(editor, layer.weight.end)
            added += count(graph) - before
            normalisations = _normalisations(graph)
            settle(editor, self._form())
            written += normalisations - _normalisations(graph)
            left += count(graph) - before
            expand(editor)
            take_strides(graph)
        self._forget_sizes()
        for value in _unused(self._model):
            if id(value) not in self._unused and value.graph is not None:
                del value.graph.initializers[value.name or ""]
        return Moves(added, added - left, max(left, 0), written)

    def _layers(self) -> dict[ir.Node, Layer]:
        return {node: found for node, found in self.outcomes.items() if isinstance(found, Layer)}

    def _form(self) -> Form:
        if self._to == "linear":
            return to_linear.form
        return lambda sizes: to_convolution.form(sizes, self._layout)

    def _forget_sizes(self) -> None:
        """Declare the shapes of the values whose shapes the file declared, and no others."""
        for graph in self._model.graphs():
            for node in graph:
                for value in node.outputs:
                    if value.name not in self._declared and not value.is_graph_output():
                        value.shape = value.type = None

    def rows(self) -> tuple[Row, ...]:
        """A row for each layer, in the order of the file."""
        return tuple(
            Row(
                _name(node),
                node.op_type,
                self._shapes[node],
                became=self._became.get(node, ""),
                reason=str(outcome) if isinstance(outcome, Left) else "",
            )
            for node, outcome in self.outcomes.items()
        )


def _check_choices(to: str, layout: str) -> None:
    if to not in {"convolution", "linear"}:
        raise InputError(f"to={to!r} is not a form: say 'convolution' or 'linear'")
    if layout not in to_convolution.LAYOUTS:
        layouts = ", ".join(to_convolution.LAYOUTS)
        raise InputError(f"layout={layout!r} is none of {layouts}")


def _declared(model: ir.Model) -> set[str | None]:
    values = (v for graph in model.graphs() for node in graph for v in node.outputs)
    return {value.name for value in values if value.shape is not None or value.type is not None}


def _normalisations(graph: ir.Graph) -> int:
    return sum(node.op_type == normalisation.OPERATOR for node in graph)


def _unused(model: ir.Model) -> list[ir.Value]:
    values = (v for graph in model.graphs() for v in graph.initializers.values())
    return [v for v in values if not (v.uses() or v.is_graph_input() or v.is_graph_output())]


def _weight_shape(node: ir.Node, outcome: Outcome) -> tuple[int, ...]:
    if isinstance(outcome, Layer):
        return outcome.weight.sizes
    for value in reversed(node.inputs[:2]):
        found = sizes.sizes_of(value)
        if value is not None and found is not None and not value.producer():
            return tuple(k for k in found if isinstance(k, int))
    return ()


def _name(node: ir.Node) -> str:
    return node.name or node.outputs[0].name or node.op_type
