"""Operators that act along one axis in order: slices, padding, concatenation."""

from typing import Any

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.structure.operators.call import Call, operator
from onebyone.equivalence.onnx.structure.sizes import ONE, Size
from onebyone.equivalence.onnx.structure.values import Letter, Value


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


def sliced(
    call: Call, value: Value, axis: int, start: int = 0, stop: int | None = None, step: int = 1
) -> Value:
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
    parts = [("part", index) for index in range(len(values))]

    def letters(own: Letter) -> list[Letter]:
        return [*range(axis), own, *range(axis + 1, rank)]

    operands = [(value, letters(part)) for value, part in zip(values, parts, strict=True)]
    fresh: dict[Letter, Size] = {"new": sum((value.shape[axis] for value in values), Size())}
    return call.table.join("Concat", operands, letters("new"), ordered=parts, fresh=fresh)


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
        sliced(call, value, axis, start, start + size)
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
    one = sliced(call, value, axis, place, place + 1 or None)
    rest = [*value.shape[:axis], *value.shape[axis + 1 :]]
    return one if call[1].shape else one.reshaped(rest)
