"""Tensors of an ONNX file: sizes, stored numbers, and external data inside the file's folder."""

import os
import stat
from collections.abc import Iterator
from math import prod
from pathlib import Path, PurePosixPath

import onnx
import onnx_ir as ir

from onebyone.errors import InputError
from onebyone.models.shown import shown

Graphs = onnx.GraphProto | onnx.FunctionProto

MOST_AXES = 64
"""NumPy has no arrays with more."""
_MOST_BYTES = 2**62
_FIELDS = {
    ir.DataType.FLOAT: "float_data",
    ir.DataType.COMPLEX64: "float_data",
    ir.DataType.DOUBLE: "double_data",
    ir.DataType.COMPLEX128: "double_data",
    ir.DataType.INT64: "int64_data",
    ir.DataType.UINT32: "uint64_data",
    ir.DataType.UINT64: "uint64_data",
    ir.DataType.STRING: "string_data",
}
"""All other types are in `int32_data`."""
_TYPED = {*_FIELDS.values(), "int32_data"}
_TYPES = set(map(int, ir.DataType)) - {int(ir.DataType.UNDEFINED)}
_PAIRS = {ir.DataType.COMPLEX64, ir.DataType.COMPLEX128}


def tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """All tensors of a model: initializers and attributes, of nested graphs and functions, too."""
    graphs: list[Graphs] = [model.graph, *model.functions]
    while graphs:
        graph = graphs.pop()
        if isinstance(graph, onnx.GraphProto):
            yield from graph.initializer
        attributes = [a for node in graph.node for a in node.attribute]
        if isinstance(graph, onnx.FunctionProto):
            attributes += graph.attribute_proto
        for attribute in attributes:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            graphs += [attribute.g] if attribute.HasField("g") else []
            graphs += attribute.graphs


def external(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """The tensors whose numbers are in other files."""
    return (t for t in tensors(model) if t.data_location == onnx.TensorProto.EXTERNAL)


def check_tensor(tensor: onnx.TensorProto, path: Path) -> None:
    """Refuse a tensor that does not hold the numbers that its type and sizes say.

    The path is the file's, for external data.
    """
    name = shown(tensor.name)
    if tensor.data_type not in _TYPES:
        raise InputError(f"tensor {name} has the unknown type {tensor.data_type}")
    if any(size < 0 for size in tensor.dims) or len(tensor.dims) > MOST_AXES:
        raise InputError(f"tensor {name} has the sizes {shown(list(tensor.dims))}")
    dtype, count = ir.DataType(tensor.data_type), prod(tensor.dims)
    if 16 * prod(size for size in tensor.dims if size) > _MOST_BYTES:
        raise InputError(f"tensor {name} has the sizes {shown(list(tensor.dims))}, too many")
    if tensor.HasField("segment"):
        raise InputError(f"tensor {name} is stored in segments, which no program reads")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        if dtype == ir.DataType.STRING:
            raise InputError(f"tensor {name} holds text, which cannot be external data")
        check_external(tensor, path, bytes_of(dtype, count))
        return
    _check_stored(tensor, name, dtype, count)


def bytes_of(dtype: ir.DataType, count: int) -> int:
    """The bytes of so many numbers of a type that is not text."""
    return -(-count * int(dtype.bitwidth) // 8)


def _check_stored(tensor: onnx.TensorProto, name: str, dtype: ir.DataType, count: int) -> None:
    """Numbers are all in one field, the one for their type or the one of bytes."""
    held = {kind: len(getattr(tensor, kind)) for kind in (*_TYPED, "raw_data")}
    held = {kind: number for kind, number in held.items() if number}
    field = _FIELDS.get(dtype, "int32_data")
    if not count:
        expected = {}
    elif "raw_data" in held and dtype != ir.DataType.STRING:
        expected = {"raw_data": bytes_of(dtype, count)}
    elif dtype in _PAIRS:
        expected = {field: 2 * count}
    else:
        packed = dtype != ir.DataType.STRING and dtype.bitwidth < 8
        expected = {field: bytes_of(dtype, count) if packed else count}
    if held != expected:
        sizes = " × ".join(map(str, tensor.dims)) or "of one number"
        parts = ", ".join(f"{number} in {kind}" for kind, number in held.items()) or "nothing"
        raise InputError(f"tensor {name} of {dtype.name} has the sizes {sizes} and holds {parts}")


def location(tensor: onnx.TensorProto) -> str:
    """Where a tensor's external data is, as the file says it; empty where it does not."""
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")


def external_file(tensor: onnx.TensorProto, path: Path) -> Path:
    """The file with a tensor's external data, links resolved.

    Raises:
        InputError: it is not a regular file in the folder of `path`, as it is named or as links
            lead to it.
    """
    place = location(tensor)
    named = f"tensor {shown(tensor.name)} is in {shown(place)}"
    parts = Path(os.path.normpath(place)).parts
    absolute = Path(place).is_absolute() or PurePosixPath(place).is_absolute()
    if not parts or "\0" in place or absolute or parts[0] == os.pardir:
        raise InputError(f"{named}, which is no path inside the folder of the file")
    try:
        file = Path(os.path.realpath(path.parent / place, strict=True))
        found = file.stat()
    except OSError as error:
        reason = "is missing" if isinstance(error, FileNotFoundError) else f"({error.strerror})"
        raise InputError(f"{named}, which {reason}") from error
    folders = (path.parent.resolve(), path.resolve().parent)
    if not any(file.is_relative_to(folder) for folder in folders):
        raise InputError(f"{named}, which leads out of the folder of the file, to {file}")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{named}, which is no regular file")
    return file


def check_external(tensor: onnx.TensorProto, path: Path, needed: int) -> None:
    """Refuse external data that is not there, or not `needed` bytes of it."""
    size = external_file(tensor, path).stat().st_size
    offset, length = (_number(tensor, key) for key in ("offset", "length"))
    if length not in (0, needed) or offset + needed > size:
        raise InputError(
            f"tensor {shown(tensor.name)} needs {needed} bytes; {shown(location(tensor))} has "
            f"{size}, and the file says {length or needed} from {offset} on"
        )


def external_place(tensor: onnx.TensorProto, path: Path) -> tuple[Path, int]:
    """The file with a tensor's external data, and where in it the data begins."""
    return external_file(tensor, path), _number(tensor, "offset")


def embed(model: onnx.ModelProto) -> None:
    """Put external data whose places are whole paths into the message itself."""
    for tensor in list(external(model)):
        needed = bytes_of(ir.DataType(tensor.data_type), prod(tensor.dims))
        with Path(location(tensor)).open("rb") as file:
            file.seek(_number(tensor, "offset"))
            held = file.read(needed)
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
        tensor.raw_data = held


def _number(tensor: onnx.TensorProto, key: str) -> int:
    """A number that says where external data is; 0 where it is left out, as onnxruntime has it."""
    text = next((entry.value for entry in tensor.external_data if entry.key == key), "0")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise InputError(f"tensor {shown(tensor.name)} has the {key} {shown(text)}")
    return int(text)
