"""Operators that act along one axis in order: slices, padding, concatenation, reductions."""

from collections.abc import Sequence
from typing import Any

from onebyone.rewriting.check.call import Call, operator
from onebyone.rewriting.check.sizes import ONE, Size, Undecided, derived
from onebyone.rewriting.check.values import Letter, Value


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
    size = value.shape[axis]
    known = size.known
    longer = derived(f"({size}+{before + after})", known and known + before + after)
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
        start, count = (places.start if len(places) else 0), Size(len(places))
    elif start < 0 or step < 0 or stop is not None:
        raise Undecided(f"a slice of an axis of {size}")
    elif (start, step) == (0, 1):
        return value
    else:
        count = derived(f"⌈({size}-{start})/{step}⌉", None)
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
        end = None if stop * step >= 2**31 - 1 else stop  # to the end, whichever way
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
    return array is not None and not array.any()


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
    sizes = [value.shape[axis] for value in values]
    numbers = [size.known for size in sizes]
    total = None if None in numbers else sum(number or 0 for number in numbers)
    return call.table.join(
        "Concat",
        operands,
        out,
        ordered=[("part", index) for index in range(len(values))],
        fresh={"new": derived("(" + "+".join(map(str, sizes)) + ")", total)},
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
        return call[0]
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


@operator("MaxPool", "AveragePool")
def _pool(call: Call) -> Value:
    """A pooling of one element is a stride; any other is read as it lies."""
    kernel = call.attribute("kernel_shape")
    plain = set(kernel) == {1} and not any(call.attribute("pads") or [])
    if not plain or len(call.node.outputs) > 1 or call.attribute("auto_pad", "NOTSET") != "NOTSET":
        raise Undecided(f"{call.node.op_type} of several elements")
    value = call[0]
    for axis, stride in enumerate(call.attribute("strides") or [1] * len(kernel), 2):
        value = strided(call, value, axis, stride)
    return value
