"""Constants of an ONNX file as tensors: read once, straight to where they stay.

They are not mapped: a file that is cut while a network runs would end the process.
"""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper
from torch import Tensor

from onebyone.errors import InputError
from onebyone.models.onnx.tensors import external_place
from onebyone.models.shown import shown

TYPES: dict[Any, torch.dtype] = {
    TensorProto.FLOAT: torch.float32,
    TensorProto.DOUBLE: torch.float64,
    TensorProto.FLOAT16: torch.float16,
    TensorProto.BFLOAT16: torch.bfloat16,
    TensorProto.INT8: torch.int8,
    TensorProto.INT16: torch.int16,
    TensorProto.INT32: torch.int32,
    TensorProto.INT64: torch.int64,
    TensorProto.UINT8: torch.uint8,
    TensorProto.UINT16: torch.uint16,
    TensorProto.UINT32: torch.uint32,
    TensorProto.UINT64: torch.uint64,
    TensorProto.BOOL: torch.bool,
    TensorProto.COMPLEX64: torch.complex64,
    TensorProto.COMPLEX128: torch.complex128,
    TensorProto.FLOAT8E4M3FN: torch.float8_e4m3fn,
    TensorProto.FLOAT8E5M2: torch.float8_e5m2,
    TensorProto.FLOAT8E4M3FNUZ: torch.float8_e4m3fnuz,
    TensorProto.FLOAT8E5M2FNUZ: torch.float8_e5m2fnuz,
}
"""PyTorch's types by ONNX's."""
EIGHT_BITS = (
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2fnuz,
)
"""Floating-point types of a byte."""
FEW_BITS: dict[Any, tuple[int, torch.dtype]] = {
    TensorProto.INT4: (4, torch.int8),
    TensorProto.UINT4: (4, torch.uint8),
    TensorProto.INT2: (2, torch.int8),
    TensorProto.UINT2: (2, torch.uint8),
}
"""Integers of which a byte holds several, with the type of bytes that PyTorch computes with."""


def tensor_of(proto: onnx.TensorProto, path: Path) -> Tensor:
    """A tensor of a valid file at `path`.

    Raises:
        InputError: PyTorch has no such type, or its file cannot be read.
    """
    if int(proto.data_type) in FEW_BITS:
        kept = np.asarray(numpy_helper.to_array(proto, str(path.parent)), np.int8)
        return torch.from_numpy(kept).to(FEW_BITS[int(proto.data_type)][1])
    dtype = TYPES.get(int(proto.data_type))
    if dtype is None:
        kind = TensorProto.DataType.Name(int(proto.data_type))
        raise InputError(f"{path}: tensor {shown(proto.name)} holds {kind}, which is not read")
    if proto.data_location == TensorProto.EXTERNAL:
        return _read(proto, path, dtype)
    if proto.raw_data:
        return torch.frombuffer(bytearray(proto.raw_data), dtype=dtype).reshape(list(proto.dims))
    array = numpy_helper.to_array(proto)
    if dtype is torch.bfloat16:
        return torch.from_numpy(array.astype(np.float32)).to(dtype).reshape(list(proto.dims))
    if dtype in EIGHT_BITS:
        return torch.from_numpy(array.view(np.uint8).copy()).view(dtype)
    return torch.from_numpy(np.array(array, order="C"))  # an array of no axes is one, too


def _read(proto: onnx.TensorProto, path: Path, dtype: torch.dtype) -> Tensor:
    file, offset = external_place(proto, path)
    found = torch.empty(prod(proto.dims), dtype=dtype)
    with file.open("rb", buffering=0) as stream:
        stream.seek(offset)
        numbers = memoryview(found.view(torch.uint8).numpy().data)
        while numbers.nbytes:
            count = stream.readinto(numbers)
            if not count:
                raise InputError(f"{file}: ended while tensor {shown(proto.name)} was read")
            numbers = numbers[count:]
    return found.reshape(list(proto.dims))
