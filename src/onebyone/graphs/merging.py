"""Operators of a canonical graph that are cheaper together, or in another order."""

from typing import Any

from torch import fx

from onebyone.graphs.aten import (
    CONVOLUTIONS,
    arguments,
    aten,
    call_after,
    call_before,
    per_axis,
    source_of,
    value_of,
)
from onebyone.graphs.value import Value


def fold_batch_norm(graph: fx.Graph, norm: fx.Node) -> None:
    """Scale the weights of the convolution before a BatchNorm, from the live parameters."""
    conv, weight, bias, mean, variance, _, _, eps, _ = norm.args
    if not isinstance(conv, fx.Node) or conv.target not in CONVOLUTIONS or len(conv.users) > 1:
        return
    kernel = value_of(conv.args[1])  # type: ignore[arg-type]  # a convolution's weight
    like = value_of(mean)  # type: ignore[arg-type]  # a buffer
    flat = [-1] + [1] * (kernel.ndim - 1)

    def emit(target: Any, *args: Any, val: Value = like) -> fx.Node:
        made = call_before(graph, norm, target, *args)
        made.meta["val"] = val
        return made

    scale = emit(aten.rsqrt.default, emit(aten.add.Scalar, variance, eps))
    scale = emit(aten.mul.Tensor, scale, weight) if weight is not None else scale
    column = emit(aten.reshape.default, scale, flat, val=like.sized((like.shape[0], *flat[1:])))
    folded = emit(aten.mul.Tensor, conv.args[1], column, val=kernel)
    own = arguments(conv)["bias"]
    centre = emit(aten.sub.Tensor, own, mean) if own is not None else emit(aten.neg.default, mean)
    shift = emit(aten.mul.Tensor, centre, scale)
    shift = emit(aten.add.Tensor, shift, bias) if bias is not None else shift
    merged = call_before(graph, norm, conv.target, conv.args[0], folded, shift, *conv.args[3:])
    merged.meta = dict(conv.meta)
    norm.replace_all_uses_with(merged)
    graph.erase_node(norm)
    graph.erase_node(conv)


def pool_before_relu(graph: fx.Graph, pool: fx.Node) -> None:
    """The largest of numbers that ReLU has passed is what it makes of the largest: bit by bit."""
    relu = source_of(pool)
    dilated = set(per_axis(arguments(pool)["dilation"], value_of(pool).ndim - 2, 1)) != {1}
    # A dilated pooling may see padding alone.
    if relu.target is not aten.relu.default or len(relu.users) > 1 or dilated:
        return
    after = call_after(graph, pool, aten.relu.default, pool)
    after.meta = {**relu.meta, "val": value_of(pool)}
    pool.replace_all_uses_with(after, lambda user: user is not after)
    pool.replace_input_with(relu, source_of(relu))
