"""A piece as an exported program, for runtimes other than PyTorch."""

from collections.abc import Callable, Container, Sequence
from typing import Any

import torch
from torch import Tensor, fx
from torch.export import ExportedProgram

from onebyone.errors import InputError
from onebyone.windows.blocks import PLAIN


def exported(
    module: fx.GraphModule, x: Tensor, backend: str, formed: Container[Any] = ()
) -> ExportedProgram:
    """Export a graph for images of one shape.

    Args:
        module: the graph; its results are a tuple.
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
        program = torch.export.export(_computed(module, formed), (x,), strict=False)
        functional: ExportedProgram = program.run_decompositions({})
    return functional


def _computed(module: fx.GraphModule, formed: Container[Any]) -> fx.GraphModule:
    """A copy with plain operators, and without results that are constants."""
    found = _plain(module, formed)
    output = found.graph.output_node()
    results = output.args[0]
    assert isinstance(results, tuple)
    output.args = (tuple(leaf for leaf in results if isinstance(leaf, fx.Node)),)
    found.recompile()
    return found


def _plain(module: fx.GraphModule, formed: Container[Any]) -> fx.GraphModule:
    """A copy of the graph and of those that it calls, in which only these operators stay formed."""
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
    found = fx.GraphModule(module, graph)
    for name in {node.target for node in graph.nodes if node.op == "call_module"}:
        child = module.get_submodule(name)
        if isinstance(child, fx.GraphModule):
            found.set_submodule(name, _plain(child, formed))
    return found


def with_constants(
    module: fx.GraphModule, run: Callable[[Any], Sequence[Any]]
) -> Callable[[Tensor], Sequence[Any]]:
    """A runtime's function as one of PyTorch: tensors in and out, constant results in their places.

    Args:
        module: the graph; which of its results are computed.
        run: from an image as a NumPy array to the computed results as NumPy arrays.
    """
    results = module.graph.output_node().args[0]
    assert isinstance(results, tuple)

    def call(x: Tensor) -> Sequence[Any]:
        arrays = iter(run(x.contiguous().numpy(force=True)))
        return tuple(
            torch.from_numpy(next(arrays)) if isinstance(leaf, fx.Node) else leaf
            for leaf in results
        )

    return call
