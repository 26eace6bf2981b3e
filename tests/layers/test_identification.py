import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from onebyone.errors import InputError
from onebyone.layers import LocallyConnected, convert, equal, identify, matrix

ORDER = ("pointwise", "convolution", "local", "dense")


def dense_form(weight: np.ndarray, bias: np.ndarray) -> nn.Linear:
    dense = nn.Linear(weight.shape[1], weight.shape[0]).double()
    dense.weight.data, dense.bias.data = torch.from_numpy(weight.copy()), torch.from_numpy(bias)
    return dense


def grid_of(layer: nn.Module, input: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(layer(torch.zeros(1, *input, dtype=torch.float64)).shape[1:])


@settings(max_examples=150)
@given(data=st.data())
def test_the_dense_form_of_a_layer_is_identified_back(oracle, layers, data):
    layer, input = layers(data)
    weight, bias = oracle(layer, input)
    found = identify(dense_form(weight, bias), input, grid_of(layer, input))
    assert found.distance == 0
    if found.kind == "dense":
        back, back_bias = found.layer.weight.detach().numpy(), found.layer.bias.detach().numpy()
    else:
        back, back_bias = oracle(found.layer, input)
    np.testing.assert_allclose(back, weight, rtol=0, atol=1e-12)
    np.testing.assert_allclose(back_bias, bias, rtol=0, atol=1e-12)
    stored = sum(parameter.numel() for name, parameter in found.layer.named_parameters()
                 if name == "weight")  # fmt: skip
    assert found.weights == stored <= weight.size


@settings(max_examples=80)
@given(data=st.data())
def test_a_convolution_is_no_larger_than_the_one_drawn(oracle, layers, data):
    layer, input = layers(data)
    assume(not isinstance(layer, LocallyConnected))
    # On one input, or at a stride past the input, the positions have nothing to share.
    assume(all(s < n for s, n in zip(layer.stride, input[1:], strict=True)))
    found = identify(dense_form(*oracle(layer, input)), input, grid_of(layer, input))
    assert found.kind in ORDER[:2]
    assert math.prod(found.kernel) <= math.prod(layer.kernel_size)
    assert found.groups % layer.groups == 0


@pytest.mark.parametrize(
    ("conv", "input"),
    [
        (nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), (4, 9, 8)),
        (nn.Conv1d(2, 3, 3, stride=3, dilation=2, padding=2), (2, 20)),
        (nn.Conv2d(2, 3, (2, 3), stride=(2, 1)), (2, 9, 8)),
        (nn.Conv3d(1, 2, 2, padding=1, stride=2), (1, 6, 7, 6)),
    ],
)
@pytest.mark.parametrize("noise", [0.0, 1e-4])
def test_windows_are_recovered_under_noise(conv, input, noise):
    output = matrix(conv, input).form.geometry.output
    dense = convert(conv, "dense", input)
    disturbance = noise * torch.randn(dense.weight.shape)
    dense.weight.data += disturbance
    found = identify(dense, input, output, tol=1.01 * float(disturbance.norm()))
    for ours, theirs in (
        ("kernel", "kernel_size"), ("stride", "stride"), ("dilation", "dilation"),
        ("groups", "groups"),
    ):  # fmt: skip
        assert getattr(found, ours) == getattr(conv, theirs)
    assert found.padding == tuple((p, p) for p in conv.padding)
    assert found.distance <= float(disturbance.norm())
    assert identify(dense, input, output).kind == ("dense" if noise else "convolution")
    assert bool(equal(found.layer, conv, input)) == (noise == 0)


def test_even_kernels_of_same_padding_stay_even():
    conv = nn.Conv2d(2, 1, (2, 4), padding="same")
    dense = convert(conv, "dense", (2, 6, 7))
    found = identify(dense, (2, 6, 7), (1, 6, 7))
    assert (found.kernel, found.padding) == ((2, 4), ((0, 1), (1, 2)))
    assert found.layer.padding == "same"


def test_biases_of_their_own_are_no_convolution():
    dense = convert(nn.Conv2d(2, 1, 1), "dense", (2, 2, 2))
    dense.bias.data[0] += 1
    found = identify(dense, (2, 2, 2), (1, 2, 2))
    assert str(found) == "a locally connected layer of 1×1 windows, 8 of 32 weights, exactly"
    assert identify(dense, (2, 2, 2), (1, 2, 2), tol=1.0).kind == "pointwise"


def test_what_it_says():
    conv = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
    assert str(identify(conv, (4, 7, 6))) == (
        "a 3×3 convolution, stride 2, padding 1, 2 groups, 108 of 12,096 weights, exactly"
    )
    assert str(identify(nn.Linear(8, 4), (2, 2, 2), (1, 2, 2))) == (
        "a fully connected layer, exactly"
    )
    assert identify(nn.Linear(8, 4), (2, 2, 2)).kind == "convolution"
    assert identify(nn.Linear(8, 4), (8, 1, 1)).kind == "pointwise"
    assert identify(nn.Linear(8, 4), (8,)).kind == "dense"


def test_the_smallest_weight_is_a_connection():
    dense = nn.Linear(4, 4, bias=False).double()
    dense.weight.data = torch.eye(4, dtype=torch.float64)
    assert identify(dense, (1, 4), (1, 4)).kind == "pointwise"
    dense.weight.data[1, 3] = 5e-324
    assert identify(dense, (1, 4), (1, 4)).kind in ORDER[2:]


def test_bad_input_is_named():
    with pytest.raises(InputError, match="tol=-1"):
        identify(nn.Linear(2, 2), (2,), tol=-1.0)
    with pytest.raises(InputError, match="give a smaller input"):
        identify(nn.Conv2d(64, 64, 3), (64, 224, 224))
