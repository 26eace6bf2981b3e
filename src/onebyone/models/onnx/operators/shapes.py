"""Sizes and axes: operators that give the same numbers in another shape."""

from math import prod

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from onebyone.models.onnx.table import Array, Ints, operator


@operator("Shape")
def shape(data: Tensor, *, start: int = 0, end: int | None = None) -> Array:
    return np.array(data.shape[start:end], dtype=np.int64)


@operator("Size")
def size(data: Tensor) -> Array:
    return np.array(data.numel(), dtype=np.int64)


@operator("Reshape")
def reshape(data: Tensor, shape: Ints, *, allowzero: int = 0) -> Tensor:
    kept = (data.shape[n] if size == 0 and not allowzero else size for n, size in enumerate(shape))
    return data.reshape(tuple(kept))


@operator("Flatten")
def flatten(input: Tensor, *, axis: int = 1) -> Tensor:
    axis = axis + input.ndim if axis < 0 else axis
    if axis == 1 and input.ndim > 1:
        return torch.flatten(input, 1)
    return input.reshape(prod(input.shape[:axis]), prod(input.shape[axis:]))


@operator("Transpose")
def transpose(data: Tensor, *, perm: Ints = ()) -> Tensor:
    return data.permute(perm or tuple(reversed(range(data.ndim))))


@operator("Squeeze")
def squeeze_by_attribute(data: Tensor, *, axes: Ints = ()) -> Tensor:
    return squeeze(data, axes or None)


@operator("Squeeze", since=13)
def squeeze(data: Tensor, axes: Ints | None = None) -> Tensor:
    if axes is None:
        return data.squeeze()
    for axis in axes:
        if data.shape[axis] != 1:
            raise ValueError(f"axis {axis} has the size {data.shape[axis]}; squeezed is 1")
    return data.squeeze(axes)


@operator("Unsqueeze")
def unsqueeze_by_attribute(data: Tensor, *, axes: Ints) -> Tensor:
    return unsqueeze(data, axes)


@operator("Unsqueeze", since=13)
def unsqueeze(data: Tensor, axes: Ints) -> Tensor:
    rank = data.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        data = data.unsqueeze(axis)
    return data


@operator("Expand")
def expand(input: Tensor, shape: Ints) -> Tensor:
    rank = max(input.ndim, len(shape))
    own = (1,) * (rank - input.ndim) + tuple(input.shape)
    asked = (1,) * (rank - len(shape)) + shape
    return input.expand([a if b == 1 else b for a, b in zip(own, asked, strict=True)])


@operator("Tile")
def tile(input: Tensor, repeats: Ints) -> Tensor:
    return input.repeat(repeats)


@operator("DepthToSpace")
def depth_to_space(input: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    if mode == "CRD":
        return functional.pixel_shuffle(input, blocksize)
    n, depth, height, width = input.shape
    channels = depth // blocksize**2
    blocks = input.reshape(n, blocksize, blocksize, channels, height, width)
    rows = blocks.permute(0, 3, 4, 1, 5, 2)
    return rows.reshape(n, channels, height * blocksize, width * blocksize)


@operator("SpaceToDepth")
def space_to_depth(input: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    if mode == "CRD":
        return functional.pixel_unshuffle(input, blocksize)
    n, channels, height, width = input.shape
    high, wide = height // blocksize, width // blocksize
    blocks = input.reshape(n, channels, high, blocksize, wide, blocksize).permute(0, 3, 5, 1, 2, 4)
    return blocks.reshape(n, channels * blocksize**2, high, wide)
