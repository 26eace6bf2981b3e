"""An exported graph without in-place operators, where that is sure without tracing again.

`ExportedProgram.run_decompositions` traces the whole network twice more, which is most of the time
that capturing takes. What convolutional networks hold is simple: `relu_` on a value that nothing
else looks at. Where anything else is found, nothing is done.
"""

import operator
from collections.abc import Container
from typing import Any, cast

import torch
from torch import fx

from onebyone.graphs.aten import (
    CONVOLUTIONS,
    PADDED_BY_NAME,
    arguments,
    aten,
    value_of,
    window_shape,
)
from onebyone.graphs.value import Batch, Value

# Operators that PyTorch composes of others, and that decomposing by an empty table leaves whole.
_KEPT = {
    *CONVOLUTIONS, *PADDED_BY_NAME,
    aten.linear.default, aten.layer_norm.default, aten.sym_size.int,
    aten.adaptive_avg_pool1d.default, aten.adaptive_avg_pool2d.default,
    aten.adaptive_avg_pool3d.default, aten.avg_pool1d.default,
    aten.max_pool1d.default, aten.max_pool2d.default, aten.max_pool3d.default,
}  # fmt: skip
# These become others in `canonical`.
_RENAMED = {aten.contiguous.default, aten.chunk.default}
# In eval mode these give what they were given, the same memory.
_DROPOUTS = {
    aten.dropout.default, aten.dropout_.default,
    aten.feature_dropout.default, aten.feature_dropout_.default,
}  # fmt: skip
_RESHAPES = {aten.flatten.using_ints, aten.reshape.default}
_COMPARISONS = {
    "eq_", "ne_", "lt_", "le_", "gt_", "ge_",
    "logical_and_", "logical_not_", "logical_or_", "logical_xor_",
}  # fmt: skip
_REFUSED = {
    torch.Tag.inplace_view,
    torch.Tag.nondeterministic_seeded,
    torch.Tag.data_dependent_output,
    torch.Tag.dynamic_output_shape,
}


def functional(graph: fx.Graph, image: fx.Node, whole: Container[Any] = frozenset()) -> bool:
    """Rewrite an exported graph in place as a functional one that `canonical` reads.

    Operators in `whole` stay as they are, beside those that are always left.

    Returns:
        Whether that could be done; if not, the graph is of no use any more.
    """
    rewriting = _Rewriting(graph, image, whole)
    nodes = [n for n in graph.nodes if n.op not in ("placeholder", "get_attr", "output")]
    return all(rewriting.rewrite(node) for node in nodes)


def _is_known(node: fx.Node, whole: Container[Any]) -> bool:
    """Whether decomposing would leave the operator, or make of it what `canonical` does."""
    target = node.target
    if not isinstance(target, torch._ops.OpOverload):
        return target is operator.getitem or isinstance(value_of(node), int | Batch)
    if target in whole or target in _KEPT | _RENAMED | _RESHAPES:
        return True
    if target is aten.batch_norm.default:
        return not arguments(node)["training"]
    if target in _DROPOUTS:
        return not arguments(node)["train"]
    composite = torch._C._dispatch_has_kernel_for_dispatch_key(
        str(target._name), "CompositeImplicitAutograd"
    )
    return bool(target._schema.returns) and not composite and _REFUSED.isdisjoint(target.tags)


class _Rewriting:
    """One pass over a graph in its order.

    Attributes:
        order: the place of every node.
        bases: for each value that may share another's memory, the first that has it.
        batch: the node of the batch's size, once a reshape needs it.
    """

    def __init__(self, graph: fx.Graph, image: fx.Node, whole: Container[Any]) -> None:
        self.graph, self.image, self.whole = graph, image, whole
        self.order = {node: place for place, node in enumerate(graph.nodes)}
        self.bases: dict[fx.Node, fx.Node] = {}
        self.batch: fx.Node | None = None

    def rewrite(self, node: fx.Node) -> bool:
        """Write one node functionally; False where that is not sure."""
        if node.op != "call_function" or not _is_known(node, self.whole):
            return False
        if node.target in _DROPOUTS:
            node.replace_all_uses_with(node.all_input_nodes[0])
            self.graph.erase_node(node)
            return True
        if isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable:
            return self._replace(node)
        if node.target is aten.batch_norm.default:
            node.update_arg(8, True)  # whether cuDNN may be used; export says what it is now
        self._note_alias(node)
        return node.target not in _RESHAPES or self._reshape(node)

    def _replace(self, node: fx.Node) -> bool:
        """Replace an in-place operator, if nobody sees what it changes but by its result."""
        target, changed = _out_of_place(node), cast(fx.Node, node.args[0])
        base, now = self.bases.get(changed, changed), self.order[node]
        others = {base, *(n for n, found in self.bases.items() if found is base)} - {changed}
        seen = any(self.order[user] > now for other in others for user in other.users)
        made_here = base is self.image or base.op == "call_function"  # weights are not to change
        if target is None or not made_here or seen:
            return False
        with self.graph.inserting_before(node):
            made = self.graph.call_function(target, node.args, node.kwargs)
        made.meta, self.order[made] = node.meta, now
        node.replace_all_uses_with(made)
        changed.replace_all_uses_with(made, delete_user_cb=lambda user: self.order[user] > now)
        self.graph.erase_node(node)
        return True

    def _note_alias(self, node: fx.Node) -> None:
        """Note whose memory a value may share."""
        views = node.target is operator.getitem or node.target in _RENAMED | _RESHAPES
        if isinstance(node.target, torch._ops.OpOverload):
            views = views or any(a.alias_info for a in node.target._schema.arguments)
        if views and not isinstance(value_of(node), int | Batch):
            source = node.all_input_nodes[0]
            self.bases[node] = self.bases.get(source, source)

    def _reshape(self, node: fx.Node) -> bool:
        """Write a reshape with its sizes; False where the batch is not their first."""
        rest = window_shape(node)
        if rest is None:
            return False
        if self.batch is None:
            with self.graph.inserting_after(self.image):
                self.batch = self.graph.call_function(aten.sym_size.int, (self.image, 0))
            self.batch.meta["val"] = Batch()
            self.order[self.batch] = self.order[self.image]
        node.target, node.args = aten.reshape.default, (node.args[0], [self.batch, *rest])
        node.kwargs = {}
        return True


def _out_of_place(node: fx.Node) -> Any:
    """The functional form of an in-place operator; None where it may be something else."""
    target = cast(torch._ops.OpOverload, node.target)
    packet, overload = target._schema.name.removeprefix("aten::"), target._overloadname
    first, *rest = target._schema.arguments
    if not packet.endswith("_") or any(argument.alias_info for argument in rest):
        return None
    if not node.args or first.alias_info is None:
        return None
    tensors = [value_of(n) for n in node.all_input_nodes]
    if len({t.dtype for t in tensors if isinstance(t, Value)}) != 1:
        return None  # the result keeps the first one's type, where the functional form promotes
    if packet in _COMPARISONS:
        return None  # the functional form gives booleans
    return getattr(getattr(aten, packet[:-1], None), overload, None)
