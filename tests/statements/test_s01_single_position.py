"""S1: a 1×1 convolution over a single position is a fully connected layer, same weights."""

from torch import nn

from onebyone.layers import convert, equal


def test_s01_single_position():
    conv, dense = nn.Conv2d(3, 5, 1), nn.Linear(3, 5)
    dense.weight.data, dense.bias.data = conv.weight.data.reshape(5, 3), conv.bias.data
    assert equal(conv, dense, input=(3, 1, 1))
    assert convert(dense, "pointwise", input=(3, 1, 1)).weight.shape == conv.weight.shape


def test_s01_fails_over_more_positions():
    verdict = equal(nn.Conv2d(3, 5, 1), nn.Linear(12, 20), input=(3, 2, 2))
    assert not verdict
    assert verdict.reason == "output (0, 0, 0) reads input (0, 0, 1); a 1×1 convolution cannot"
