"""Operators that only move elements: they change the layout, never the function."""

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.structure.operators.call import Call, operator
from onebyone.equivalence.onnx.structure.sizes import ONE, Size, product
from onebyone.equivalence.onnx.structure.values import Value

OPEN = Size.of(-1)
"""Stands in the target of a reshape for what is left."""


@operator("Identity")
def _identity(call: Call) -> Value:
    return call[0]


@operator("Dropout")
def _dropout(call: Call) -> Value:
    """Nothing, but in training."""
    if call.has(2) or (call.version < 7 and not call.attribute("is_test", 0)):
        raise Undecided("Dropout that may be in training mode")
    return call[0]


@operator("Transpose")
def _transpose(call: Call) -> Value:
    rank = len(call[0].shape)
    return call[0].transposed(call.attribute("perm") or range(rank)[::-1])


@operator("Flatten")
def _flatten(call: Call) -> Value:
    shape = call[0].shape
    axis = call.axis(1, len(shape))
    return call[0].reshaped([product(shape[:axis]), product(shape[axis:])])


@operator("Reshape")
def _reshape(call: Call) -> Value:
    shape = call[0].shape
    target = list(call.sizes(1))
    if not call.attribute("allowzero", 0):
        kept = [*shape, *target[len(shape) :]]
        target = [size if size.terms else old for old, size in zip(kept, target, strict=False)]
    given = product(size for size in target if size != OPEN)
    rest = product(shape).over(given)
    if rest is None:
        raise Undecided(f"a reshape of {product(shape)} elements to a multiple of {given}")
    return call[0].reshaped([rest if size == OPEN else size for size in target])


@operator("Squeeze")
def _squeeze(call: Call) -> Value:
    shape = call[0].shape
    axes = call.setting("axes", 1, since=13)
    if axes is None:
        unknown = [size for size in shape if size.known is None]
        if unknown:
            raise Undecided(f"Squeeze of axes that are not named, one of size {unknown[0]}")
        gone = {axis for axis, size in enumerate(shape) if size == ONE}
    else:
        gone = {axis % len(shape) for axis in axes}
    return call[0].reshaped([size for axis, size in enumerate(shape) if axis not in gone])


@operator("Unsqueeze")
def _unsqueeze(call: Call) -> Value:
    axes = call.setting("axes", 1, since=13) or ()
    target = list(call[0].shape)
    rank = len(target) + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        target.insert(axis, ONE)
    return call[0].reshaped(target)


@operator("DepthToSpace")
def _depth_to_space(call: Call) -> Value:
    n, c, h, w = call[0].shape
    block = Size.of(call.attribute("blocksize"))
    depth = c.over(block * block)
    if depth is None:
        raise Undecided(f"DepthToSpace of {c} channels")
    first = call.attribute("mode", "DCR") == "DCR"
    cut = [n, block, block, depth, h, w] if first else [n, depth, block, block, h, w]
    order = [0, 3, 4, 1, 5, 2] if first else [0, 1, 4, 2, 5, 3]
    return call[0].reshaped(cut).transposed(order).reshaped([n, depth, h * block, w * block])


@operator("SpaceToDepth")
def _space_to_depth(call: Call) -> Value:
    n, c, h, w = call[0].shape
    block = Size.of(call.attribute("blocksize"))
    rows, columns = h.over(block), w.over(block)
    if rows is None or columns is None:
        raise Undecided(f"SpaceToDepth of {h} by {w}")
    cut = call[0].reshaped([n, c, rows, block, columns, block])
    return cut.transposed([0, 3, 5, 1, 2, 4]).reshaped([n, c * block * block, rows, columns])
