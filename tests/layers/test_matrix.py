import math
from inspect import unwrap

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from onebyone.errors import InputError
from onebyone.layers import LocallyConnected, matrix


@settings(max_examples=150)
@given(data=st.data())
def test_matrix_is_what_unit_vectors_find(oracle, layers, data):
    layer, input = layers(data)
    expected, bias = oracle(layer, input)
    m = matrix(layer, input)
    np.testing.assert_allclose(m.toarray(), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(m.bias, bias, rtol=0, atol=1e-12)
    assert (m.pattern.toarray() | (expected == 0)).all()
    assert m.weight.nnz == m.pattern.nnz == m.sharing.size == m.form.geometry.connections
    np.testing.assert_array_equal(m.weight.data, layer.weight.detach().numpy().ravel()[m.sharing])


@settings(max_examples=80)
@given(data=st.data(), order=st.sampled_from(["channels_first", "channels_last"]))
def test_operator_multiplies_as_the_matrix_does(layers, data, order):
    layer, input = layers(data)
    m = matrix(layer, input, order=order)
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=m.shape[1]), generator.normal(size=m.shape[0])
    np.testing.assert_allclose(m.operator() @ x, m @ x, rtol=0, atol=1e-12)
    np.testing.assert_allclose(m.operator().rmatvec(y), m.weight.T @ y, rtol=0, atol=1e-12)


@settings(max_examples=50)
@given(data=st.data())
def test_channels_last_permutes_rows_and_columns(layers, data):
    layer, input = layers(data)
    first, last = (matrix(layer, input, order=f"channels_{order}") for order in ("first", "last"))
    rows, columns = (
        np.moveaxis(np.arange(math.prod(grid)).reshape(grid), 0, -1).ravel()
        for grid in (first.form.geometry.output, input)
    )
    np.testing.assert_array_equal(last.toarray(), first.toarray()[np.ix_(rows, columns)])
    np.testing.assert_array_equal(last.bias, first.bias[rows])
    assert last.weight.has_canonical_format


def test_dense_layer_onto_a_grid():
    layer = nn.Linear(12, 8)
    m = matrix(layer, input=(3, 2, 2), output=(2, 2, 2))
    np.testing.assert_array_equal(m.toarray(), layer.weight.detach().numpy())
    np.testing.assert_array_equal(m.bias, layer.bias.detach().numpy())
    assert m.connections.all()


def test_linear_layer_of_the_channels_acts_at_every_position():
    layer = nn.Linear(2, 3)
    x = torch.randn(2, 4, 5)
    m = matrix(layer, input=(2, 4, 5))
    expected = layer(x.movedim(0, -1)).movedim(-1, 0).flatten().detach().numpy()
    np.testing.assert_allclose(m @ x.flatten().numpy() + m.bias, expected, atol=1e-6)


@pytest.mark.parametrize("layer", [nn.Linear(4, 3), LocallyConnected((4,), 3, ())])
def test_rank_zero(layer):
    x = torch.randn(4)
    m = matrix(layer, input=(4,))
    np.testing.assert_allclose(m @ x.numpy() + m.bias, layer(x).detach().numpy().ravel(), atol=1e-6)


def test_a_zero_weight_is_still_a_connection():
    layer = nn.Conv2d(2, 1, 1, bias=False)
    nn.init.zeros_(layer.weight)
    m = matrix(layer, input=(2, 2, 2))
    assert m.weight.nnz == m.pattern.nnz == 8
    assert not m.toarray().any()


def test_groups_show_in_the_connection_table():
    table = matrix(nn.Conv1d(4, 2, 3, groups=2), input=(4, 5)).connections
    np.testing.assert_array_equal(table, [[1, 1, 0, 0], [0, 0, 1, 1]])


def test_low_precision_and_layers_too_large_to_store():
    half = nn.Conv1d(1, 1, 1, bias=False).bfloat16()
    assert matrix(half, input=(1, 2)).weight.dtype == np.float32
    large = matrix(nn.Conv2d(64, 64, 3, padding=1), input=(64, 224, 224))
    with pytest.raises(InputError, match=r"1,838,694,400 entries .* bytes; use \.operator"):
        _ = large.weight
    assert large.operator().shape == large.shape == (64 * 224**2,) * 2


@pytest.mark.parametrize(
    ("layer", "input", "output", "message"),
    [
        (nn.ReLU(), (2, 2), None, "layer=ReLU"),
        (nn.LazyLinear(2), (2,), None, "has no weights yet"),
        (nn.Conv2d(2, 1, 3), (2, 2, 4), None, "kernel=3 .* larger than the padded input of 2"),
        (nn.Conv2d(2, 1, 1), (3, 2, 2), None, r"input=\(3, 2, 2\)"),
        (nn.Conv2d(2, 1, 1), (2, 4), None, r"2 channels and 2 axes"),
        (nn.Conv2d(2, 1, 1), (2, 2, 2), (1, 3, 3), r"output=\(1, 3, 3\)"),
        (nn.Linear(8, 4), (3, 2, 2), None, "takes 8 values"),
        (nn.Linear(8, 4), (2, 2, 2), (1, 2, 3), "this layer has 4 outputs"),
        (nn.Linear(8, 4), (2, 2, 2), (4,), "as many axes"),
        (nn.Linear(8, 4), (2, 2, 0), None, "all positive"),
        (nn.Linear(8, 4), (2, 1, 1, 2, 2), None, "up to 3 axes"),
        (LocallyConnected((2, 2), 1, 1), (2, 3), None, r"this layer takes \(2, 2\)"),
    ],
)
def test_bad_input_is_named(layer, input, output, message):
    with pytest.raises(InputError, match=message):
        matrix(layer, input, output)


def test_unknown_order_and_weights_that_are_not_finite():
    layer = nn.Linear(2, 1)
    with pytest.raises(InputError, match="order='rows'"):
        unwrap(matrix)(layer, (2,), order="rows")  # as without the tests' checks of annotations
    layer.weight = nn.Parameter(torch.ones(1, 2, dtype=torch.complex64))
    with pytest.raises(InputError, match=r"torch\.complex64: give a layer of floats"):
        matrix(layer, (2,))
    layer.weight = nn.Parameter(torch.full((1, 2), math.nan))
    with pytest.raises(InputError, match="NaN or infinite"):
        _ = matrix(layer, (2,)).weight


@settings(max_examples=40)
@given(data=st.data(), order=st.sampled_from(["channels_first", "channels_last"]))
def test_torch_sparse_multiplies_alike_and_shares_memory(layers, data, order):
    layer, input = layers(data)
    m = matrix(layer, input, order=order)
    sparse = m.torch()
    x = torch.randn(m.shape[1], dtype=torch.float64)
    np.testing.assert_allclose((sparse @ x[:, None])[:, 0], m @ x.numpy(), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(sparse.to_dense(), m.toarray())
    if not m.weight.nnz:
        return
    for tensor, array in (
        (sparse.crow_indices(), m.weight.indptr),
        (sparse.col_indices(), m.weight.indices),
        (sparse.values(), m.weight.data),
    ):
        assert tensor.data_ptr() == array.ctypes.data


def test_torch_sparse_of_low_precision_is_float32():
    sparse = matrix(nn.Conv1d(2, 3, 2).half(), (2, 5)).torch()
    assert sparse.layout == torch.sparse_csr
    assert sparse.dtype == torch.float32


@settings(max_examples=40)
@given(data=st.data(), part=st.integers(1, 40))
def test_entries_are_written_in_parts(oracle, layers, data, part):
    layer, input = layers(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("onebyone.layers.entries.PART", part)
        np.testing.assert_allclose(matrix(layer, input).toarray(), oracle(layer, input)[0])
