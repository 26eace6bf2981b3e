"""Operators that act on each element, also those that look along some axes of all alike."""

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.structure.operators.call import Call, operator, trailing
from onebyone.equivalence.onnx.structure.sizes import ONE, Size
from onebyone.equivalence.onnx.structure.values import Letter, Operand, Value

BOOL = 9


@operator(
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Ceil", "Celu",
    "Clip", "Cos", "Cosh", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish",
    "LeakyRelu", "Log", "Mish", "Mod", "Neg", "Not", "Pow", "PRelu", "Reciprocal",
    "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign",
    "Sqrt", "Div", "Sub", "Tan", "Tanh", "ThresholdedRelu",
)  # fmt: skip
def _elementwise(call: Call) -> Value:
    return broadcast(call)


@operator("Max", "Min", "Sum", "Mean")
def _commutative(call: Call) -> Value:
    return broadcast(call, commutative=True)


@operator(
    "And", "Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Or",
    "Xor",
)  # fmt: skip
def _test(call: Call) -> Value:
    return broadcast(call, element=BOOL)


@operator("Cast")
def _cast(call: Call) -> Value:
    return broadcast(call, element=int(call.attribute("to")))


@operator("Where")
def _where(call: Call) -> Value:
    return broadcast(call, element=call[1].element)


def broadcast(call: Call, *, commutative: bool = False, element: int | None = None) -> Value:
    """An elementwise operator on operands that broadcast from their last axes."""
    given = [value for value in call.inputs if value is not None]
    present = tuple(value is not None for value in call.inputs)
    rank = max(len(value.shape) for value in given)
    return call.table.join(
        call.node.op_type,
        trailing(given),
        range(-rank, 0),
        (call.settings(), present),
        commutative=commutative,
        element=element,
    )


@operator("BatchNormalization")
def _batch_normalization(call: Call) -> Value:
    """Momentum is for the running statistics, which training gives only."""
    if call.version < 9 or call.attribute("training_mode", 0) or len(call.node.outputs) > 1:
        raise Undecided("BatchNormalization that may be in training mode")
    letters = range(len(call[0].shape))
    others = [(call[index], [1]) for index in range(1, 5)]
    return call.table.join(
        "BatchNormalization", [(call[0], letters), *others], letters, call.settings("momentum")
    )


@operator("InstanceNormalization")
def _instance_normalization(call: Call) -> Value:
    letters = range(len(call[0].shape))
    others = [(call[index], [1]) for index in (1, 2)]
    operands = [(call[0], letters), *others]
    return call.table.join(
        "InstanceNormalization", operands, letters, call.settings(), over=letters[2:]
    )


@operator("Softmax", "LogSoftmax", "LpNormalization")
def _softmax(call: Call) -> Value:
    rank = len(call[0].shape)
    old = call.version < 13 and call.node.op_type != "LpNormalization"
    axis = call.axis(1 if old else -1, rank)
    over = range(axis, rank if old else axis + 1)
    operands: list[Operand] = [(call[0], range(rank))]
    name = call.node.op_type
    return call.table.join(name, operands, range(rank), call.settings("axis"), over=over)


@operator("LayerNormalization", "RMSNormalization")
def _layer_normalization(call: Call) -> Value:
    rank = len(call[0].shape)
    over = range(call.axis(-1, rank) - rank, 0)
    given = [value for value in call.inputs if value is not None]
    name = call.node.op_type
    return call.table.join(name, trailing(given), range(-rank, 0), call.settings("axis"), over=over)


@operator("QuantizeLinear", "DequantizeLinear")
def _quantize(call: Call) -> Value:
    """Scale and zero point run along one axis, or along blocks of it."""
    x, scale = call[0], call[1]
    rank = len(x.shape)
    letters: list[Letter] = list(range(rank))
    others: list[Letter] = []
    out = x.shape
    if scale.shape and scale.shape != (ONE,):
        axis = call.axis(1, rank)
        others = [axis]
        if block := call.attribute("block_size", 0):
            others = list(letters)
            count = x.shape[axis].over(Size.of(block))
            if count is None:
                raise Undecided(f"blocks of {block} in an axis of {x.shape[axis]}")
            x = x.reshaped([*x.shape[:axis], count, Size.of(block), *x.shape[axis + 1 :]])
            letters.insert(axis + 1, "block")
    else:
        scale = scale.reshaped([])
    operands: list[Operand] = [(x, letters), (scale, others)]
    element = scale.element
    if call.has(2):
        zero = call[2] if others else call[2].reshaped([])
        operands.append((zero, others))
    if call.node.op_type == "QuantizeLinear":
        element = call[2].element if call.has(2) else 2
        element = call.attribute("output_dtype", 0) or element
    name, kept = call.node.op_type, call.settings("axis", "block_size")
    return call.table.join(name, operands, letters, kept, element=element).reshaped(out)
