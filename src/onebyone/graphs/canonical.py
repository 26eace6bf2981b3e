"""One way to write each operator: the captured graph without what does nothing in eval mode."""

import operator
from collections.abc import Callable
from typing import Any, cast

from torch import fx

from onebyone.errors import InputError
from onebyone.graphs.aten import arguments, aten, inputs_of, per_axis, value_of
from onebyone.graphs.value import Value

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
            _fold_batch_norm(graph, node)
        elif node.target in MAX_POOLS.values():
            _pool_before_relu(graph, node)
    graph.eliminate_dead_code()


def _rewrites(*targets: Any) -> Callable[[Rewrite], Rewrite]:
    def register(rewrite: Rewrite) -> Rewrite:
        _REWRITES.update(dict.fromkeys(targets, rewrite))
        return rewrite

    return register


def _before(graph: fx.Graph, node: fx.Node, target: Any, *args: Any) -> fx.Node:
    with graph.inserting_before(node):
        return graph.call_function(target, args)


def _source(node: fx.Node) -> fx.Node:
    return next(inputs_of(node))


@_rewrites(
    aten.alias.default,
    aten.clone.default,
    aten.contiguous.default,
    aten.detach.default,
    aten.lift_fresh_copy.default,
)
def _identity(_graph: fx.Graph, node: fx.Node) -> fx.Node:
    return _source(node)


@_rewrites(aten.dropout.default, aten.feature_dropout.default, aten.alpha_dropout.default)
def _dropout(_graph: fx.Graph, node: fx.Node) -> fx.Node:
    if arguments(node)["train"]:
        raise InputError("model has dropout in training mode; call model.eval() first")
    return _source(node)


@_rewrites(aten._to_copy.default, aten.to.dtype)
def _copy(_graph: fx.Graph, node: fx.Node) -> fx.Node | None:
    before, after = value_of(_source(node)), value_of(node)
    same = (before.dtype, before.device) == (after.dtype, after.device)
    return _source(node) if same else None


@_rewrites(aten.tanh.default, aten.sigmoid.default)
def _of_integers(graph: fx.Graph, node: fx.Node) -> None:
    """Integers become numbers first, so that the operator keeps its input's type."""
    source, dtype = _source(node), value_of(node).dtype
    if value_of(source).dtype != dtype:
        numbers = _before(graph, node, aten._to_copy.default, source)
        numbers.kwargs, numbers.meta = {"dtype": dtype}, dict(node.meta)
        node.replace_input_with(source, numbers)


@_rewrites(aten.view.default, aten._unsafe_view.default)
def _view(graph: fx.Graph, node: fx.Node) -> fx.Node:
    return _before(graph, node, aten.reshape.default, *node.args)


@_rewrites(aten.transpose.int)
def _transpose(graph: fx.Graph, node: fx.Node) -> fx.Node:
    order = list(range(value_of(node).ndim))
    bound = arguments(node)
    i, j = bound["dim0"], bound["dim1"]
    order[i], order[j] = order[j], order[i]
    return _before(graph, node, aten.permute.default, node.args[0], order)


@_rewrites(aten.slice.Tensor, aten.expand.default)
def _whole(_graph: fx.Graph, node: fx.Node) -> fx.Node | None:
    same = list(value_of(_source(node)).shape) == list(value_of(node).shape)
    forward = node.target is aten.expand.default or arguments(node)["step"] == 1
    return _source(node) if same and forward else None


@_rewrites(operator.getitem)
def _item(graph: fx.Graph, node: fx.Node) -> fx.Node | None:
    source, place = _source(node), cast(int, node.args[1])
    several = _ITEMS.get(source.target)
    return several(graph, source, place) if several else None


def _split_item(graph: fx.Graph, split: fx.Node, place: int) -> fx.Node:
    values, dim = value_of(split), int(arguments(split)["dim"])
    start = sum(int(value.shape[dim]) for value in values[:place])
    stop = start + int(values[place].shape[dim])
    return _after(graph, split, aten.slice.Tensor, split.args[0], dim, start, stop)


def _norm_item(graph: fx.Graph, norm: fx.Node, place: int) -> fx.Node | None:
    if place != 0:
        return None
    image, weight, bias, mean, variance, momentum, eps = norm.args
    return _after(
        graph, norm, aten.batch_norm.default,
        image, weight, bias, mean, variance, False, momentum, eps, True,
    )  # fmt: skip


def _max_pool_item(graph: fx.Graph, pool: fx.Node, place: int) -> fx.Node | None:
    rank = value_of(_source(pool)).ndim - 2
    return None if place else _after(graph, pool, MAX_POOLS[rank], *pool.args)


def _adaptive_max_item(graph: fx.Graph, pool: fx.Node, place: int) -> fx.Node | None:
    return None if place else _adaptive(graph, pool, AMAX, MAX_POOLS)


def _after(graph: fx.Graph, node: fx.Node, target: Any, *args: Any) -> fx.Node:
    with graph.inserting_after(node):
        return graph.call_function(target, args)


def _layer_norm_item(graph: fx.Graph, norm: fx.Node, place: int) -> fx.Node | None:
    bound = arguments(norm)
    names = ("input", "normalized_shape", "weight", "bias", "eps")
    args = [bound[name] for name in names]
    return None if place else _after(graph, norm, aten.layer_norm.default, *args)


def _plain_norm_item(graph: fx.Graph, norm: fx.Node, place: int) -> fx.Node | None:
    image, weight, bias, mean, variance, training, momentum, eps = norm.args
    if place or training:
        return None
    return _after(
        graph, norm, aten.batch_norm.default,
        image, weight, bias, mean, variance, False, momentum, eps, True,
    )  # fmt: skip


_ITEMS: dict[Any, Callable[[fx.Graph, fx.Node, int], fx.Node | None]] = {
    aten.split.Tensor: _split_item,
    aten.split_with_sizes.default: _split_item,
    aten.chunk.default: _split_item,
    aten._native_batch_norm_legit_no_training.default: _norm_item,
    aten.native_batch_norm.default: _plain_norm_item,
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
        return _before(graph, node, target, *node.args)
    return plain


def _adaptive(graph: fx.Graph, node: fx.Node, whole: Any, pools: dict[int, Any]) -> fx.Node | None:
    """Adaptive pooling as plain pooling; None where the bins are not all alike."""
    source = _source(node)
    sizes = value_of(source).shape[2:]
    counts = per_axis(arguments(node)["output_size"], len(sizes), 1)
    if any(not isinstance(n, int) or n % count for n, count in zip(sizes, counts, strict=True)):
        return None
    if set(counts) == {1}:
        return _after(graph, node, whole, source, list(range(2, 2 + len(sizes))), True)
    kernel = [n // count for n, count in zip(sizes, counts, strict=True)]
    return _after(graph, node, pools[len(sizes)], source, kernel, kernel)


@_rewrites(aten.convolution.default)
def _convolution(graph: fx.Graph, node: fx.Node) -> fx.Node:
    image, weight, bias, stride, padding, dilation, transposed, output_padding, groups = node.args
    rank = len(cast(Any, stride))
    if not transposed:
        target = getattr(aten, f"conv{rank}d").default
        return _before(graph, node, target, image, weight, bias, stride, padding, dilation, groups)
    packet = getattr(aten, f"conv_transpose{rank}d")
    return _before(
        graph, node, packet.default if rank == 1 else packet.input,
        image, weight, bias, stride, padding, output_padding, groups, dilation,
    )  # fmt: skip


@_rewrites(
    aten.upsample_nearest1d.default, aten.upsample_nearest2d.default,
    aten.upsample_nearest3d.default,
)  # fmt: skip
def _upsampling(graph: fx.Graph, node: fx.Node) -> fx.Node:
    image, sizes, *scales = node.args
    rank = len(cast(Any, sizes))
    target = getattr(aten, f"upsample_nearest{rank}d").vec
    known = len(scales) == rank and None not in scales
    return _before(graph, node, target, image, *((None, scales) if known else (sizes, None)))


@_rewrites(aten.conv1d.padding, aten.conv2d.padding, aten.conv3d.padding)
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
        image = _before(graph, node, aten.constant_pad_nd.default, image, pads)
        shape = list(value_of(bound["input"]).shape)
        shape[2:] = [n + total % 2 for n, total in zip(shape[2:], totals, strict=True)]
        image.meta = {**node.meta, "val": value_of(bound["input"]).sized(shape)}
    target = getattr(aten, f"conv{rank}d").default
    return _before(
        graph, node, target, image, bound["weight"], bound["bias"], bound["stride"],
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
    if not isinstance(value_of(_source(node)).shape[0], int):
        raise InputError(
            "model has a BatchNorm that uses the statistics of the batch (training mode, or "
            "track_running_stats=False): its crops would depend on each other"
        )


def _fold_batch_norm(graph: fx.Graph, norm: fx.Node) -> None:
    """Scale the weights of the convolution before a BatchNorm, from the live parameters."""
    conv, weight, bias, mean, variance, _, _, eps, _ = norm.args
    if not isinstance(conv, fx.Node) or conv.target not in _CONVOLUTIONS or len(conv.users) > 1:
        return
    kernel = value_of(conv.args[1])  # type: ignore[arg-type]  # a convolution's weight
    like = value_of(mean)  # type: ignore[arg-type]  # a buffer
    flat = [-1] + [1] * (kernel.ndim - 1)

    def emit(target: Any, *args: Any, val: Value = like) -> fx.Node:
        made = _before(graph, norm, target, *args)
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
    merged = _before(
        graph, norm, conv.target, conv.args[0], folded, shift, *conv.args[3:],
    )  # fmt: skip
    merged.meta = dict(conv.meta)
    norm.replace_all_uses_with(merged)
    graph.erase_node(norm)
    graph.erase_node(conv)


def _pool_before_relu(graph: fx.Graph, pool: fx.Node) -> None:
    """The largest of numbers that ReLU has passed is what it makes of the largest: bit by bit."""
    relu = _source(pool)
    dilated = set(per_axis(arguments(pool)["dilation"], value_of(pool).ndim - 2, 1)) != {1}
    # A dilated pooling may see padding alone.
    if relu.target is not aten.relu.default or len(relu.users) > 1 or dilated:
        return
    after = _after(graph, pool, aten.relu.default, pool)
    after.meta = {**relu.meta, "val": value_of(pool)}
    pool.replace_all_uses_with(after, lambda user: user is not after)
    pool.replace_input_with(relu, _source(relu))


_CONVOLUTIONS = (aten.conv1d.default, aten.conv2d.default, aten.conv3d.default)
