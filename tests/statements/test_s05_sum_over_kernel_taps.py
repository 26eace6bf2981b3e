"""S5: every convolution is M = Σ_ab W[:,:,a,b] ⊗ P_a ⊗ P_b; groups make W block-diagonal."""

import numpy as np
import torch
from torch import nn


def pattern(size: int, outputs: int, tap: int, *, stride: int, dilation: int, padding: int):
    """P_k[o, i] = 1 iff i = stride·o + dilation·k − padding, written out as in the statement."""
    p = np.zeros((outputs, size))
    for o in range(outputs):
        for i in range(size):
            p[o, i] = i == stride * o + dilation * tap - padding
    return p


def kronecker_sum(conv: nn.Conv2d, grid: tuple[int, ...], shift: int = 0) -> np.ndarray:
    outputs = conv(torch.zeros(grid)).shape[1:]
    weight = conv.weight.detach().numpy()
    blocks = np.zeros((conv.out_channels, conv.in_channels, *conv.kernel_size))
    o, c = (n // conv.groups for n in blocks.shape[:2])
    for g in range(conv.groups):
        blocks[g * o : (g + 1) * o, g * c : (g + 1) * c] = weight[g * o : (g + 1) * o]
    total = 0.0
    for tap in np.ndindex(*conv.kernel_size):
        term = blocks[:, :, tap[0], tap[1]]
        for axis in range(2):
            term = np.kron(
                term,
                pattern(
                    grid[1 + axis],
                    outputs[axis],
                    tap[axis],
                    stride=conv.stride[axis],
                    dilation=conv.dilation[axis],
                    padding=conv.padding[axis] + shift,
                ),
            )
        total = total + term
    return total


def test_s05_sum_over_kernel_taps(dense_matrix):
    grid = (4, 6, 7)
    conv = nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 3), groups=2)
    np.testing.assert_array_equal(dense_matrix(conv, grid), kronecker_sum(conv, grid))


def test_s05_fails_with_the_index_shifted(dense_matrix):
    grid = (4, 6, 7)
    conv = nn.Conv2d(4, 6, 3, padding=1)
    assert not np.array_equal(dense_matrix(conv, grid), kronecker_sum(conv, grid, shift=1))
