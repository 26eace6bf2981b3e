"""S2: a 1×1 convolution is H·W copies of one FC layer: M = W ⊗ I (channels-last: I ⊗ W)."""

import numpy as np
from torch import nn

from onebyone.layers import convert, equal

GRID = (2, 3, 4)


def test_s02_pointwise_is_w_kron_identity(dense_matrix):
    conv = nn.Conv2d(2, 5, 1)
    w, eye = conv.weight.detach().numpy()[..., 0, 0], np.eye(12, dtype=np.float32)
    np.testing.assert_array_equal(dense_matrix(conv, GRID), np.kron(w, eye))
    np.testing.assert_array_equal(dense_matrix(conv, GRID, order="channels_last"), np.kron(eye, w))
    for kind in ("local", "dense", "linear"):
        assert equal(conv, convert(conv, kind, GRID), GRID)


def test_s02_fails_with_stride_or_padding(dense_matrix):
    for conv in (nn.Conv2d(2, 5, 1, stride=2), nn.Conv2d(2, 5, 1, padding=1)):
        w = conv.weight.detach().numpy()[..., 0, 0]
        assert dense_matrix(conv, GRID).shape != np.kron(w, np.eye(12)).shape
