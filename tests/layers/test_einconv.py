"""The matrix against einconv, which builds convolutions from index patterns of its own."""

import math
import warnings

import einconv
import numpy as np
import pytest
import torch
from einconv.expressions import convNd_forward
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from onebyone.layers import matrix

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
POSITIONS, TAPS, INPUTS = "xyz", "klm", "abc"


@st.composite
def convolutions(draw):
    """A float64 convolution of rank 1 to 3 and the grid that it reads."""
    rank = draw(st.integers(1, 3))
    sizes = st.tuples(*[st.integers(1, 3)] * rank)
    kernel, stride, dilation = draw(sizes), draw(sizes), draw(sizes)
    padding = draw(st.one_of(st.tuples(*[st.integers(0, 2)] * rank), st.just("valid")))
    if stride == (1,) * rank and draw(st.booleans()):
        padding = "same"
    groups = draw(st.integers(1, 2))
    channels, outputs = (groups * draw(st.integers(1, 2)) for _ in range(2))
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    space = tuple(span + draw(st.integers(0, 2)) for span in spans)
    layer = CONVOLUTIONS[rank - 1](
        channels, outputs, kernel, stride, padding, dilation, groups, dtype=torch.float64
    )
    return layer, (channels, *space)


def einconv_matrix(layer: nn.Module, grid: tuple[int, ...], weight: torch.Tensor) -> np.ndarray:
    """S5's sum over taps, on einconv's index patterns [kernel, outputs, inputs] of each axis."""
    rank, groups = len(grid) - 1, layer.groups
    patterns = []
    for a in range(rank):
        padding = layer.padding if isinstance(layer.padding, str) else layer.padding[a]
        arguments = (grid[1 + a], layer.kernel_size[a], layer.stride[a], padding)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # PyTorch's, of 'same' with even kernels
            patterns.append(
                einconv.index_pattern(*arguments, layer.dilation[a], dtype=torch.float64)
            )
    positions, taps, inputs = (letters[:rank] for letters in (POSITIONS, TAPS, INPUTS))
    axes = ",".join("".join(one) for one in zip(taps, positions, inputs, strict=True))
    blocks = weight.reshape(groups, -1, *weight.shape[1:])
    each = torch.einsum(f"goi{taps},{axes}->go{positions}i{inputs}", blocks, *patterns)
    whole = each.new_zeros(groups, *each.shape[1 : 2 + rank], groups, *each.shape[2 + rank :])
    for group in range(groups):
        whole[group, ..., group, *[slice(None)] * (1 + rank)] = each[group]
    return whole.reshape(-1, math.prod(grid)).numpy()


@settings(max_examples=120)
@given(drawn=convolutions())
def test_entries_and_sharing_are_einconvs(drawn):
    layer, grid = drawn
    weight = layer.weight.detach()
    m = matrix(layer, grid)
    np.testing.assert_array_equal(m.toarray(), einconv_matrix(layer, grid, weight))
    labels = torch.arange(1, weight.numel() + 1, dtype=torch.float64).reshape(weight.shape)
    table = np.zeros(m.shape)
    rows = np.repeat(np.arange(m.shape[0]), np.diff(m.weight.indptr))
    table[rows, m.weight.indices] = m.sharing + 1
    np.testing.assert_array_equal(table, einconv_matrix(layer, grid, labels))


@settings(max_examples=40)
@given(drawn=convolutions())
def test_products_are_einconvs_forward(drawn):
    layer, grid = drawn
    x = torch.randn(1, *grid, dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        equation, operands, shape = convNd_forward.einsum_expression(
            x, layer.weight.detach(), layer.stride, layer.padding, layer.dilation, layer.groups
        )
    expected = torch.einsum(equation, *operands).reshape(shape).flatten().numpy()
    np.testing.assert_allclose(matrix(layer, grid) @ x.flatten().numpy(), expected, atol=1e-12)


def test_einconv_would_notice_a_wrong_stride():
    layer, other = nn.Conv1d(1, 1, 2, stride=2).double(), nn.Conv1d(1, 1, 2).double()
    m = matrix(other, (1, 4)).toarray()
    expected = einconv_matrix(layer, (1, 4), other.weight.detach())
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(m[: len(expected)], expected)
