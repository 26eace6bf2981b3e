"""A network on whole maps of any size: no size of the image is in its graph.

Convolutions and poolings stay as they are, a fully connected layer over the window becomes a
convolution of the window's extent (S3), pooling over the window a pooling of that extent.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

from torch import fx

from onebyone.errors import InputError
from onebyone.graphs.aten import aten, layer_name, value_of
from onebyone.graphs.canonical import AMAX, AVERAGE_POOLS, MAX_POOLS, MEAN
from onebyone.windows.axis import Axis, Part
from onebyone.windows.blocks import Builder
from onebyone.windows.cut import Sharing, share
from onebyone.windows.levels import is_tensor, module_of
from onebyone.windows.lowering import Lowered, is_size
from onebyone.windows.movers import Kernel, Lattice, Reading
from onebyone.windows.steps import Place, Reduction, Step

LAST = 2**63 - 1  # the end of a slice that has none


def two_windows(lowered: Lowered, more: int = 0, *, on_map: bool = True) -> Sharing:
    """Two windows along each axis and some pixels more, padded at the image's border or each."""
    axes = tuple(
        Axis(h, 2, s, 1, 0, h, h + s + more if on_map else None)
        for h, s in zip(lowered.layout.positions, lowered.stride, strict=True)
    )
    return share(lowered, axes)


def on_whole_maps(lowered: Lowered) -> tuple[fx.GraphModule, bool]:
    """The network on whole maps, with no size of the image in it.

    A window may leave its last pixels unused. Then maps hold windows that reach beyond the image:
    the second result says so.
    """
    emission = _Emission(lowered)
    emission.graph.output(tuple(emission.result(leaf) for leaf in lowered.captured.results))
    # Sizes that only crops need are dead here.
    emission.graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
    captured = lowered.captured
    module = module_of(emission.graph, model=captured.model, constants=captured.constants)
    surplus = [emission.grids(more) != emission.grids(0) for more in range(1, max(lowered.stride))]
    return module, any(surplus)


@dataclass(frozen=True)
class _Whole(Place):
    """A place that is a whole map of any size: nodes with the sizes along each axis."""

    nodes: tuple[Any, ...] = ()

    @property
    def sizes(self) -> tuple[Any, ...]:
        """The sizes of the output along each axis."""
        return self.nodes


class _Emission:
    """The state of one emission: the map that each captured node has become."""

    def __init__(self, lowered: Lowered) -> None:
        self.lowered, self.axes = lowered, two_windows(lowered).axes
        self.graph = fx.Graph()
        self.image = self.graph.placeholder("image")
        self.build = Builder(self.graph, lowered.captured.constants, lowered.target, self._copied)
        self.maps = {lowered.captured.image: self.image}
        self.ends: set[fx.Node] = set()  # where maps become values for each window
        for node, step in lowered.steps.items():
            if all(axis.shared for axis in self.axes[node]):
                self.maps[node] = self._map(step)
        self.windows: dict[fx.Node, fx.Node] = {}
        captured, mapped = lowered.captured, self.maps.keys()
        self._tail([n for n in captured.graph.nodes if n in lowered.dependent - mapped])

    def grids(self, more: int) -> list[int]:
        """How many windows the maps hold where they end, with some pixels more in the image."""
        axes = two_windows(self.lowered, more).axes
        return [
            (axis.extent - axis.n) // axis.t + 1
            for node in sorted(self.ends)
            for axis in axes[node]
            if axis.extent is not None
        ]

    def _map(self, step: Step) -> fx.Node:
        inputs = [self.maps[source] for source in step.sources]
        if isinstance(step, Reduction):
            self.ends.update(step.sources)
            if step.on_map is None:
                return self._pool(step, inputs[0])
        if step.node.target is aten.slice.Tensor:
            return self._slice(step, inputs[0])
        axes, layout = self.axes[step.sources[0]], self.lowered.layout_of(step.sources[0])
        sizes = [self._size(inputs[0], dim) for dim in layout.dims]
        readings = tuple(Reading(Lattice(0, 0), stride=axis.t) for axis in axes)
        place = _Whole(axes, (Part.SHARED,) * len(axes), readings, nodes=tuple(sizes))
        return (step.on_map or step.apply)(self.build, inputs, place)

    def _size(self, x: fx.Node, dim: int) -> fx.Node:
        return self.build.call(aten.sym_size.int, x, dim)

    def _slice(self, step: Step, x: fx.Node) -> fx.Node:
        """A slice of channels as it is; one of positions counted from both ends."""
        moved = [(d, m) for d, m in zip(step.layout.dims, step.movers, strict=True)
                 if isinstance(m, Kernel) and m != Kernel()]  # fmt: skip
        if not moved:
            return step.apply(self.build, [x], _Whole((), (), ()))
        for dim, mover in moved:
            start, stop = -mover.before, mover.behind or LAST
            x = self.build.call(aten.slice.Tensor, x, dim, start, stop, mover.stride)
        return x

    def _pool(self, step: Reduction, x: fx.Node) -> fx.Node:
        """Pooling of the window's extent."""
        (source,) = step.sources
        layout, build = self.lowered.layout_of(source), self.build
        if len(layout.others) != 1:
            raise InputError(
                f"{layer_name(step.node)} pools a map that has {len(layout.others)} dimensions of "
                "channels; use slide"
            )
        order = [0, *layout.others, *layout.dims]
        x = build.permuted(x, order)
        extent = list(layout.positions)
        rank, strides = len(extent), [axis.t for axis in self.axes[source]]
        target = step.node.target
        if target in (MEAN, aten.sum.dim_IntList):
            x = build.call(AVERAGE_POOLS[rank], x, extent, strides)
            x = x if target is MEAN else build.call(aten.mul.Scalar, x, prod(extent))
        else:
            negative = target is not AMAX
            x = build.call(aten.neg.default, x) if negative else x
            x = build.call(MAX_POOLS[rank], x, extent, strides)
            x = build.call(aten.neg.default, x) if negative else x
        return build.permuted(x, [order.index(dim) for dim in range(len(order))])

    def _tail(self, nodes: list[fx.Node]) -> None:
        """Run what comes after the last map on the batch of windows."""
        if not nodes:
            return
        needed = [n for n in self.maps if not set(nodes).isdisjoint(n.users)]
        for node in needed:
            if set(self.lowered.layout_of(node).positions) != {1}:
                user = next(user for user in node.users if user in nodes)
                reason = self.lowered.reasons.get(user, "needs what is not shared")
                raise InputError(f"{layer_name(user)} {reason}; use slide, which runs crops there")
        for node in needed:
            layout, x = self.lowered.layout_of(node), self._at_windows(node)
            shape = [prod(layout.shape)] if layout.flat else list(layout.shape)
            order = [0, *layout.dims, *layout.others]
            x = self.build.call(aten.permute.default, x, order)
            self.windows[node] = self.build.call(aten.reshape.default, x, [-1, *shape])
        for node in nodes:
            self.windows[node] = self.graph.node_copy(node, self._on_windows)
        self.grid = [
            self._size(self._at_windows(needed[0]), d)
            for d in self.lowered.layout_of(needed[0]).dims
        ]

    def _on_windows(self, node: fx.Node) -> fx.Node:
        return self.windows[node] if node in self.windows else self.build.copies(node)

    def _copied(self, node: fx.Node) -> fx.Node:
        """A captured node that is the same for every window, on whole maps."""
        if is_size(node) and node.target is aten.sym_size.int:
            return self._size(next(iter(self.windows.values())), 0)
        return self.graph.node_copy(node, self.build.copies)

    def _at_windows(self, node: fx.Node) -> fx.Node:
        """A map of one position for each window, at the windows' stride."""
        self.ends.add(node)
        x = self.maps[node]
        for axis, dim in zip(self.axes[node], self.lowered.layout_of(node).dims, strict=True):
            if axis.extent is not None and axis.t > 1:
                x = self.build.call(aten.slice.Tensor, x, dim, 0, LAST, axis.t)
        return x

    def result(self, leaf: Any) -> Any:
        """A leaf of the output as [B, ..., *grid]."""
        if not is_tensor(leaf):
            return leaf
        if leaf not in self.maps:
            return self.build.on_grid(
                self._on_windows(leaf), self.grid, list(value_of(leaf).shape[1:])
            )
        layout = self.lowered.layout_of(leaf)
        if set(layout.positions) != {1}:
            raise InputError(
                f"the output of {layer_name(leaf)} is a map for each window; use slide, or the "
                "network itself, which is convolutional"
            )
        x, dims = self._at_windows(leaf), sorted(layout.dims)
        x = self.build.call(aten.permute.default, x, [0, *layout.others, *layout.dims])
        for dim in () if layout.flat else dims:
            x = self.build.call(aten.unsqueeze.default, x, dim)
        return x
