from inspect import unwrap

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from onebyone.errors import InputError
from onebyone.layers import LocallyConnected, NotConvertible, convert, equal, matrix

GRID, OUT = (2, 2, 2), (1, 2, 2)


@settings(max_examples=60)
@given(data=st.data(), to=st.sampled_from(["dense", "local"]))
def test_every_layer_is_dense_and_local(oracle, layers, data, to):
    layer, input = layers(data)
    converted = convert(layer, to, input)
    m = matrix(converted, input, matrix(layer, input).form.geometry.output)
    expected, bias = oracle(layer, input)
    np.testing.assert_allclose(m.toarray(), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(m.bias, bias, rtol=0, atol=1e-12)


@settings(max_examples=40)
@given(data=st.data())
def test_there_and_back_again_is_bit_for_bit(layers, data):
    layer, input = layers(data)
    if isinstance(layer, LocallyConnected):
        return
    back = convert(convert(layer, "local", input), "convolution", input)
    inside = convert(back, "local", input)
    assert type(back) is type(layer)
    assert equal(back, layer, input)
    assert equal(inside, layer, input)


@settings(max_examples=80)
@given(data=st.data(), to=st.sampled_from(["convolution", "local"]))
def test_back_from_dense_without_taps_that_are_zero(oracle, layers, data, to):
    layer, input = layers(data)
    local = isinstance(layer, LocallyConnected)
    output = matrix(layer, input).form.geometry.output
    # At a stride past the input, positions have nothing to share; over one position (S3) holds.
    assume(to == "local" or not local)
    assume(to == "local" or all(s < n for s, n in zip(layer.stride, input[1:], strict=True)))
    back = convert(convert(layer, "dense", input, output), to, input, output)
    np.testing.assert_array_equal(oracle(back, input)[0], oracle(layer, input)[0])
    if np.prod(output[1:]) > 1:
        kernel = layer.weight.shape[-len(input) + 1 :]
        assert np.prod(back.weight.shape[-len(input) + 1 :]) <= np.prod(kernel)


def test_a_dense_layer_is_one_fully_connected_layer_per_location():
    dense = nn.Linear(8, 4)
    local = convert(dense, "local", GRID, OUT)
    x = torch.randn(3, *GRID)
    torch.testing.assert_close(local(x).flatten(1), dense(x.flatten(1)))


def test_zeros_stay_where_the_storage_is_shared_or_the_window_is_the_input():
    dense = convert(nn.Conv2d(2, 1, 1), "dense", GRID)
    assert convert(dense, "convolution", GRID, OUT).kernel_size == (1, 1)
    nn.init.zeros_(dense.weight)
    assert convert(dense, "convolution", GRID).kernel_size == (2, 2)
    assert convert(dense, "convolution", GRID, share=True).kernel_size == (2, 2)


def test_the_forms_of_the_original_example():
    conv = nn.Conv2d(2, 1, 1)
    local = convert(conv, "local", GRID)
    dense = convert(conv, "dense", GRID)
    linear = convert(conv, "linear", GRID)
    assert local.weight.shape == (1, 2, 2, 2, 1, 1)
    assert dense.weight.shape == (4, 8)
    assert linear.weight.shape == (1, 2)
    assert "S2: one fully connected layer on the channels" in equal(conv, linear, GRID).reason
    for layer, output in ((local, None), (dense, OUT), (linear, None)):
        back = convert(layer, "pointwise", GRID, output)
        assert isinstance(back, nn.Conv2d)
        torch.testing.assert_close(back.weight, conv.weight, rtol=0, atol=0)
        torch.testing.assert_close(back.bias, conv.bias, rtol=0, atol=0)


def test_a_dense_layer_names_the_connection_that_forbids():
    with pytest.raises(NotConvertible) as caught:
        convert(nn.Linear(8, 4), "pointwise", GRID, OUT)
    assert caught.value.reason == (
        "output (0, 0, 0) reads input (0, 0, 1); a 1×1 convolution cannot"
    )
    assert caught.value.witness.shape == GRID
    assert 0 < caught.value.nearest.relative < 1


def test_weights_that_would_have_to_be_one_are_named():
    local = convert(nn.Conv2d(2, 1, 1), "local", GRID)
    with torch.no_grad():
        local.weight[0, :, :, 0] = 1.0
        local.weight[0, 0, 1, 0] = 0.5
    with pytest.raises(NotConvertible, match="shares one weight for both") as caught:
        convert(local, "pointwise", GRID)
    assert caught.value.reason.startswith(
        "output (0, 0, 0) reads input (0, 0, 0) with weight 1, and "
        "output (0, 0, 1) reads input (0, 0, 1) with weight 0.5"
    )


def test_biases_that_would_have_to_be_one():
    local = convert(nn.Conv2d(2, 1, 1), "local", GRID)
    with torch.no_grad():
        local.bias[0, 1, 1] += 1
    with pytest.raises(NotConvertible, match="the biases of output"):
        convert(local, "convolution", GRID)


@pytest.mark.parametrize(
    ("to", "input", "shape"),
    [
        ("convolution", (2, 2, 2), (4, 2, 2, 2)),
        ("pointwise", (8, 1, 1), (4, 8, 1, 1)),
        ("linear", (8, 1, 1), (4, 8)),
        ("local", (2, 2, 2), (4, 1, 1, 2, 2, 2)),
    ],
)
def test_shared_storage_trains_both(to, input, shape):
    dense = nn.Linear(8, 4)
    other = convert(dense, to, input, share=True)
    assert other.weight.shape == shape
    x = torch.randn(1, *input)
    before = dense(x.flatten(1))
    (other(x) if to != "linear" else other(x.movedim(1, -1))).sum().backward()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.sub_(parameter.grad)
    assert not torch.equal(dense(x.flatten(1)), before)
    assert equal(dense, other, input)


def test_the_smallest_difference_counts():
    local = convert(nn.Conv1d(1, 1, 1, bias=False).double(), "local", (1, 2))
    local.weight.data.zero_()[0, 1] = 5e-324
    with pytest.raises(NotConvertible):
        convert(local, "pointwise", (1, 2))


def test_without_share_the_copy_is_its_own():
    dense = nn.Linear(8, 4)
    conv = convert(dense, "convolution", GRID)
    assert conv.weight.data_ptr() != dense.weight.data_ptr()
    assert conv.bias.data_ptr() != dense.bias.data_ptr()


def test_bad_input_is_named():
    conv = nn.Conv2d(2, 1, 1)
    with pytest.raises(InputError, match="share=True: a 1×1 convolution and a fully connected"):
        convert(conv, "dense", GRID, share=True)
    with pytest.raises(InputError, match="to='circle'"):
        unwrap(convert)(conv, "circle", GRID)  # as without the tests' checks of annotations
    with pytest.raises(InputError, match=r"pointwise over input=\(8, 1, 1\) \(S4\)"):
        convert(nn.Linear(8, 4), "pointwise", GRID)
    with pytest.raises(InputError, match="no convolution of rank 0"):
        convert(nn.Linear(8, 4), "convolution", (8,))
