"""Exported programs whose batch is one number: the network for any batch.

A program that was exported for a batch of 1 has that number as a constant in the sizes of its
reshapes. Run on shapes with a larger batch, the graph shows which of them hold it: those of values
whose shapes have changed. They are written with the batch's size; if the results are then those of
the program, window by window, the network takes any batch. If not, it runs in pieces.
"""

import copy
import math
import operator
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch._subclasses import FakeTensorMode
from torch.export import ExportedProgram

from onebyone.graphs.aten import VIEWS, aten, is_call, value_of
from onebyone.models.pieces import same_in_pieces
from onebyone.models.quiet import quiet

_TIMES = 7
"""How many batches the graph is run on to see what holds the batch."""
_MOST_TRIES = 500
_COPIES = (aten.expand.default, aten.repeat.default)


def fixed_batch(program: ExportedProgram) -> int | None:
    """The batch that a program was exported for; None where it takes any."""
    inputs = program.graph_signature.user_inputs
    for node in program.graph.find_nodes(op="placeholder"):
        value = node.meta.get("val")
        if node.name in inputs and isinstance(value, Tensor) and value.ndim > 0:
            return value.shape[0] if isinstance(value.shape[0], int) else None
    return None


def module_of(program: ExportedProgram) -> fx.GraphModule:
    """A program's network, which takes `train` and `eval` as others do, though it has one mode."""
    module = program.module()
    del module.train, module.eval  # which would refuse
    return module


def for_any_batch(program: ExportedProgram, batch: int) -> fx.GraphModule | None:
    """The network of a program for one batch, for any; None where the graph does not show how."""
    fixed = program.module(check_guards=False)
    network = fx.GraphModule(fixed, copy.deepcopy(fixed.graph))  # which checks no input shapes
    images = network.graph.find_nodes(op="placeholder")
    if len(images) != 1 or not _is_whole(value_of(images[0])) or batch < 1:
        return None
    try:
        if not _Freeing(network, images[0], batch).run():
            return None
        network.graph.eliminate_dead_code()
        network.recompile()
        return network if _same_results(program, network, value_of(images[0])) else None
    except Exception:  # an operator that does not take what the sizes have become
        return None


class _Freeing:
    """One run over a graph on shapes, with more windows than it was exported for.

    Where a size may hold the batch in two places, as [17, 1, 768] seen as [17, 768], one is tried,
    and the other when an operator does not take what has come of it.

    Attributes:
        batch: the node of the batch's size.
        found: each node's value now; what was noted at it is its value before.
        ways: for each node so far, the places in its sizes that are still to be tried.
    """

    def __init__(self, network: fx.GraphModule, image: fx.Node, batch: int) -> None:
        self.network, self.image, self.fixed = network, image, batch
        self.order = [node for node in network.graph.nodes if node.op != "output"]
        self.sizes = {n: [*n.args[1]] for n in self.order if is_call(n, *VIEWS, *_COPIES)}
        with network.graph.inserting_after(image):
            self.batch = network.graph.call_function(aten.sym_size.int, (image, 0))
        self.found: dict[fx.Node, Any] = {self.batch: batch * _TIMES}
        self.ways: list[list[int | None]] = []

    def run(self) -> bool:
        """Rewrite the sizes; whether all results then have the batch as their first dimension."""
        tries = _MOST_TRIES
        with FakeTensorMode() as self.mode, torch.no_grad(), quiet("torch._subclasses.fake_tensor"):
            while len(self.ways) < len(self.order):
                self.ways.append(self._ways(self.order[len(self.ways)]))
                while not self._step(self.order[len(self.ways) - 1]):
                    tries -= 1
                    while self.ways and not self.ways[-1]:
                        self.ways.pop()
                    if not self.ways or not tries:
                        return False
        results = self.network.graph.output_node().all_input_nodes
        return all(self._axis(n) == 0 for n in results if isinstance(value_of(n), Tensor))

    def _step(self, node: fx.Node) -> bool:
        """Compute one node in the next way; whether it takes what it is given."""
        place = self.ways[-1].pop(0)
        noted = value_of(node)
        if node is self.image:
            sizes = (self.fixed * _TIMES, *noted.shape[1:])
            self.found[node] = torch.empty(sizes, dtype=noted.dtype, device=noted.device)
        elif node.op == "get_attr":
            held = operator.attrgetter(str(node.target))(self.network)
            self.found[node] = self.mode.from_tensor(held)
        else:
            if place is not None:
                self._write(node, place)
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), self.found.__getitem__)
            try:
                self.found[node] = node.target(*args, **kwargs)  # type: ignore[operator]
                self._axis(node)
            except Exception:  # of many kinds, as operators are
                return False
        return True

    def _axis(self, node: fx.Node) -> int | None:
        """The axis of a value that has the batch in it; None where it is what it was."""
        before, now = value_of(node), self.found[node]
        if not isinstance(before, Tensor) or before.shape == now.shape:
            return None
        pairs = enumerate(zip(before.shape, now.shape, strict=True))
        (axis,) = [n for n, (old, new) in pairs if old != new]
        if now.shape[axis] != before.shape[axis] * _TIMES:
            raise ValueError(f"{node.name} has another size than the batch gives it")
        return axis

    def _ways(self, node: fx.Node) -> list[int | None]:
        """The places in a node's sizes that may hold the batch, the likeliest first."""
        if node not in self.sizes:
            return [None]
        sizes, source = self.sizes[node], cast(fx.Node, node.args[0])
        axis, shape, result = self._axis(source), value_of(source).shape, value_of(node).shape
        if axis is None:  # the same for all windows, as class tokens are
            copied = node.target in _COPIES and sizes[0] == self.fixed
            return [0] if copied else [None]
        if node.target is aten.repeat.default:
            return [None]
        if node.target is aten.expand.default:
            return [axis + len(sizes) - len(shape)]
        before, behind = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        places: list[int] = [
            n
            for n, size in enumerate(result)
            if size % self.fixed == 0
            and (
                before in (math.prod(result[:n]), math.prod(result[: n + 1]))
                or math.prod(result[n + 1 :]) == behind
            )
        ]
        # The batch comes before what is beside it in an axis, as before the heads of attention.
        begins = {n: math.prod(result[:n]) == before for n in places}
        places.sort(key=lambda n: (result[n] != self.fixed, not begins[n]))
        return [*places]

    def _write(self, node: fx.Node, place: int) -> None:
        """Write the batch's size into a node's sizes."""
        sizes = list(self.sizes[node])
        factor, rest = divmod(sizes[place], self.fixed)
        if sizes[place] == -1 or rest:
            node.update_arg(1, sizes)
            return
        sizes[place] = self.batch
        if factor != 1:
            with self.network.graph.inserting_before(node):
                times = self.network.graph.call_function(operator.mul, (self.batch, factor))
            self.found[times] = self.found[self.batch] * factor
            sizes[place] = times
        node.update_arg(1, sizes)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Tensor) and all(isinstance(n, int) for n in value.shape)


def _same_results(program: ExportedProgram, network: nn.Module, noted: Tensor) -> bool:
    generator = torch.Generator().manual_seed(0)
    shape = (2 * noted.shape[0], *noted.shape[1:])
    windows = torch.randn(shape, generator=generator).to(noted.device, noted.dtype)
    return same_in_pieces(network, program.module(check_guards=False), windows)
