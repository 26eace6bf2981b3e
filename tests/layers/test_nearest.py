import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from onebyone.errors import InputError
from onebyone.layers import KINDS, equal, matrix, nearest

GRID, OUT = (2, 2, 2), (1, 2, 2)


@settings(max_examples=40)
@given(data=st.data(), to=st.sampled_from(KINDS))
def test_nearest_is_the_least_squares_solution(layers, data, to):
    layer, input = layers(data)
    try:
        found = nearest(layer, to, input)
    except InputError:
        assert to in ("pointwise", "linear")
        return
    source, near = matrix(layer, input), matrix(found.layer, input, _output(layer, input))
    # Least squares is optimal when what is left over is orthogonal to every weight's entries.
    left = source.toarray() - near.toarray()
    rows = np.repeat(np.arange(near.shape[0]), np.diff(near.weight.indptr))
    slopes = np.bincount(near.sharing, left[rows, near.weight.indices])
    np.testing.assert_allclose(slopes, 0, atol=1e-9)
    assert found.distance == pytest.approx(
        np.hypot(
            np.linalg.norm(left),
            np.linalg.norm(source.bias - near.bias),
        ),
        abs=1e-9,
    )
    whole = np.hypot(np.linalg.norm(source.toarray()), np.linalg.norm(source.bias))
    assert found.relative == pytest.approx(found.distance / whole, abs=1e-9)


def _output(layer, input):
    return matrix(layer, input).form.geometry.output


def test_mean_of_the_diagonal_blocks():
    dense = nn.Linear(8, 4).double()
    found = nearest(dense, "pointwise", GRID, OUT)
    blocks = dense.weight.detach().reshape(4, 2, 4).diagonal(dim1=0, dim2=2).mean(-1)
    torch.testing.assert_close(found.layer.weight.flatten(), blocks.flatten())
    torch.testing.assert_close(found.layer.bias, dense.bias.mean()[None])
    verdict = equal(found.layer, dense, GRID)
    assert found.distance == pytest.approx(verdict.distance)


def test_kernel_is_a_choice():
    dense = nn.Linear(8, 4)
    distances = [nearest(dense, "convolution", GRID, OUT, kernel=k).distance for k in (1, 3, 5)]
    assert distances[0] > distances[1] == pytest.approx(distances[2])
    assert distances[0] == pytest.approx(nearest(dense, "pointwise", GRID, OUT).distance)
    assert nearest(dense, "convolution", GRID, OUT).layer.kernel_size == (3, 3)
    with pytest.raises(InputError, match=r"kernel=\(2, 2\)"):
        nearest(dense, "convolution", GRID, OUT, kernel=2)
    with pytest.raises(InputError, match="only to='convolution'"):
        nearest(dense, "pointwise", GRID, OUT, kernel=1)


def test_a_layer_of_zeros_is_at_no_relative_distance():
    layer = nn.Linear(8, 4, bias=False)
    nn.init.zeros_(layer.weight)
    assert nearest(layer, "pointwise", GRID, OUT).relative == 0
