"""Resizing: PyTorch's own interpolation wherever it gives the same, else products with weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from onebyone.errors import InputError
from onebyone.models.onnx.operators.sampling import Axis, Kernel, cubic, linear
from onebyone.models.onnx.table import Array, Ints, operator

aten = torch.ops.aten
_LINEAR = {3: "linear", 4: "bilinear", 5: "trilinear"}
_REPEATED = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.uint8)
"""Types that PyTorch's interpolation takes."""
_CUBIC = -0.75
"""PyTorch's coefficient."""


@operator("Upsample")
def upsample_by_attribute(x: Tensor, *, scales: tuple[float, ...], mode: str = "nearest") -> Tensor:
    return upsample(x, np.array(scales, np.float32), mode=mode)


@operator("Upsample", "Resize", since=9)
def upsample(x: Tensor, scales: Array, *, mode: str = "nearest") -> Tensor:
    return resize(
        x,
        None,
        scales,
        mode=mode,
        coordinate_transformation_mode="asymmetric",
        nearest_mode="simple",
    )


@operator("Resize", since=11)
def resize(
    x: Tensor,
    roi: Array | None = None,
    scales: Array | None = None,
    sizes: Array | None = None,
    *,
    antialias: int = 0,
    axes: Ints = (),
    coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = _CUBIC,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch",
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Tensor:
    places = [axis % x.ndim for axis in axes] or list(range(x.ndim))
    if sizes is None or not sizes.size:
        resized = _scaled(x, places, scales)
    else:
        resized = _sized(x, places, sizes)
        if keep_aspect_ratio_policy != "stretch":
            resized = _in_proportion(resized, keep_aspect_ratio_policy)
    crops = coordinate_transformation_mode == "tf_crop_and_resize"
    if crops and roi is not None and roi.size:
        resized = [_part(axis, k, roi) for k, axis in enumerate(resized)]
    changed = [a for a in resized if not (a.count == a.size and a.scale == 1 and _whole(a))]
    if mode == "nearest":
        y = _nearest(x, changed, coordinate_transformation_mode, nearest_mode)
    elif mode in ("linear", "cubic"):
        weight = linear if mode == "linear" else cubic(cubic_coeff_a)
        spreads = bool(antialias) and any(axis.scale < 1 for axis in changed)
        excludes = bool(exclude_outside) and mode == "cubic"  # of two places it changes nothing
        kernel = Kernel(weight, 1 if mode == "linear" else 2, spreads, excludes)
        plain = not (spreads or excludes) and (mode == "linear" or cubic_coeff_a == _CUBIC)
        own = _interpolated(x, changed, coordinate_transformation_mode, mode) if plain else None
        if own is not None:
            return own
        y = _weighted(x, changed, coordinate_transformation_mode, kernel)
    else:
        raise InputError(f"has mode={mode!r}, which is not computed")
    return _extrapolated(y, changed, extrapolation_value) if crops else y


def _scaled(x: Tensor, places: Sequence[int], scales: Array | None) -> list[Axis]:
    if scales is None or len(scales) != len(places):
        raise InputError(f"has no scale for each of {len(places)} axes")
    # In single precision, as they are stored: 2.3 times 10 is 23.
    return [
        Axis(place, x.shape[place], int(np.float32(scale) * np.float32(x.shape[place])), scale)
        for place, scale in zip(places, scales.tolist(), strict=True)
    ]


def _sized(x: Tensor, places: Sequence[int], sizes: Array) -> list[Axis]:
    """Axes by the sizes of the result; -1 keeps one."""
    found = []
    for place, asked in zip(places, sizes.tolist(), strict=True):
        size = x.shape[place]
        count = size if asked == -1 else asked
        found.append(Axis(place, size, count, count / size))
    return found


def _in_proportion(axes: Sequence[Axis], policy: str) -> list[Axis]:
    scales = [axis.scale for axis in axes]
    scale = min(scales) if policy == "not_larger" else max(scales)
    return [Axis(a.place, a.size, int(scale * a.size + 0.5), scale) for a in axes]


def _part(axis: Axis, k: int, roi: Array) -> Axis:
    start, end = float(roi[k]), float(roi[len(roi) // 2 + k])
    return Axis(axis.place, axis.size, axis.count, axis.scale, start, end)


def _whole(axis: Axis) -> bool:
    return (axis.start, axis.end) == (0.0, 1.0)


def _nearest(x: Tensor, axes: Sequence[Axis], mode: str, rounding: str) -> Tensor:
    found = {a.place: _taken(a, mode, rounding) for a in axes}
    factors = {a.place: a.count // a.size for a in axes}
    repeated = all(
        factors[a.place] * a.size == a.count
        and found[a.place] == [n // factors[a.place] for n in range(a.count)]
        for a in axes
    )
    if repeated and axes and _is_map(x, axes) and x.dtype in _REPEATED:
        scales = [float(factors.get(place, 1)) for place in range(2, x.ndim)]
        return functional.interpolate(x, scale_factor=scales, mode="nearest")
    for axis in axes:
        taken, place = found[axis.place], axis.place
        step = taken[1] - taken[0] if len(taken) > 1 else 1
        if taken and step > 0 and taken == list(range(taken[0], taken[-1] + 1, step)):
            x = aten.slice.Tensor(x, place, taken[0], taken[-1] + 1, step)
        else:
            numbers = torch.arange(axis.count, dtype=torch.float32, device=x.device)
            indices = torch.clamp(axis.nearest(numbers, mode, rounding), 0, axis.size - 1)
            x = torch.index_select(x, place, indices.to(torch.int64))
    return x


def _taken(axis: Axis, mode: str, rounding: str) -> list[int]:
    """The places of the input that an axis takes.

    Where two are as near, single precision decides, as it does in onnxruntime.
    """
    places = axis.nearest(np.arange(axis.count, dtype=np.float32), mode, rounding)
    return [int(n) for n in np.clip(places, 0, axis.size - 1).tolist()]


def _is_map(x: Tensor, axes: Sequence[Axis]) -> bool:
    """Whether PyTorch interpolates such a tensor: all axes but batch and channels are space."""
    return x.ndim in _LINEAR and all(axis.place >= 2 for axis in axes)


def _interpolated(x: Tensor, axes: Sequence[Axis], mode: str, method: str) -> Tensor | None:
    """What PyTorch's interpolation gives; None where that is something else."""
    alike = all(_is_pytorchs(axis, mode) for axis in axes) and axes
    rank_fits = method == "linear" or (method == "cubic" and x.ndim == 4)
    if not (alike and rank_fits and _is_map(x, axes) and x.is_floating_point()):
        return None
    given: dict[str, Any] = {"mode": _LINEAR[x.ndim] if method == "linear" else "bicubic"}
    changed = {axis.place: axis for axis in axes}
    if all(axis.scale == axis.count / axis.size for axis in axes):
        counts = {place: axis.count for place, axis in changed.items()}
        given["size"] = [counts.get(n, x.shape[n]) for n in range(2, x.ndim)]
    else:
        scales = {place: axis.scale for place, axis in changed.items()}
        given["scale_factor"] = [scales.get(n, 1.0) for n in range(2, x.ndim)]
    y = functional.interpolate(x, align_corners=mode == "align_corners", **given)
    fits = all(y.shape[axis.place] == axis.count for axis in axes)
    return y if fits else None


def _is_pytorchs(axis: Axis, mode: str) -> bool:
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and axis.count > 1):
        return True
    exact = mode == "half_pixel_symmetric" and axis.scale * axis.size == axis.count
    return exact or mode == "align_corners"


def _weighted(x: Tensor, axes: Sequence[Axis], mode: str, kernel: Kernel) -> Tensor:
    """Resize one axis after the other by a product."""
    wide = x.dtype if x.dtype is torch.float64 else torch.float32
    y = x.to(wide)
    for axis in axes:
        weights = kernel.matrix(axis, mode, x.device).to(wide)
        y = torch.matmul(y.transpose(axis.place, -1), weights.t()).transpose(axis.place, -1)
    return y.to(x.dtype)


def _extrapolated(y: Tensor, axes: Sequence[Axis], value: float) -> Tensor:
    """Put a value wherever the coordinates of some axis lie outside."""
    for axis in axes:
        numbers = torch.arange(axis.count, dtype=torch.float64, device=y.device)
        x = axis.coordinates(numbers, "tf_crop_and_resize")
        outside = (x < 0) | (x > axis.size - 1)
        column = outside.reshape(-1, *(1,) * (y.ndim - 1 - axis.place))
        y = torch.where(column, value, y)
    return y
