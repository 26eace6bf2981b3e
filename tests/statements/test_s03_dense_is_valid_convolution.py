"""S3: an FC layer over C×H×W is a valid convolution with an H×W kernel."""

import torch
from torch import nn

from onebyone.layers import convert, equal

GRID = (2, 3, 5)


def test_s03_dense_is_valid_convolution():
    dense = nn.Linear(30, 4)
    conv = convert(dense, "convolution", GRID)
    assert conv.kernel_size == (3, 5)
    assert conv.padding == (0, 0)
    torch.testing.assert_close(conv.weight, dense.weight.reshape(4, *GRID), rtol=0, atol=0)
    assert equal(dense, conv, GRID)
    x = torch.randn(7, *GRID)
    torch.testing.assert_close(conv(x).flatten(1), dense(x.flatten(1)))


def test_s03_fails_with_same_padding_but_at_the_centre():
    dense = nn.Linear(30, 4)
    same = nn.Conv2d(2, 4, (3, 5), padding="same")
    same.weight.data, same.bias.data = dense.weight.data.reshape(4, *GRID), dense.bias.data
    x = torch.randn(7, *GRID)
    agrees = torch.isclose(same(x), dense(x.flatten(1))[..., None, None], atol=1e-5).all(0).all(0)
    assert agrees.nonzero().tolist() == [[1, 2]]
    assert not equal(dense, same, GRID)
