"""Windows that hold those of two layers, so that their weights can be compared tap for tap."""

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Shaped

from onebyone.layers.index_pattern import IndexPattern
from onebyone.layers.kinds import MEMORY_LIMIT, LayerGeometry


def common_windows(a: LayerGeometry, b: LayerGeometry) -> LayerGeometry | None:
    """Return the smallest windows in which all taps of both layers have a place.

    None where there are none: windows of different strides move apart, and windows larger than
    MEMORY_LIMIT say that the layers have little in common.
    """
    axes = [_common_axis(*pair) for pair in zip(a.axes, b.axes, strict=True)]
    found = tuple(axis for axis in axes if axis is not None)
    if len(found) < len(axes):
        return None
    kind = "convolution" if a.shared and b.shared else "local"
    groups = math.gcd(a.groups, b.groups)
    window = replace(a, kind=kind, axes=found, groups=groups)
    return window if math.prod(window.weight_shape) * 8 <= MEMORY_LIMIT else None


def spread(
    weight: Shaped[np.ndarray, "..."], geometry: LayerGeometry, window: LayerGeometry
) -> Shaped[np.ndarray, "..."]:
    """Return a layer's weights at their places in a larger window, zeros elsewhere.

    Args:
        weight: in `geometry.weight_shape`.
        geometry: the layer's own windows.
        window: what `common_windows` returned.
    """
    pairs = tuple(zip(geometry.axes, window.axes, strict=True))
    if geometry.groups == window.groups and all(own.kernel == all_.kernel for own, all_ in pairs):
        return weight
    rank, channels = len(pairs), geometry.input[0] // geometry.groups
    shape = (*geometry.bias_shape, geometry.input[0] // window.groups, *window.kernel)
    whole = np.zeros(shape, dtype=weight.dtype)
    taps = [_places(own, all_) for own, all_ in pairs]
    # Several groups of the layer make one of the window: each has its part of the channels.
    each = geometry.groups // window.groups
    group = np.arange(geometry.output[0]) // (geometry.output[0] // geometry.groups) % each
    for part in range(each):
        outputs = np.flatnonzero(group == part)
        read = np.arange(part * channels, (part + 1) * channels)
        rows = [outputs, *map(np.arange, geometry.bias_shape[1:]), read, *taps]
        whole[np.ix_(*rows)] = weight[outputs]
    return whole.reshape(*geometry.bias_shape, *whole.shape[1 + rank :])


def _common_axis(a: IndexPattern, b: IndexPattern) -> IndexPattern | None:
    if a.kernel == b.kernel and (a.reads() == b.reads()).all():
        return a
    if max(a.spacing, b.spacing) > 1 or (a.outputs > 1 and a.stride != b.stride):
        return None
    offsets = [axis.dilation * tap - axis.before for axis in (a, b) for tap in range(axis.kernel)]
    first = min(offsets)
    dilation = math.gcd(*(offset - first for offset in offsets)) or 1
    kernel = (max(offsets) - first) // dilation + 1
    return IndexPattern(a.size, a.outputs, kernel, a.stride, dilation, before=-first)


def _places(own: IndexPattern, window: IndexPattern) -> np.ndarray:
    """Return the tap of the window at which each tap of a layer lies."""
    offsets = own.dilation * np.arange(own.kernel) - own.before + window.before
    return offsets // window.dilation
