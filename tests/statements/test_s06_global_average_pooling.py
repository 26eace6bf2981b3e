"""S6: global average pooling is I_C ⊗ (1/HW)·1ᵀ."""

import numpy as np
import torch
from torch import nn

from onebyone.layers import equal

GRID = (3, 2, 4)


def averaging(weight: np.ndarray) -> nn.Linear:
    dense = nn.Linear(24, 3, bias=False)
    dense.weight.data = torch.from_numpy(weight).float()
    return dense


def test_s06_global_average_pooling():
    dense = averaging(np.kron(np.eye(3), np.full((1, 8), 1 / 8)))
    x = torch.randn(5, *GRID)
    torch.testing.assert_close(
        dense(x.flatten(1)), nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)
    )
    depthwise = nn.Conv2d(3, 3, (2, 4), groups=3, bias=False)
    nn.init.constant_(depthwise.weight, 1 / 8)
    assert equal(dense, depthwise, GRID)


def test_s06_fails_in_the_other_order_of_factors():
    dense = averaging(np.kron(np.full((1, 8), 1 / 8), np.eye(3)))
    x = torch.randn(5, *GRID)
    assert not torch.allclose(
        dense(x.flatten(1)), nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)
    )
