"""A piece as an exported program, for runtimes other than PyTorch."""

from collections.abc import Callable, Container, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from onebyone.errors import InputError
from onebyone.windows.blocks import PLAIN
from onebyone.windows.looping import Turns, through_graphs


def exported(
    module: nn.Module, x: Tensor, backend: str, formed: Container[Any] = ()
) -> ExportedProgram:
    """Export a graph for images of one shape.

    Args:
        module: what runs a piece; its results are a tuple.
        x: an image in single precision, on the processor.
        backend: who asks.
        formed: operators that stay in the form written for PyTorch.

    Raises:
        InputError: the image is of another type, or elsewhere.
    """
    if x.dtype != torch.float32 or x.device.type != "cpu":
        raise InputError(
            f'backend="{backend}" runs float32 networks on the CPU; this one is '
            f'{str(x.dtype).removeprefix("torch.")} on {x.device.type}; use backend="torch"'
        )
    with torch.no_grad():
        plain = through_graphs(module, lambda graph: _plain(graph, formed))
        program = torch.export.export(_Computed(plain), (x,), strict=False)
        functional: ExportedProgram = program.run_decompositions({})
    return functional


class _Computed(nn.Module):
    """A piece without results that are constants."""

    def __init__(self, piece: nn.Module) -> None:
        super().__init__()
        self.piece = piece

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The results that are computed."""
        return tuple(leaf for leaf in self.piece(x) if isinstance(leaf, Tensor))


def _plain(module: fx.GraphModule, formed: Container[Any]) -> fx.GraphModule:
    """A copy of a graph in which only these operators stay in the form written for PyTorch."""
    graph, copies = fx.Graph(), dict[fx.Node, fx.Node]()
    graph.output(graph.graph_copy(module.graph, copies))
    for node in module.graph.nodes:
        target, args = node.meta.get(PLAIN, (None, ()))
        if target is not None and target not in formed:
            with graph.inserting_before(copies[node]):
                y = graph.call_function(target, fx.map_arg(args, copies.__getitem__))
            copies[node].replace_all_uses_with(y)
            copies[node] = y
    graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
    return fx.GraphModule(module, graph)


def with_constants(
    module: nn.Module, run: Callable[[Any], Sequence[Any]]
) -> Callable[[Tensor], Sequence[Any]]:
    """A runtime's function as one of PyTorch: tensors in and out, constant results in their places.

    Args:
        module: what runs a piece; which of its results are computed.
        run: from an image as a NumPy array to the computed results as NumPy arrays.
    """
    results = _results(module)

    def call(x: Tensor) -> Sequence[Any]:
        arrays = iter(run(x.contiguous().numpy(force=True)))
        return tuple(
            torch.from_numpy(next(arrays)) if isinstance(leaf, fx.Node) else leaf
            for leaf in results
        )

    return call


def _results(module: nn.Module) -> tuple[Any, ...]:
    """The leaves that a piece gives: nodes, or constants."""
    if isinstance(module, Turns):
        return _results(next(iter(module.bodies.values())))[: module.leaves]
    assert isinstance(module, fx.GraphModule)
    results = module.graph.output_node().args[0]
    assert isinstance(results, tuple)
    return results
