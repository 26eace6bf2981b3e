"""The sizes and types of a model's values, as far as ONNX's shape inference knows them."""

import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass

from onebyone.rewriting.left import Left

Sizes = tuple[int | str | None, ...]
_KEY = "onebyone.sizes"
_FLOATS = {ir.DataType.FLOAT, ir.DataType.FLOAT16}


def infer(model: ir.Model) -> None:
    """Note the sizes beside each value; declared shapes stay as they are."""
    copy = model.clone()
    ShapeInferencePass(check_type=False, strict_mode=False, data_prop=True)(copy)
    for graph, known in zip(model.graphs(), copy.graphs(), strict=True):
        theirs = ir.convenience.create_value_mapping(known)
        for name, value in ir.convenience.create_value_mapping(graph).items():
            shape = theirs[name].shape if name in theirs else value.shape
            if value.const_value is not None:
                note(value, tensor_shape(value.const_value))
            elif shape is not None:
                note(value, tuple(d if isinstance(d, int) else d.value for d in shape))
            dtype = theirs[name].dtype if name in theirs else None
            if value.dtype is None and dtype is not None:
                value.dtype = dtype


def tensor_shape(tensor: ir.TensorProtocol) -> tuple[int, ...]:
    """The shape of a constant."""
    return tuple(int(size) for size in tensor.shape.numpy())


def note(value: ir.Value, sizes: Sizes | None) -> None:
    """Remember a value's sizes, as far as they are known."""
    if sizes is not None:
        value.meta[_KEY] = sizes


def sizes_of(value: ir.Value | None) -> Sizes | None:
    """A number, a symbol, or None for each axis; None where not even the rank is known."""
    sizes: Sizes | None = None if value is None else value.meta.get(_KEY)
    return sizes


def known(value: ir.Value | None) -> Sizes:
    """The sizes of a layer's input or output, which is `Left` where not even the rank is known."""
    sizes = sizes_of(value)
    if sizes is None:
        raise Left("the rank of its input is not known")
    return sizes


def check_numbers(value: ir.Value | None, opset: int) -> None:
    """A layer is `Left` if there are not both forms for numbers of its type."""
    dtype = None if value is None else value.dtype
    if dtype in _FLOATS or dtype is None or (dtype == ir.DataType.BFLOAT16 and opset >= 22):
        return
    raise Left(f"its numbers are {dtype.name.lower()}, for which there are not both forms")
