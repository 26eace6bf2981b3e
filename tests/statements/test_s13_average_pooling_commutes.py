"""S13: average pooling and a 1×1 convolution commute, without nonlinearity or zero padding."""

import torch
from torch import nn


def test_s13_average_pooling_commutes():
    conv, x = nn.Conv2d(3, 4, 1), torch.randn(2, 3, 6, 6)
    for pool in (nn.AvgPool2d(2), nn.AvgPool2d(3, stride=1), nn.AdaptiveAvgPool2d(1)):
        torch.testing.assert_close(conv(pool(x)), pool(conv(x)))


def test_s13_zero_padding_needs_a_zero_bias():
    conv, x, pool = nn.Conv2d(3, 4, 1), torch.randn(2, 3, 6, 6), nn.AvgPool2d(2, padding=1)
    assert not torch.allclose(conv(pool(x)), pool(conv(x)), atol=1e-3)
    nn.init.zeros_(conv.bias)
    torch.testing.assert_close(conv(pool(x)), pool(conv(x)))


def test_s13_fails_with_a_relu_between():
    conv, x, pool = nn.Conv2d(3, 4, 1), torch.randn(2, 3, 6, 6), nn.AdaptiveAvgPool2d(1)
    assert not torch.allclose(conv(pool(x)).relu(), pool(conv(x).relu()), atol=1e-3)
