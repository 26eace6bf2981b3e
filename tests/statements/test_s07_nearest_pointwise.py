"""S7: a dense matrix is a 1×1 convolution iff M = W ⊗ I; the nearest is the mean of the blocks."""

import numpy as np
import pytest
import torch
from torch import nn

from onebyone.layers import NotConvertible, convert, equal, nearest

GRID, OUT = (2, 2, 2), (3, 2, 2)


def dense_of(weight: np.ndarray) -> nn.Linear:
    dense = nn.Linear(8, 12, bias=False).double()
    dense.weight.data = torch.from_numpy(weight)
    return dense


def test_s07_iff_w_kron_identity():
    w = np.random.default_rng(0).normal(size=(3, 2))
    conv = convert(dense_of(np.kron(w, np.eye(4))), "pointwise", GRID, OUT)
    np.testing.assert_array_equal(conv.weight.detach().numpy()[..., 0, 0], w)


def test_s07_nearest_pointwise():
    m = np.random.default_rng(0).normal(size=(12, 8))
    found = nearest(dense_of(m), "pointwise", GRID, OUT)
    mean = np.einsum("opcp->oc", m.reshape(3, 4, 2, 4)) / 4
    np.testing.assert_allclose(found.layer.weight.detach().numpy()[..., 0, 0], mean, atol=1e-12)
    assert found.distance == pytest.approx(np.linalg.norm(m - np.kron(mean, np.eye(4))))
    for step in np.eye(6).reshape(6, 3, 2) * 1e-3:
        assert np.linalg.norm(m - np.kron(mean + step, np.eye(4))) > found.distance


@pytest.mark.parametrize("entry", [(0, 1), (0, 0)])
def test_s07_fails_with_one_entry_moved(entry):
    m = np.kron(np.ones((3, 2)), np.eye(4))
    m[entry] += 0.25
    dense = dense_of(m)
    with pytest.raises(NotConvertible) as caught:
        convert(dense, "pointwise", GRID, OUT)
    assert not equal(dense, caught.value.nearest.layer, GRID)
    forbids = "cannot" if entry == (0, 1) else "shares one weight for both"
    assert caught.value.reason.endswith(forbids)
