"""The whole rewrite of an ONNX file: find the layers, rewrite them, settle the layout, write."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import onnx_ir as ir

from onebyone.rewriting.layouts import LAYOUTS, channels_last
from onebyone.rewriting.left import Left, read_all
from onebyone.rewriting.onnx import files, layer_norm, to_convolution, to_linear, value_sizes
from onebyone.rewriting.onnx.chains import expand
from onebyone.rewriting.onnx.editor import Editor
from onebyone.rewriting.onnx.flexible import Form
from onebyone.rewriting.onnx.left_operators import LEFT
from onebyone.rewriting.onnx.moving import count
from onebyone.rewriting.onnx.names import Names
from onebyone.rewriting.onnx.settling import settle
from onebyone.rewriting.onnx.spans import take_strides
from onebyone.rewriting.onnx.weights import Layer, readers_of
from onebyone.rewriting.report import Moves, Report, Rewritten, Row
from onebyone.rewriting.selection import Selection

ALL = Selection()


def rewrite_onnx(
    source: Path, to: str, out: Path | None, selection: Selection = ALL, layout: str = "BCHW"
) -> Rewritten:
    """Rewrite the linear layers of an ONNX file as convolutions, or the other way.

    Without `out`, which may be the source, there is a report only.

    Raises:
        InputError: the file cannot be read or written, or nothing is found under `where`.
    """
    model = files.read_model(source)
    rewrite = _Rewrite(model, to, layout, selection)
    selection.require(row.name for row in rewrite.rows.values())
    before = files.bytes_of(source)
    moves = rewrite.carry_out()
    if out is not None:
        in_place = out.exists() and out.samefile(source)
        files.write_whole(model, out, () if in_place else files.data_files(source))
    after = before if out is None else files.bytes_of(out)
    report = Report(to, layout, tuple(rewrite.rows.values()), before, after, moves)
    return Rewritten(out, report)


class _Rewrite:
    """One rewrite of one model: what is said of each layer, and those that are rewritten."""

    def __init__(self, model: ir.Model, to: str, layout: str, selection: Selection) -> None:
        self._model = model
        self._layout = layout
        self._to = to
        self._opset = model.opset_imports.get("", model.opset_imports.get("ai.onnx", 1))
        self._declared = _declared(model)
        value_sizes.infer(model)
        self._unused = {id(value) for value in _unused(model)}
        self.rows: dict[ir.Node, Row] = {}
        self.layers: dict[ir.Node, Layer] = {}
        bodies = model.functions.values()
        self._inside = [node for function in bodies for node in function.all_nodes()]
        row, found = selection.row, read_all([*model.graph.all_nodes(), *self._inside], self._read)
        for node, layer in found.items():
            if isinstance(layer, Left):
                self.rows[node] = row(_name(node), node.op_type, _weight_shape(node), layer)
                continue
            self.rows[node] = row(_name(node), node.op_type, layer.weight.sizes)
            if not self.rows[node].reason:
                self.layers[node] = layer
        self._keep_ties()

    def _read(self, node: ir.Node) -> Layer | None:
        """A node as a layer, or why it is `Left`; None if it is none of the kind looked for."""
        here = to_convolution if self._to == "convolution" else to_linear
        if reason := LEFT[self._to].get(node.op_type):
            raise Left(reason)
        if node.op_type not in here.CANDIDATES or node.domain:
            return None
        if node in self._inside:
            raise Left("it is in the body of a function")
        if self._opset < 11:
            raise Left(f"the file is of opset {self._opset}, before 11")
        layer: Layer = here.read(node, self._layout, self._opset)
        layer.weight.scales(layer.relabelling)  # which must be able to follow
        return layer

    def _keep_ties(self) -> None:
        """Leave layers whose weight something else needs as it is."""
        users: dict[ir.Value, list[Layer]] = defaultdict(list)
        for layer in self.layers.values():
            users[layer.weight.base].append(layer)
        for base, layers in users.items():
            nodes = {layer.node for layer in layers}
            others = [reader for reader in readers_of(base) if reader not in nodes]
            reason = ""
            if others:
                other = "the graph's output" if others[0] is None else _name(others[0])
                reason = f"its weight {base.name} is also used by {other}"
            elif len({layer.relabelling for layer in layers}) > 1:
                reason = f"its weight {base.name} is shared by layers that need it in two forms"
            for node in nodes if reason else ():
                self.rows[node] = replace(self.rows[node], reason=reason)
                del self.layers[node]

    def carry_out(self) -> Moves:
        """Rewrite the layers that can be, graph by graph."""
        graphs = [g for g in self._model.graphs() if any(n.graph is g for n in self.layers)]
        names = Names(self._model)
        added = left = written = 0
        for graph in graphs:
            order = "channels_first" if self._to == "convolution" else "channels_last"
            editor = Editor(graph, self._opset, names, order)
            before = count(graph)
            for node, layer in self.layers.items():
                if node.graph is graph:
                    layer.weight.relabel(layer.relabelling)
                    became = layer.build(editor, layer.weight.end)
                    self.rows[node] = replace(self.rows[node], became=became)
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

    def _form(self) -> Form:
        if self._to == "linear":
            return channels_last
        return lambda sizes: LAYOUTS[self._layout].move(len(sizes))

    def _forget_sizes(self) -> None:
        """Declare the shapes of the values whose shapes the file declared, and no others."""
        for graph in self._model.graphs():
            for node in graph:
                for value in node.outputs:
                    if value.name not in self._declared and not value.is_graph_output():
                        value.shape = value.type = None


def _declared(model: ir.Model) -> set[str | None]:
    values = (v for graph in model.graphs() for node in graph for v in node.outputs)
    return {value.name for value in values if value.shape is not None or value.type is not None}


def _normalisations(graph: ir.Graph) -> int:
    return sum(node.op_type == layer_norm.OPERATOR for node in graph)


def _unused(model: ir.Model) -> list[ir.Value]:
    values = (v for graph in model.graphs() for v in graph.initializers.values())
    return [v for v in values if not (v.uses() or v.is_graph_input() or v.is_graph_output())]


def _weight_shape(node: ir.Node) -> tuple[int, ...]:
    """Of the constant that an operator reads, if it reads one."""
    for value in reversed(node.inputs[:2]):
        found = value_sizes.sizes_of(value)
        if value is not None and found is not None and not value.producer():
            return tuple(k for k in found if isinstance(k, int))
    return ()


def _name(node: ir.Node) -> str:
    return node.name or node.outputs[0].name or node.op_type
