"""Activations that overwrite what nothing else reads: they fetch no memory of their own."""

from torch import fx

from onebyone.graphs.aten import aten
from onebyone.graphs.canonical import MAX_POOLS
from onebyone.windows.operators.convolving import CONVOLUTIONS

_IN_PLACE = {
    aten.relu.default: aten.relu_.default,
    aten.leaky_relu.default: aten.leaky_relu_.default,
    aten.hardtanh.default: aten.hardtanh_.default,
    aten.hardswish.default: aten.hardswish_.default,
    aten.silu.default: aten.silu_.default,
    aten.tanh.default: aten.tanh_.default,
    aten.sigmoid.default: aten.sigmoid_.default,
}
# Their results are no views, and no gradient needs them.
_WRITERS = {
    *CONVOLUTIONS.values(),
    aten.linear.default,
    aten.batch_norm.default,
    aten.add.Tensor,
    aten.cat.default,
    aten.maximum.default,
    *MAX_POOLS.values(),
}
_VIEWS = {aten.squeeze.dim, aten.permute.default}


def overwrite(graph: fx.Graph) -> None:
    """Run activations in place where their input has no other reader."""
    for node in graph.nodes:
        if node.target in _IN_PLACE:
            (source,) = node.all_input_nodes
            while source.target in _VIEWS and len(source.users) == 1:
                (source,) = source.all_input_nodes
            if source.target in _WRITERS and len(source.users) == 1:
                node.target = _IN_PLACE[node.target]
