"""Writing ATen operators in the place of a node that keeps its name."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from torch import fx
from torch._guards import detect_fake_mode

from onebyone.graphs.aten import value_of


def _value(target: Any, values: Sequence[Any]) -> Any:
    """What export would record; PyTorch's choice of a kernel for it must not bind the sizes."""
    mode = detect_fake_mode(values)
    sizes = None if mode is None else mode.shape_env
    with nullcontext() if sizes is None else sizes.suppress_guards():
        return target(*values)


class Writer:
    """Writes the operators that take the place of a node; the last one becomes that node."""

    def __init__(self, graph: fx.Graph, place: fx.Node) -> None:
        self.graph, self.place = graph, place
        self.targets: list[Any] = []
        self._last: fx.Node | None = None

    def __call__(self, target: Any, *args: Any) -> fx.Node:
        """Write one operator before the place, with the value that export would record."""
        name = f"{self.place.name}_{target.overloadpacket.__name__}"
        with self.graph.inserting_before(self.place):
            node = self.graph.create_node("call_function", target, args, name=name)
        node.meta = {**self.place.meta, "val": _value(target, fx.node.map_arg(args, value_of))}
        self.targets.append(target)
        self._last = node
        return node

    def finish(self) -> None:
        """Let the place be what was written last."""
        last = self._last
        assert last is not None
        self.place.target, self.place.args, self.place.kwargs = last.target, last.args, {}
        self.place.meta["val"] = value_of(last)
        self.graph.erase_node(last)
