"""Modules of unknown kind whose constants are far larger than their weights."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from onebyone.errors import InputError
from onebyone.layers import NotLinear, equal, matrix, nearest


class Padded(nn.Module):
    """A convolution that another hand wrote."""

    def __init__(self, bias: float, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(2, 2, 3, generator=generator))
        self.shift = nn.Parameter(torch.full((2,), bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.conv1d(
            functional.pad(x, (1, 1), mode="circular"), self.weight, self.shift
        )


class Constant(nn.Module):
    """Some function, and a number that is added to it."""

    def __init__(self, function, constant: float) -> None:
        super().__init__()
        self.function, self.constant = function, constant

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x) + self.constant


class Detached(nn.Module):
    def __init__(self, scale: float, constant: float) -> None:
        super().__init__()
        self.scale, self.constant = scale, constant

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.detach() * self.scale + self.constant


@pytest.mark.parametrize("bias", [0.0, 3.0, 1e30, -1e38])
def test_the_bias_is_split_off_exactly(bias):
    a, b = Padded(bias), Padded(bias, seed=1)
    plain = nn.Conv1d(2, 2, 3, padding=1, padding_mode="circular")
    plain.weight, plain.bias = a.weight, a.shift
    assert equal(a, plain, (2, 5))
    assert not equal(a, b, (2, 5))
    np.testing.assert_array_equal(matrix(a, (2, 5)).toarray(), matrix(plain, (2, 5)).toarray())
    normed = nn.Sequential(a, nn.BatchNorm1d(2))
    normed[1].running_mean[:] = 0.5
    assert not equal(normed, nn.Sequential(b, normed[1]), (2, 5))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gradients_may_be_off(mode):
    with mode():
        assert equal(Padded(1e30), Padded(1e30), (2, 5))
        assert not equal(Padded(1e30), Padded(1e30, seed=1), (2, 5))


@pytest.mark.parametrize("constant", [1e20, 1e300])
@pytest.mark.parametrize("function", [torch.relu, torch.sin, torch.tanh, torch.square, torch.abs])
def test_a_constant_does_not_hide_what_is_not_linear(function, constant):
    with pytest.raises(InputError):
        matrix(Constant(function, constant).double(), (3,))
    with pytest.raises(NotLinear):
        matrix(Constant(function, 1.0), (3,))


def test_without_a_derivative_what_float64_cannot_separate_is_refused():
    np.testing.assert_array_equal(matrix(Detached(2.0, 3.0), (2,)).toarray(), 2 * np.eye(2))
    np.testing.assert_array_equal(matrix(Detached(2.0, 3.0), (2,)).bias, [3, 3])
    with pytest.raises(InputError, match="cannot tell its weights beside its constants") as caught:
        matrix(Detached(2.0, 1e30), (2,))
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, NotLinear)


def test_what_changes_its_input_in_place():
    class InPlace(nn.Module):
        def forward(self, x):
            return x.mul_(2).add_(1)

    np.testing.assert_array_equal(matrix(InPlace(), (3,)).toarray(), 2 * np.eye(3))


def test_one_number_for_each_input():
    class Sum(nn.Module):
        def forward(self, x):
            return x.flatten(1).sum(1) + 1

    np.testing.assert_array_equal(matrix(Sum(), (2, 3)).toarray(), np.ones((1, 6)))


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_layer_without_outputs_is_refused(wrapped):
    layer = nn.Linear(4, 0)
    with pytest.raises(InputError, match="has no outputs"):
        matrix(nn.Sequential(layer) if wrapped else layer, (4,))


def test_float8():
    layer = nn.Linear(3, 2).to(torch.float8_e4m3fn)
    np.testing.assert_array_equal(matrix(layer, (3,)).toarray(), layer.weight.detach().float())


def test_hooks_are_seen():
    conv = nn.Conv1d(2, 2, 1)
    plain = matrix(conv, (2, 3)).toarray()
    conv.register_forward_hook(lambda module, inputs, output: 2 * output)
    np.testing.assert_array_equal(matrix(conv, (2, 3)).toarray(), 2 * plain)


@pytest.mark.parametrize(
    ("layer", "grid"),
    [
        (nn.Conv1d(1, 1, 1, dtype=torch.complex64), (1, 3)),
        (nn.Sequential(nn.Linear(2, 2, dtype=torch.complex64), nn.Linear(2, 2)), (2,)),
        (nn.Embedding(3, 3), (3,)),
        (nn.Linear(3, 3, device="meta"), (3,)),
    ],
)
def test_other_types_are_refused(layer, grid):
    with pytest.raises(InputError) as caught:
        matrix(layer, grid)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_precision(dtype):
    layer = Padded(2.0).to(dtype)
    m = matrix(layer, (2, 300))
    assert m.form.weight.dtype == dtype
    assert set(np.unique(m.toarray())) <= {0.0, *layer.weight.detach().double().flatten().tolist()}


SMALLEST = math.ulp(0.0)


@pytest.mark.parametrize("size", [SMALLEST, 1e-300, 1e-160, 1.0, 1e160, 1e300])
def test_distances_of_any_size(size):
    layer = nn.Linear(4, 4, dtype=torch.float64)
    layer.weight.data = torch.diag(torch.tensor([0.0, 0, 0, size], dtype=torch.float64))
    nn.init.zeros_(layer.bias)
    found = nearest(layer, "pointwise", (1, 4), (1, 4))
    weight = found.layer.weight.item()
    expected = math.hypot(weight, weight, weight, size - weight)
    assert found.distance == pytest.approx(expected, rel=1e-12, abs=SMALLEST)
    assert found.distance > 0
    verdict = equal(found.layer, layer, (1, 4))
    assert verdict.distance == pytest.approx(found.distance, rel=1e-12)
    assert verdict.bound > 0
    assert not equal(found.layer, layer, (1, 4), tol=0.5 * verdict.bound) or size == SMALLEST
    local = nearest(layer, "local", (1, 4), (1, 4))
    assert (local.distance, equal(local.layer, layer, (1, 4)).distance) == (0, 0)
    if size > SMALLEST:
        assert found.relative == pytest.approx(expected / size)


def test_the_distance_is_that_of_the_layer_that_is_given():
    layer = nn.Linear(2, 2, bias=False, dtype=torch.float16)
    layer.weight.data = torch.diag(torch.tensor([1.0, 1 + 2**-10], dtype=torch.float16))
    found = nearest(layer, "pointwise", (1, 2), (1, 2))
    assert found.distance == equal(found.layer, layer, (1, 2)).distance == 2**-10


def test_zeros_of_either_sign_are_equal():
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    nn.init.zeros_(a.weight), nn.init.constant_(b.weight, -0.0)
    b.bias = a.bias
    assert equal(a, b, (2,))
    assert equal(a, nn.Sequential(b, nn.Identity()), (2,))
