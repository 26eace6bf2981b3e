"""Many elements to one: reductions, and kernels that slide."""

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.structure.operators.call import Call, operator
from onebyone.equivalence.onnx.structure.operators.kernels import kernels
from onebyone.equivalence.onnx.structure.operators.slices import sliced
from onebyone.equivalence.onnx.structure.sizes import ONE, Size
from onebyone.equivalence.onnx.structure.values import Letter, Value


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


@operator("GlobalAveragePool", "GlobalMaxPool")
def _global(call: Call) -> Value:
    name = "ReduceMax" if call.node.op_type == "GlobalMaxPool" else "ReduceMean"
    return reduced(call, name, set(range(2, len(call[0].shape))), keep=True)


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
    value, lengths = call[0], call.attribute("kernel_shape")
    if call.attribute("auto_pad", "NOTSET") != "NOTSET" or call.attribute("ceil_mode", 0):
        raise Undecided(f"{call.node.op_type} whose padding depends on sizes")
    sides = kernels(call, lengths)
    if call.node.op_type != "LpPool" and not any(
        kernel.length > 1 or kernel.before or kernel.after for kernel in sides
    ):
        for axis, kernel in enumerate(sides, 2):
            value = sliced(call, value, axis, step=kernel.stride)
        return value
    letters: list[Letter] = list(range(len(value.shape)))
    fresh: dict[Letter, Size] = {
        f"o{axis}": kernel.places(value.shape[axis]) for axis, kernel in enumerate(sides, 2)
    }
    return call.table.join(
        call.node.op_type,
        [(value, letters)],
        [*letters[:2], *fresh],
        call.settings(),
        ordered=letters[2:],
        fresh=fresh,
    )
