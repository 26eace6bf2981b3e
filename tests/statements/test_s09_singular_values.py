"""S9: the singular values of W ⊗ I are those of W, each H·W times; log|det| = HW·log|det W|."""

import numpy as np
from torch import nn


def test_s09_singular_values(dense_matrix):
    conv = nn.Conv2d(3, 3, 1).double()
    m, w = dense_matrix(conv, (3, 2, 2)), conv.weight.detach().numpy()[..., 0, 0]
    expected = np.repeat(np.linalg.svd(w, compute_uv=False), 4)
    np.testing.assert_allclose(np.linalg.svd(m, compute_uv=False), expected, atol=1e-12)
    np.testing.assert_allclose(np.linalg.slogdet(m)[1], 4 * np.linalg.slogdet(w)[1], atol=1e-12)


def test_s09_fails_for_a_wider_kernel(dense_matrix):
    conv = nn.Conv2d(3, 3, 3, padding=1).double()
    values = np.linalg.svd(dense_matrix(conv, (3, 2, 2)), compute_uv=False)
    assert len(np.unique(values.round(9))) == 12
