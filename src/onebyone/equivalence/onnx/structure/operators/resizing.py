"""Operators that make axes, or stretch them."""

import onnx_ir as ir

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.structure.operators.call import Call, operator
from onebyone.equivalence.onnx.structure.sizes import ONE, Size
from onebyone.equivalence.onnx.structure.values import Letter, Value


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


def stretched(size: Size, scale: float) -> Size:
    """A size times a scale, rounded down."""
    if scale.is_integer():
        return size * int(scale)
    known = size.known
    return Size.of(f"⌊({size})·{scale}⌋" if known is None else int(known * scale))
