"""The same rewrite on the ATen graph of an exported program.

The operator's node stays, with its name, and becomes the last one of what computes the same; so the
signature and all names hold. Weights are stored in the shape that the new operator reads, under
their names; one that other operators read too keeps its shape, and the graph views it.
"""

import copy
from collections import Counter
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from onebyone.graphs.aten import aten, layer_name, value_of
from onebyone.rewriting.computing import relabelled
from onebyone.rewriting.forms import adapted, operator_name
from onebyone.rewriting.left import Left, read_all
from onebyone.rewriting.modules import viewed
from onebyone.rewriting.relabelling import Relabelling
from onebyone.rewriting.report import Moves, Report, Row
from onebyone.rewriting.selection import Selection
from onebyone.rewriting.sites import Site, read_site, readers
from onebyone.rewriting.writer import Writer

CONSTANT = (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR)
MOVES = (
    aten.permute.default, aten.reshape.default, aten.unsqueeze.default, aten.squeeze.dims,
    aten.flatten.using_ints,
)  # fmt: skip


def rewrite_program(
    program: ExportedProgram, to: str, selection: Selection, layout: str
) -> tuple[ExportedProgram, Report]:
    """Make the linear layers of a program, which stays as it is, 1×1 convolutions, or back.

    Raises:
        InputError: nothing is found under `where`.
    """
    root = _copy(program.graph_module)
    weights = _weights(program, root.graph)
    found = read_all(root.graph.nodes, lambda node: read_site(node, to, layout, weights))
    rows: dict[fx.Node, Row] = {}
    sites: list[Site] = []
    for (node, site), name in zip(found.items(), _names(list(found)), strict=True):
        if isinstance(site, Left):
            rows[node] = selection.row(name, _operator(node), site.shape, site)
            continue
        rows[node] = selection.row(name, _operator(node), site.relabelling.before)
        sites += [] if rows[node].reason else [site]
    selection.require(row.name for row in rows.values())
    tensors = {**program.state_dict}, {**program.constants}
    stored = _stored(sites)
    moves = _change(root.graph, sites, stored, weights, tensors)
    for site in sites:
        became = operator_name(
            site.relabelling.after, to == "convolution", viewed=site.weight not in stored
        )
        rows[site.reader] = replace(rows[site.reader], became=became)
    new = _program(program, root, *tensors)
    sizes = _bytes(program), _bytes(new)
    return new, Report(to, layout, tuple(rows.values()), *sizes, Moves(moves, 0, moves))


def _copy(root: fx.GraphModule) -> fx.GraphModule:
    """A copy with the same names, which PyTorch changes where they are Python's, as `input` is."""
    other = copy.deepcopy(root)
    for old, new in zip(root.graph.nodes, other.graph.nodes, strict=True):
        new.name = old.name
    return other


def _weights(program: ExportedProgram, graph: fx.Graph) -> dict[fx.Node, str]:
    """The placeholders of constants, and what they are called; no buffers that change."""
    specs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
    changed = program.graph_signature.buffers_to_mutate.values()
    return {
        node: specs[node.name].target
        for node in graph.find_nodes(op="placeholder")
        if specs[node.name].kind in CONSTANT and specs[node.name].target not in changed
    }


def _names(nodes: list[fx.Node]) -> list[str]:
    """The path of each node's module, and its own name where a module has several."""
    paths = [layer_name(node) for node in nodes]
    counts = Counter(paths)
    return [
        path if counts[path] == 1 else f"{path}/{node.name}"
        for path, node in zip(paths, nodes, strict=True)
    ]


def _operator(node: fx.Node) -> str:
    return str(node.target).removeprefix("aten.").removesuffix(".default")


def _stored(sites: list[Site]) -> set[fx.Node]:
    """The weights that all who read them will read in the same new shape."""
    changes = {site.reader: site.relabelling for site in sites}
    return {
        site.weight
        for site in sites
        if all(changes.get(reader) == site.relabelling for reader in readers(site.weight))
    }


def _change(
    graph: fx.Graph,
    sites: list[Site],
    stored: set[fx.Node],
    weights: dict[fx.Node, str],
    tensors: tuple[dict[str, Any], dict[str, Any]],
) -> int:
    """Write the sites' new operators, and reshape weights; the number of moves that came."""
    moves = 0
    for site in sites:
        write = Writer(graph, site.node)
        if site.weight in stored:
            weight = site.weight
            _store(weight, site.relabelling, weights, tensors)
        else:
            weight = relabelled(write, site.weight, site.relabelling)
        site.emit(write, weight)
        write.finish()
        moves += sum(target in MOVES for target in write.targets)
    graph.eliminate_dead_code()
    return moves


def _store(
    weight: fx.Node,
    change: Relabelling,
    weights: dict[fx.Node, str],
    tensors: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    """Relabel a weight, under all its names; once more changes nothing."""

    def view(tensor: Tensor) -> Tensor:
        # Files keep whole tensors, so that one whose rows become columns is copied.
        return adapted(change, tensor).contiguous()

    kept = next(kept for kept in tensors if weights[weight] in kept)
    tensor = kept[weights[weight]]
    new = viewed(tensor, view) if isinstance(tensor, nn.Parameter) else view(tensor)
    for node, name in weights.items():
        if kept.get(name) is tensor:
            node.meta["val"] = view(value_of(node))
    kept.update({name: new for name, held in kept.items() if held is tensor})


def _program(
    program: ExportedProgram,
    root: fx.GraphModule,
    state: dict[str, Any],
    constants: dict[str, Any],
) -> ExportedProgram:
    root.graph.lint()
    root.recompile()
    new = ExportedProgram(
        root=root,
        graph=root.graph,
        graph_signature=copy.deepcopy(program.graph_signature),
        state_dict=state,
        range_constraints=copy.deepcopy(program.range_constraints),
        module_call_graph=program.module_call_graph,
        example_inputs=program.example_inputs,
        constants=constants,
        verifiers=program.verifiers,
    )
    new.validate()  # type: ignore[no-untyped-call]  # PyTorch's
    return new


def _bytes(program: ExportedProgram) -> int:
    tensors = {
        id(t): t.nbytes
        for t in (*program.state_dict.values(), *program.constants.values())
        if isinstance(t, torch.Tensor)
    }
    return sum(tensors.values())
