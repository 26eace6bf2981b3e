"""Layers with different windows, compared in windows that hold both; matrices are the oracle."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from onebyone.layers import LayerMatrix, LocallyConnected, convert, equal
from onebyone.layers.common import common_windows
from onebyone.layers.difference import _of_matrices, difference
from onebyone.layers.reading import read

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@st.composite
def pairs(draw):
    """Two layers with other kernels, paddings, dilations and groups, of one stride."""
    rank = draw(st.integers(1, 3))
    stride = draw(st.integers(1, 3))
    space = draw(st.tuples(*[st.integers(3, 6 if rank < 3 else 4)] * rank))
    places = tuple(draw(st.integers(1, (n + 2) // stride)) for n in space)
    channels, outputs = 4, draw(st.sampled_from([4, 8]))
    recipes = []
    for _ in range(2):
        windows = [draw(axis_of(n, m, stride)) for n, m in zip(space, places, strict=True)]
        recipes.append((windows, draw(st.sampled_from([1, 2, 4])), draw(st.booleans())))
    return (channels, *space), outputs, stride, recipes, draw(st.integers(0, 99))


def axis_of(size: int, outputs: int, stride: int):
    """Kernel, padding and dilation of the windows that make so many outputs of an axis."""
    fitting = [
        (kernel, padding, dilation)
        for kernel in (1, 2, 3, 4)
        for padding in range(4)
        for dilation in (1, 2)
        if (room := size + 2 * padding - dilation * (kernel - 1) - 1) >= 0
        and room // stride + 1 == outputs
    ]
    return st.sampled_from(fitting or [None])


def build(drawn):
    grid, outputs, stride, recipes, seed = drawn
    layers = []
    generator = torch.Generator().manual_seed(seed)
    for windows, groups, local in recipes:
        if None in windows:
            return None
        kernel, padding, dilation = zip(*windows, strict=True)
        arguments = (outputs, kernel, stride, padding, dilation, groups)
        if local:
            layer = LocallyConnected(grid, *arguments)
        else:
            layer = CONVOLUTIONS[len(grid) - 2](grid[0], *arguments)
        for parameter in layer.parameters():
            # Few values, so that some weights agree, some are 0 and the largest |ΔM| has ties.
            parameter.data = torch.randint(-1, 2, parameter.shape, generator=generator).double()
        layers.append(layer)
    return grid, layers


@settings(max_examples=120)
@given(drawn=pairs())
def test_the_difference_is_that_of_the_matrices(drawn):
    built = build(drawn)
    if built is None:
        return
    grid, layers = built
    a, b = (read(layer, grid) for layer in layers)
    assert common_windows(a.geometry, b.geometry) is not None
    found, expected = difference(a, b), _of_matrices(LayerMatrix(a), LayerMatrix(b))
    np.testing.assert_array_equal(found.norms, expected.norms)
    assert (found.largest, found.exclusive) == (expected.largest, expected.exclusive)
    assert (found.weights, found.in_first) == (expected.weights, expected.in_first)


@pytest.mark.parametrize("space", [(4, 5), (224, 224)])
def test_a_kernel_in_a_larger_one_at_any_size(space):
    small = nn.Conv2d(4, 64, 3, padding=1)
    large = nn.Conv2d(4, 64, 5, padding=2)
    large.bias = small.bias
    with torch.no_grad():
        large.weight.zero_()
        large.weight[:, :, 1:-1, 1:-1] = small.weight
    verdict = equal(small, large, (4, *space))
    assert verdict
    assert verdict.reason.endswith("(the same connections with the same weights)")
    with torch.no_grad():
        large.weight[7, 2, 0, 4] = 0.5
    verdict = equal(small, large, (4, *space))
    assert not verdict
    assert verdict.connection == ((7, 2, 0), (2, 0, 2))
    assert verdict.reason == "output (7, 2, 0) reads input (2, 0, 2); a 3×3 convolution cannot"
    assert verdict.distance == pytest.approx(0.5 * ((space[0] - 2) * (space[1] - 2)) ** 0.5)
    assert verdict.bound == 0.5


def test_groups_at_a_size_that_no_matrix_has():
    depthwise = nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False)
    whole = nn.Conv2d(64, 64, 3, padding=1, bias=False)
    with torch.no_grad():
        whole.weight.zero_()
        whole.weight[torch.arange(64), torch.arange(64)] = depthwise.weight[:, 0]
    assert equal(depthwise, whole, (64, 512, 512))
    assert convert(depthwise, "convolution", (64, 512, 512)).groups == 64


def test_windows_of_other_strides_need_the_matrices():
    a, b = nn.Conv1d(1, 1, 1, stride=2), nn.Conv1d(1, 1, 2, stride=3, padding=1)
    assert common_windows(read(a, (1, 6)).geometry, read(b, (1, 6)).geometry) is None
    verdict = equal(a, b, (1, 6))
    assert not verdict
    assert verdict.connection == ((0, 1), (0, 3))  # the second reads 2 and 3, the first 2
