"""Operators that act along one axis in order: slices, padding, concatenation, reductions."""

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.call import Call, operator
from onebyone.equivalence.onnx.sizes import ONE, Size
from onebyone.equivalence.onnx.values import Letter, Value


def along(
    call: Call, name: str, value: Value, axis: int, size: Size, attributes: tuple[Any, ...]
) -> Value:
    """An operator that reads one axis in order and gives one of another size in its place."""
    letters: list[Letter] = list(range(len(value.shape)))
    out = [*letters[:axis], "new", *letters[axis + 1 :]]
    return call.table.join(
        name, [(value, letters)], out, attributes, ordered=[axis], fresh={"new": size}
    )


def padded(call: Call, value: Value, axis: int, before: int, after: int) -> Value:
    """Zeros before and after one axis."""
    if before == after == 0:
        return value
    longer = value.shape[axis] + (before + after)
    return along(call, "zeros", value, axis, longer, (before, after))


def strided(call: Call, value: Value, axis: int, step: int) -> Value:
    """Every `step`-th element of one axis."""
    return sliced(call, value, axis, 0, None, step)


def sliced(call: Call, value: Value, axis: int, start: int, stop: int | None, step: int) -> Value:
    """A slice of one axis; `stop` is None where it goes to the end."""
    size = value.shape[axis]
    known = size.known
    if known is not None:
        places = range(known)[start:stop:step]
        if places == range(known):
            return value
        start, count = (places.start if len(places) else 0), Size.of(len(places))
    elif start < 0 or step < 0 or stop is not None:
        raise Undecided(f"a slice of an axis of {size}")
    elif (start, step) == (0, 1):
        return value
    elif start == 0:
        count = (size + (step - 1)).floored(step)
    else:
        count = Size.of(f"max(0, ⌈({size}-{start})/{step}⌉)")
    return along(call, "slice", value, axis, count, (start, step))


@operator("Slice")
def _slice(call: Call) -> Value:
    if call.version < 10:
        starts, stops = call.attribute("starts"), call.attribute("ends")
        axes, steps = call.attribute("axes"), None
    else:
        starts, stops = call.integers(1), call.integers(2)
        axes = call.integers(3) if call.has(3) else None
        steps = call.integers(4) if call.has(4) else None
    value = call[0]
    rank = len(value.shape)
    places = range(len(starts)) if axes is None else axes
    for axis, start, stop, step in zip(
        places, starts, stops, steps or [1] * len(starts), strict=True
    ):
        beyond = stop >= 2**31 - 1 if step > 0 else stop <= 1 - 2**31
        end = None if beyond else stop  # to the end, whichever way
        value = sliced(call, value, axis % rank, start, end, step)
    return value


@operator("Pad")
def _pad(call: Call) -> Value:
    value = call[0]
    rank = len(value.shape)
    zero = not call.has(2) or _is_zero(call[2])
    if call.attribute("mode", "constant") != "constant" or not zero or call.version < 11:
        raise Undecided("Pad with anything but zeros")
    axes = call.integers(3) if call.has(3) else range(rank)
    pads = call.integers(1)
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        value = padded(call, value, axis % rank, before, after)
    return value


def _is_zero(value: Value) -> bool:
    array = getattr(value.function, "array", None)
    return array is not None and not any(array.tobytes())  # −0.0 is another number


@operator("Concat")
def _concat(call: Call) -> Value:
    rank = len(call[0].shape)
    axis = call.axis(0, rank)
    values = [call[index] for index in range(len(call.inputs))]
    operands = []
    for index, value in enumerate(values):
        letters: list[Letter] = list(range(rank))
        letters[axis] = ("part", index)
        operands.append((value, letters))
    out: list[Letter] = list(range(rank))
    out[axis] = "new"
    total = sum((value.shape[axis] for value in values), Size())
    return call.table.join(
        "Concat",
        operands,
        out,
        ordered=[("part", index) for index in range(len(values))],
        fresh={"new": total},
    )


@operator("Split")
def _split(call: Call) -> list[Value]:
    value = call[0]
    axis = call.axis(0, len(value.shape))
    sizes = call.setting("split", 1, since=13)
    if sizes is None:
        known = value.shape[axis].known
        if known is None:
            raise Undecided(f"Split of an axis of {value.shape[axis]}")
        count = call.attribute("num_outputs") or len(call.node.outputs)
        each = -(-known // count)
        sizes = tuple(min(each, known - each * index) for index in range(count))
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    return [
        sliced(call, value, axis, start, start + size, 1)
        for start, size in zip(starts, sizes, strict=True)
    ]


@operator("Gather")
def _gather(call: Call) -> Value:
    """A slice of one place; any other gathering is read as it lies."""
    value = call[0]
    axis = call.axis(0, len(value.shape))
    if value.constant or call.inputs[1] is None or call[1].shape not in ((), (ONE,)):
        raise Undecided("Gather of several places")
    place = call.integers(1)[0]
    stop = place + 1 or None
    one = sliced(call, value, axis, place, stop, 1)
    return one if call[1].shape else one.reshaped(_without(value.shape, axis))


def _without(shape: Sequence[Size], axis: int) -> list[Size]:
    return [size for index, size in enumerate(shape) if index != axis]


@operator(
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
    "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare",
)  # fmt: skip
def _reduction(call: Call) -> Value:
    rank = len(call[0].shape)
    axes = call.setting("axes", 1, since=13 if call.node.op_type == "ReduceSum" else 18)
    if not axes and call.attribute("noop_with_empty_axes", 0):
        raise Undecided(f"{call.node.op_type} of no axes")
    gone = {axis % rank for axis in axes} if axes else set(range(rank))
    return reduced(call, call.node.op_type, gone, bool(call.attribute("keepdims", 1)))


@operator("GlobalAveragePool")
def _global_average(call: Call) -> Value:
    return reduced(call, "ReduceMean", set(range(2, len(call[0].shape))), keep=True)


@operator("GlobalMaxPool")
def _global_maximum(call: Call) -> Value:
    return reduced(call, "ReduceMax", set(range(2, len(call[0].shape))), keep=True)


def reduced(call: Call, name: str, gone: set[int], keep: bool) -> Value:
    """A reduction in which the order of the elements does not matter."""
    value = call[0]
    letters = range(len(value.shape))
    kept = [letter for letter in letters if letter not in gone]
    result = call.table.join(name, [(value, letters)], kept)
    if not keep:
        return result
    return result.reshaped([ONE if a in gone else s for a, s in enumerate(value.shape)])


@operator("MaxPool", "AveragePool", "LpPool")
def _pool(call: Call) -> Value:
    """A kernel that slides over each channel alike; of one element it is a stride."""
    value, kernel = call[0], call.attribute("kernel_shape")
    rank = len(kernel)
    pads = call.attribute("pads") or [0] * 2 * rank
    strides = call.attribute("strides") or [1] * rank
    dilations = call.attribute("dilations") or [1] * rank
    if call.attribute("auto_pad", "NOTSET") != "NOTSET" or call.attribute("ceil_mode", 0):
        raise Undecided(f"{call.node.op_type} whose padding depends on sizes")
    if call.node.op_type != "LpPool" and set(kernel) == {1} and not any(pads):
        for axis, stride in enumerate(strides, 2):
            value = strided(call, value, axis, stride)
        return value
    letters: list[Letter] = list(range(rank + 2))
    ends = zip(value.shape[2:], kernel, dilations, pads[:rank], pads[rank:], strides, strict=True)
    fresh: dict[Letter, Size] = {
        f"o{axis}": slid(size, dilation * (length - 1) + 1, before + after, stride)
        for axis, (size, length, dilation, before, after, stride) in enumerate(ends)
    }
    return call.table.join(
        call.node.op_type,
        [(value, letters)],
        [*letters[:2], *fresh],
        call.settings(),
        ordered=letters[2:],
        fresh=fresh,
    )


@operator("ConstantOfShape")
def _filled(call: Call) -> Value:
    fresh: dict[Letter, Size] = dict(enumerate(call.sizes(0)))
    if not fresh:
        raise Undecided("ConstantOfShape of one number")
    value = call.attribute("value")
    element = int(ir.DataType.FLOAT if value is None else value.dtype)
    settled = call.settings()
    return call.table.join("ConstantOfShape", [], [*fresh], settled, fresh=fresh, element=element)


@operator("Expand")
def _expanded(call: Call) -> Value:
    """New axes, and axes of one element, along which all elements are the same."""
    value, target = call[0], call.sizes(1)
    rank = max(len(value.shape), len(target))
    letters = range(rank - len(value.shape), rank)
    old = dict(zip(letters, value.shape, strict=True))
    fresh: dict[Letter, Size] = {}
    for axis, size in enumerate(target, rank - len(target)):
        here = old.get(axis, ONE)
        if here == ONE != size:
            fresh[axis] = size
        elif size not in (here, ONE):
            raise Undecided(f"Expand of an axis of {here} to {size}")
    if not fresh:
        return value.reshaped([old.get(axis, ONE) for axis in range(rank)])
    kept = [axis if axis not in fresh else ("one", axis) for axis in letters]
    return call.table.join("Expand", [(value, kept)], range(rank), fresh=fresh)


@operator("Resize")
def _resize(call: Call) -> Value:
    """Axes that keep their size are not mixed."""
    value, settled = call[0], call.settings()
    named = {name for name, _, _ in settled}
    mode = call.attribute("coordinate_transformation_mode", "half_pixel")
    scales = call.inputs[2] if call.has(2) and not call.has(3) else None
    held = None if scales is None else getattr(scales.function, "array", None)
    if held is None or len(held) != len(value.shape) or mode == "tf_crop_and_resize":
        raise Undecided("Resize to sizes")
    if call.version < 11 or named & {"axes", "keep_aspect_ratio_policy"}:
        raise Undecided("Resize of some axes")
    letters: list[Letter] = list(range(len(value.shape)))
    scaled = {axis: float(scale) for axis, scale in enumerate(held) if scale != 1}
    fresh: dict[Letter, Size] = {
        f"o{axis}": stretched(value.shape[axis], scale) for axis, scale in scaled.items()
    }
    out = [f"o{axis}" if axis in scaled else axis for axis in letters]
    attributes = (settled, tuple(scaled.values()))
    return call.table.join(
        "Resize", [(value, letters)], out, attributes, ordered=list(scaled), fresh=fresh
    )


def slid(size: Size, extent: int, padding: int, stride: int) -> Size:
    """How many places a kernel has."""
    return (size + (padding - extent)).floored(stride) + 1


def stretched(size: Size, scale: float) -> Size:
    """A size times a scale, rounded down."""
    if scale.is_integer():
        return size * int(scale)
    known = size.known
    return Size.of(f"⌊({size})·{scale}⌋" if known is None else int(known * scale))
