"""Operators that compute the same with the axes of their input moved, and how they follow."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from onebyone.rewriting.moves import Move
from onebyone.rewriting.onnx import layer_norm
from onebyone.rewriting.onnx.editor import Editor, integers, source
from onebyone.rewriting.onnx.names import turned
from onebyone.rewriting.onnx.relabelled import RelabelledTensor
from onebyone.rewriting.onnx.value_sizes import Sizes, sizes_of, tensor_shape
from onebyone.rewriting.relabelling import of_move

Form = Callable[[Sizes], Move | None]

_ELEMENTWISE = """
Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor
Cast Ceil Celu Clip Cos Cosh Div Dropout Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual
HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul
Neg Not Or PRelu Pow Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt
Sub Sum Swish Tan Tanh ThresholdedRelu Where Xor
"""
_REDUCTIONS = "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare"
_BY_AXIS = {"Concat": 1, "Softmax": -1, "LogSoftmax": -1, "Hardmax": -1, "Split": 0}
_QUANTISERS = frozenset({"QuantizeLinear", "DequantizeLinear"})


def form_of(value: ir.Value, form: Form) -> Move | None:
    """The move that brings a value into its other form; None where it has none."""
    sizes = sizes_of(value)
    return None if sizes is None else form(sizes)


@dataclass(frozen=True, eq=False)
class Flexible:
    """An operator that may run on moved values.

    Attributes:
        node: the operator.
        move: of its values.
        data: places of the inputs that move with it.
        constants: places of the inputs that broadcast against them.
        axis: that it runs along then, if it has one.
        axes: the same, where it has several.
        place: of the input that says them in newer opsets.
    """

    node: ir.Node
    move: Move
    data: tuple[int, ...]
    constants: tuple[int, ...] = ()
    axis: int | None = None
    axes: tuple[int, ...] = ()
    place: int = 0

    def follow(self, editor: Editor, made: dict[tuple[ir.Value, Move], ir.Value]) -> None:
        """Adapt axes and constants to the move; the data inputs are the caller's.

        Constants that were moved are in `made`, for whoever else reads them.
        """
        node = self.node
        for place in self.constants:
            value = source(node, place)
            key = (value, self.move)
            if key not in made:
                made[key] = _moved_constant(editor, value, self.move)
            node.replace_input_with(place, made[key])
        if self.axis is not None and node.op_type == layer_norm.OPERATOR:
            layer_norm.write_out(editor, node, self.axis)
        elif self.axis is not None:
            node.attributes["axis"] = ir.AttrInt64("axis", self.axis)
        elif self.axes and "axes" in node.attributes:
            node.attributes["axes"] = ir.AttrInt64s("axes", self.axes)
        elif self.axes:
            value = source(node, self.place)
            dtype = np.int32 if value.dtype == ir.DataType.INT32 else np.int64
            axes = editor.numbers(np.array(self.axes, dtype), turned(value.name, editor.order))
            node.replace_input_with(self.place, axes)


def read_flexible(node: ir.Node, form: Form, opset: int) -> Flexible | None:
    """How an operator follows the form that its values would take; None where it cannot."""
    if node.domain and node.op_type not in _QUANTISERS:
        return None
    if opset < 13 and node.op_type in {"Softmax", "LogSoftmax", "Hardmax"}:
        return None  # it flattened what followed its axis
    sizes = sizes_of(node.outputs[0])
    move = None if sizes is None else form(sizes)
    if move is None:
        return None
    reader = _READERS.get(node.op_type)
    found = None if reader is None else reader(node, move)
    if found is None or not found.data:
        return None
    theirs = [sizes_of(v) for v in (*(node.inputs[k] for k in found.data), *node.outputs)]
    fit = (its is not None and form(its) == move and len(its) == move.rank for its in theirs)
    return found if all(fit) else None


def _along(
    node: ir.Node,
    move: Move,
    axis: int,
    data: tuple[int, ...] = (0,),
    constants: tuple[int, ...] = (),
) -> Flexible | None:
    """An operator along one axis, by default this one."""
    moved = move.carry(node.attributes.get_int("axis", axis))
    return None if moved is None else Flexible(node, move, data, constants, axis=moved)


def _quantiser(node: ir.Node, move: Move) -> Flexible | None:
    scale = sizes_of(node.inputs[1])
    if scale is not None and scale in {(), (1,)}:
        return Flexible(node, move, (0,))
    return _along(node, move, 1) if scale is not None and len(scale) == 1 else None


def _by_axis(node: ir.Node, move: Move) -> Flexible | None:
    data = tuple(range(len(node.inputs))) if node.op_type == "Concat" else (0,)
    return _along(node, move, _BY_AXIS[node.op_type], data)


def _batch_norm(node: ir.Node, move: Move) -> Flexible | None:
    """Its channels are the second axis, wherever it runs."""
    stays = move.rank > 1 and move.axes[:2] == (0, 1)
    return Flexible(node, move, (0,)) if stays and len(node.outputs) == 1 else None


def _layer_norm(node: ir.Node, move: Move) -> Flexible | None:
    """Over the last axis only, in single precision, its scale and bias constant."""
    values = [value for value in node.inputs if value is not None]
    rank = len(sizes_of(values[0]) or ())
    plain = node.attributes.get_int("axis", -1) in {-1, rank - 1} and len(node.outputs) == 1
    tensors = [constant(value) for value in values[1:]]
    single = all(t is not None and t.dtype == ir.DataType.FLOAT for t in tensors)
    places = tuple(range(1, len(values)))
    return _along(node, move, -1, (0,), places) if plain and single else None


def constant(value: ir.Value) -> ir.TensorProtocol | None:
    """The numbers of a value that no run changes."""
    if value.is_graph_input():
        return None
    producer = value.producer()
    if producer is not None and producer.op_type == "Identity" and producer.inputs[0] is not None:
        return constant(producer.inputs[0])
    return ir.convenience.get_const_tensor(value)


def _elementwise(node: ir.Node, move: Move) -> Flexible | None:
    data, constants = [], []
    for place, value in enumerate(node.inputs):
        sizes = sizes_of(value)
        if value is None or sizes == ():
            continue
        if sizes is None:
            return None
        if constant(value) is not None:
            if any(size != 1 for size in sizes) or len(sizes) > len(move.axes):
                constants.append(place)
        elif len(sizes) == move.rank:
            data.append(place)
        else:
            return None
    return Flexible(node, move, tuple(data), tuple(constants))


def _by_axes(node: ir.Node, move: Move) -> Flexible | None:
    """A slice, or a reduction that keeps its axes."""
    place = 3 if node.op_type == "Slice" else 1
    axes = [move.carry(k) for k in integers(node, "axes", place) or ()]
    moved = tuple(k for k in axes if k is not None)
    fits = axes and len(moved) == len(axes) and node.attributes.get_int("keepdims", 1) != 0
    return Flexible(node, move, (0,), axes=moved, place=place) if fits else None


def _moved_constant(editor: Editor, value: ir.Value, move: Move) -> ir.Value:
    """A constant that broadcasts against moved values as it did against those in place."""
    tensor = constant(value)
    assert tensor is not None
    moved = RelabelledTensor(tensor, of_move(tensor_shape(tensor), move))
    return editor.initializer(moved, turned(value.name, editor.order))


_READERS: dict[str, Callable[[ir.Node, Move], Flexible | None]] = {
    **dict.fromkeys(_ELEMENTWISE.split(), _elementwise),
    **dict.fromkeys(_QUANTISERS, _quantiser),
    **dict.fromkeys(_BY_AXIS, _by_axis),
    **{f"Reduce{kind}": _by_axes for kind in _REDUCTIONS.split()},
    "Slice": _by_axes,
    "BatchNormalization": _batch_norm,
    layer_norm.OPERATOR: _layer_norm,
}
