"""S4: the FC layer is a 1×1 convolution over C·H·W channels, after relabelling space."""

import pytest
import torch
from torch import nn

from onebyone.errors import InputError
from onebyone.layers import NotConvertible, convert, equal


def test_s04_dense_is_pointwise_over_all_channels():
    dense = nn.Linear(8, 4)
    conv = convert(dense, "pointwise", input=(8, 1, 1), output=(4, 1, 1))
    assert conv.kernel_size == (1, 1)
    assert equal(dense, conv, input=(8, 1, 1))
    x = torch.randn(3, 2, 2, 2)
    torch.testing.assert_close(conv(x.reshape(3, 8, 1, 1)).flatten(1), dense(x.flatten(1)))


def test_s04_fails_without_relabelling():
    with pytest.raises(NotConvertible):
        convert(nn.Linear(8, 4), "pointwise", input=(2, 2, 2), output=(1, 2, 2))
    with pytest.raises(InputError, match=r"pointwise over input=\(8, 1, 1\) \(S4\)"):
        convert(nn.Linear(8, 4), "pointwise", input=(2, 2, 2))
