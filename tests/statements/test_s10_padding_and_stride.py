"""S10: padding a 1×1 convolution adds outputs equal to the bias; stride s gives W ⊗ selection."""

import numpy as np
import torch
from torch import nn


def test_s10_padding_adds_the_bias():
    conv = nn.Conv2d(2, 3, 1, padding=1)
    y = conv(torch.randn(2, 4, 4))
    border = torch.ones(6, 6, dtype=torch.bool)
    border[1:-1, 1:-1] = False
    assert torch.equal(y[:, border], conv.bias[:, None].expand(3, 20))


def test_s10_stride_selects(dense_matrix):
    conv = nn.Conv2d(2, 3, 1, stride=2)
    w, select = conv.weight.detach().numpy()[..., 0, 0], np.eye(5, dtype=np.float32)[::2]
    expected = np.kron(w, np.kron(select, select))
    np.testing.assert_array_equal(dense_matrix(conv, (2, 5, 5)), expected)


def test_s10_fails_for_a_wider_kernel():
    conv = nn.Conv2d(2, 3, 3, padding=1)
    y = conv(torch.randn(2, 4, 4))
    assert not torch.equal(y[:, 0], conv.bias[:, None].expand(3, 4))
