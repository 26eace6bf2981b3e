"""One way to write each operator: the captured graph without what does nothing in eval mode."""

import operator
from collections.abc import Callable
from typing import Any, cast

from torch import fx

from onebyone.errors import InputError
from onebyone.graphs.aten import (
    CONVOLUTIONS,
    PADDED_BY_NAME,
    TRANSPOSED,
    arguments,
    aten,
    call_after,
    call_before,
    per_axis,
    source_of,
    value_of,
)
from onebyone.graphs.merging import fold_batch_norm, pool_before_relu

Rewrite = Callable[[fx.Graph, fx.Node], fx.Node | None]
_REWRITES: dict[Any, Rewrite] = {}

MEAN, AMAX = aten.mean.dim, aten.amax.default
AVERAGE_POOLS = {1: aten.avg_pool1d.default, 2: aten.avg_pool2d.default, 3: aten.avg_pool3d.default}
MAX_POOLS = {1: aten.max_pool1d.default, 2: aten.max_pool2d.default, 3: aten.max_pool3d.default}


def canonical(graph: fx.Graph) -> None:
    """Rewrite a functional ATen graph in place so that each operator has one form.

    Dropout in eval mode, copies and aliases go; views become `reshape`; one item of a split
    becomes a `slice`, of a pooling with indices the pooling; adaptive pooling that divides evenly
    becomes plain pooling; BatchNorm with running statistics becomes `batch_norm` and folds into
    the convolution before it, computed at call time; max pooling comes before ReLU.

    Raises:
        InputError: dropout or BatchNorm is in training mode.
    """
    for node in list(graph.nodes):
        rewrite = _REWRITES.get(node.target) if node.op == "call_function" else None
        new = rewrite(graph, node) if rewrite else None
        if new is not None and new is not node:
            if new.meta.get("val") is None:
                new.meta = dict(node.meta)
            node.replace_all_uses_with(new)
            graph.erase_node(node)
    graph.eliminate_dead_code()
    for node in list(graph.nodes):
        if node.target is aten.batch_norm.default:
            fold_batch_norm(graph, node)
        elif node.target in MAX_POOLS.values():
            pool_before_relu(graph, node)
    graph.eliminate_dead_code()


def _rewrites(*targets: Any) -> Callable[[Rewrite], Rewrite]:
    def register(rewrite: Rewrite) -> Rewrite:
        _REWRITES.update(dict.fromkeys(targets, rewrite))
        return rewrite

    return register


@_rewrites(
    aten.alias.default,
    aten.clone.default,
    aten.contiguous.default,
    aten.detach.default,
    aten.lift_fresh_copy.default,
)
def _identity(_graph: fx.Graph, node: fx.Node) -> fx.Node:
    return source_of(node)


@_rewrites(aten.dropout.default, aten.feature_dropout.default, aten.alpha_dropout.default)
def _dropout(_graph: fx.Graph, node: fx.Node) -> fx.Node:
    if arguments(node)["train"]:
        raise InputError("model has dropout in training mode; call model.eval() first")
    return source_of(node)


@_rewrites(aten._to_copy.default, aten.to.dtype)
def _copy(_graph: fx.Graph, node: fx.Node) -> fx.Node | None:
    before, after = value_of(source_of(node)), value_of(node)
    same = (before.dtype, before.device) == (after.dtype, after.device)
    return source_of(node) if same else None


@_rewrites(aten.tanh.default, aten.sigmoid.default)
def _of_integers(graph: fx.Graph, node: fx.Node) -> None:
    """Integers become numbers first, so that the operator keeps its input's type."""
    source, dtype = source_of(node), value_of(node).dtype
    if value_of(source).dtype != dtype:
        numbers = call_before(graph, node, aten._to_copy.default, source)
        numbers.kwargs, numbers.meta = {"dtype": dtype}, dict(node.meta)
        node.replace_input_with(source, numbers)


@_rewrites(aten.view.default, aten._unsafe_view.default)
def _view(graph: fx.Graph, node: fx.Node) -> fx.Node:
    return call_before(graph, node, aten.reshape.default, *node.args)


@_rewrites(aten.transpose.int)
def _transpose(graph: fx.Graph, node: fx.Node) -> fx.Node:
    order = list(range(value_of(node).ndim))
    bound = arguments(node)
    i, j = bound["dim0"], bound["dim1"]
    order[i], order[j] = order[j], order[i]
    return call_before(graph, node, aten.permute.default, node.args[0], order)


@_rewrites(aten.slice.Tensor, aten.expand.default)
def _whole(_graph: fx.Graph, node: fx.Node) -> fx.Node | None:
    same = list(value_of(source_of(node)).shape) == list(value_of(node).shape)
    forward = node.target is aten.expand.default or arguments(node)["step"] == 1
    return source_of(node) if same and forward else None


@_rewrites(operator.getitem)
def _item(graph: fx.Graph, node: fx.Node) -> fx.Node | None:
    source, place = source_of(node), cast(int, node.args[1])
    if source.target in _SPLITS:
        return _split_item(graph, source, place)
    first = _FIRST.get(source.target)
    return None if place or first is None else first(graph, source)


def _split_item(graph: fx.Graph, split: fx.Node, place: int) -> fx.Node:
    values, dim = value_of(split), int(arguments(split)["dim"])
    start = sum(int(value.shape[dim]) for value in values[:place])
    stop = start + int(values[place].shape[dim])
    return call_after(graph, split, aten.slice.Tensor, split.args[0], dim, start, stop)


def _norm_item(graph: fx.Graph, norm: fx.Node) -> fx.Node | None:
    bound = arguments(norm)
    if bound.get("training"):
        return None
    names = ("input", "weight", "bias", "running_mean", "running_var")
    image, weight, bias, mean, variance = (bound[name] for name in names)
    return call_after(
        graph, norm, aten.batch_norm.default,
        image, weight, bias, mean, variance, False, bound["momentum"], bound["eps"], True,
    )  # fmt: skip


def _max_pool_item(graph: fx.Graph, pool: fx.Node) -> fx.Node:
    return call_after(graph, pool, MAX_POOLS[value_of(source_of(pool)).ndim - 2], *pool.args)


def _adaptive_max_item(graph: fx.Graph, pool: fx.Node) -> fx.Node | None:
    return _adaptive(graph, pool, AMAX, MAX_POOLS)


def _layer_norm_item(graph: fx.Graph, norm: fx.Node) -> fx.Node:
    return call_after(graph, norm, aten.layer_norm.default, *arguments(norm).values())


_SPLITS = (aten.split.Tensor, aten.split_with_sizes.default, aten.chunk.default)
_FIRST: dict[Any, Rewrite] = {
    aten._native_batch_norm_legit_no_training.default: _norm_item,
    aten.native_batch_norm.default: _norm_item,
    aten.native_layer_norm.default: _layer_norm_item,
    aten.max_pool2d_with_indices.default: _max_pool_item,
    aten.max_pool3d_with_indices.default: _max_pool_item,
    aten.adaptive_max_pool1d.default: _adaptive_max_item,
    aten.adaptive_max_pool2d.default: _adaptive_max_item,
    aten.adaptive_max_pool3d.default: _adaptive_max_item,
}


@_rewrites(
    aten.adaptive_avg_pool1d.default,
    aten.adaptive_avg_pool2d.default,
    aten.adaptive_avg_pool3d.default,
    aten._adaptive_avg_pool2d.default,
    aten._adaptive_avg_pool3d.default,
)
def _adaptive_average(graph: fx.Graph, node: fx.Node) -> fx.Node | None:
    plain = _adaptive(graph, node, MEAN, AVERAGE_POOLS)
    target = getattr(aten, f"adaptive_avg_pool{value_of(node).ndim - 2}d").default
    if plain is None and node.target is not target:
        return call_before(graph, node, target, *node.args)
    return plain


def _adaptive(graph: fx.Graph, node: fx.Node, whole: Any, pools: dict[int, Any]) -> fx.Node | None:
    """Adaptive pooling as plain pooling; None where the bins are not all alike."""
    source = source_of(node)
    sizes = value_of(source).shape[2:]
    counts = per_axis(arguments(node)["output_size"], len(sizes), 1)
    if any(not isinstance(n, int) or n % count for n, count in zip(sizes, counts, strict=True)):
        return None
    if set(counts) == {1}:
        return call_after(graph, node, whole, source, list(range(2, 2 + len(sizes))), True)
    kernel = [n // count for n, count in zip(sizes, counts, strict=True)]
    return call_after(graph, node, pools[len(sizes)], source, kernel, kernel)


@_rewrites(aten.convolution.default)
def _convolution(graph: fx.Graph, node: fx.Node) -> fx.Node:
    image, weight, bias, stride, padding, dilation, transposed, output_padding, groups = node.args
    rank = len(cast(Any, stride))
    more = (output_padding, groups, dilation) if transposed else (dilation, groups)
    target = (TRANSPOSED if transposed else CONVOLUTIONS)[rank - 1]
    return call_before(graph, node, target, image, weight, bias, stride, padding, *more)


@_rewrites(
    aten.upsample_nearest1d.default, aten.upsample_nearest2d.default,
    aten.upsample_nearest3d.default,
)  # fmt: skip
def _upsampling(graph: fx.Graph, node: fx.Node) -> fx.Node:
    image, sizes, *scales = node.args
    rank = len(cast(Any, sizes))
    target = getattr(aten, f"upsample_nearest{rank}d").vec
    known = len(scales) == rank and None not in scales
    return call_before(graph, node, target, image, *((None, scales) if known else (sizes, None)))


@_rewrites(*PADDED_BY_NAME)
def _padding_by_name(graph: fx.Graph, node: fx.Node) -> fx.Node:
    """padding="same" puts the odd one behind, as PyTorch does."""
    bound = arguments(node)
    weight = value_of(bound["weight"])
    rank = weight.ndim - 2
    dilation = per_axis(bound["dilation"], rank, 1)
    totals = [
        d * (k - 1) if bound["padding"] == "same" else 0
        for d, k in zip(dilation, weight.shape[2:], strict=True)
    ]
    image = bound["input"]
    if any(total % 2 for total in totals):
        pads = [p for total in reversed(totals) for p in (0, total % 2)]
        image = call_before(graph, node, aten.constant_pad_nd.default, image, pads)
        shape = list(value_of(bound["input"]).shape)
        shape[2:] = [n + total % 2 for n, total in zip(shape[2:], totals, strict=True)]
        image.meta = {**node.meta, "val": value_of(bound["input"]).sized(shape)}
    return call_before(
        graph, node, CONVOLUTIONS[rank - 1], image, bound["weight"], bound["bias"], bound["stride"],
        [total // 2 for total in totals], list(dilation), bound["groups"],
    )  # fmt: skip


@_rewrites(
    aten._native_batch_norm_legit.default,
    aten._native_batch_norm_legit.no_stats,
    aten._native_batch_norm_legit_functional.default,
    aten.native_batch_norm.default,
)
def _training_norm(_graph: fx.Graph, node: fx.Node) -> None:
    if not arguments(node).get("training", True):
        return
    # InstanceNorm exports so as well, with the batch folded into the channels: that is no mixing.
    if not isinstance(value_of(source_of(node)).shape[0], int):
        raise InputError(
            "model has a BatchNorm that uses the statistics of the batch (training mode, or "
            "track_running_stats=False): its crops would depend on each other"
        )
