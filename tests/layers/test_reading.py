"""Poolings, transposed convolutions and modules of unknown kind, against pushed unit vectors."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from helpers.operators import average_pooling, transposed_convolution
from onebyone.errors import InputError
from onebyone.layers import NotLinear, convert, equal, identify, matrix

SHAPES = st.lists(st.integers(1, 4), min_size=2, max_size=4).map(tuple)


@settings(max_examples=60)
@given(data=st.data(), shape=SHAPES)
def test_transposed_convolutions(oracle, data, shape):
    layer = transposed_convolution(data.draw, shape).double()
    expected, bias = oracle(layer, shape)
    m = matrix(layer, shape)
    np.testing.assert_allclose(m.toarray(), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(m.bias, bias, rtol=0, atol=1e-12)
    x, y = np.random.default_rng(0).normal(size=m.shape[1]), np.arange(float(m.shape[0]))
    np.testing.assert_allclose(m.operator() @ x, expected @ x, rtol=0, atol=1e-11)
    np.testing.assert_allclose(m.operator().rmatvec(y), y @ expected, rtol=0, atol=1e-9)
    local = convert(layer, "local", shape)
    np.testing.assert_allclose(oracle(local, shape)[0], expected, rtol=0, atol=1e-12)


@settings(max_examples=60)
@given(data=st.data(), shape=SHAPES)
def test_average_pooling(oracle, data, shape):
    assume(min(shape[1:]) > 1)
    layer = average_pooling(data.draw, shape)
    expected, bias = oracle(layer, shape)
    m = matrix(layer, shape)
    assert not bias.any()
    np.testing.assert_allclose(m.toarray(), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize(("size", "kind"), [(1, "convolution"), ((2, None), "convolution"),
                                            ((3, 2), "dense")])  # fmt: skip
def test_adaptive_average_pooling(oracle, size, kind):
    layer = nn.AdaptiveAvgPool2d(size)
    m = matrix(layer, (3, 4, 6))
    assert m.form.geometry.kind == kind
    np.testing.assert_allclose(m.toarray(), oracle(layer, (3, 4, 6))[0], rtol=0, atol=1e-7)


def test_global_average_pooling_is_a_depthwise_convolution():
    depthwise = nn.Conv2d(3, 3, (2, 4), groups=3, bias=False)
    nn.init.constant_(depthwise.weight, 1 / 8)
    assert equal(nn.AdaptiveAvgPool2d(1), depthwise, (3, 2, 4))
    assert equal(nn.AvgPool2d((2, 4)), depthwise, (3, 2, 4))
    assert isinstance(convert(nn.AvgPool2d(2), "convolution", (3, 4, 4)), nn.Conv2d)


def test_of_stride_1_it_is_a_convolution():
    transposed = nn.ConvTranspose2d(2, 3, 3, padding=1)
    conv = convert(transposed, "convolution", (2, 5, 5))
    x = torch.randn(1, 2, 5, 5)
    torch.testing.assert_close(conv(x), transposed(x))
    assert equal(conv, transposed, (2, 5, 5))
    # Of stride 2 its positions take turns with the taps: no convolution, but a local layer.
    spread = nn.ConvTranspose1d(1, 1, 2, stride=2, bias=False)
    assert str(matrix(spread, (1, 3)).form.geometry) == "a transposed length-2 convolution"
    assert identify(spread, (1, 3)).kind in ("local", "dense")


class Shear(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.cumsum(-1) - 2 * x.flip(1) + 3


@pytest.mark.parametrize(
    "layer",
    [
        Shear(),
        nn.Sequential(nn.Conv1d(2, 3, 3, padding=1), nn.BatchNorm1d(3), nn.Conv1d(3, 2, 1)),
        nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(10, 6)),
        nn.Conv1d(2, 2, 3, padding=1, padding_mode="circular"),
        nn.AvgPool1d(3, 2, 1, count_include_pad=False),
        nn.AvgPool1d(2, 2, ceil_mode=True),
    ],
    ids=["affine function", "sequence", "flattened", "circular", "borders count less", "ceil"],
)
def test_any_linear_module(oracle, layer):
    was_training = layer.training
    m = matrix(layer, (2, 5))
    assert layer.training == was_training
    expected, bias = oracle(layer.eval().double(), (2, 5))
    np.testing.assert_allclose(m.toarray(), expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(m.bias, bias, rtol=0, atol=1e-6)


def test_weights_come_back_as_they_were():
    conv = nn.Conv1d(2, 3, 3, padding=1)
    assert equal(nn.Sequential(conv), conv, (2, 5))
    assert matrix(nn.Sequential(conv, nn.Flatten()), (2, 5), (3, 5)).form.geometry.output == (3, 5)


@pytest.mark.parametrize(
    "layer", [nn.ReLU(), nn.Softmax(1), nn.MaxPool1d(2), nn.Hardtanh(-1e4, 1e4), nn.GELU(),
              nn.Sequential(nn.Conv1d(2, 3, 1), nn.Tanh())],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_what_is_not_linear_is_refused_with_a_witness(layer):
    with pytest.raises(NotLinear, match="is not linear") as caught:
        matrix(layer, (2, 4))
    x = torch.from_numpy(caught.value.witness)
    layer = layer.double()
    zero = layer(torch.zeros_like(x)[None])
    units = torch.eye(8, dtype=torch.float64).reshape(8, 2, 4)
    by_units = ((layer(units) - zero) * x.flatten().reshape(8, 1, 1)).sum(0) + zero[0]
    assert not torch.allclose(layer(x[None])[0], by_units)


@pytest.mark.parametrize(
    ("layer", "input", "output", "message"),
    [
        (nn.ConvTranspose1d(2, 1, 1), (3, 4), None, "takes 2 channels and 1 axes"),
        (nn.ConvTranspose1d(2, 1, 1, padding=3), (2, 4), None, "leaves no output"),
        (nn.AvgPool2d(2), (3, 4), None, "2 axes"),
        (nn.AvgPool1d(5), (3, 4), None, "larger than the padded input"),
        (nn.Sequential(nn.Linear(3, 2)), (2, 4), None, "does not take input"),
        (nn.Sequential(nn.Linear(4, 2)), (2, 4), (1, 3), "this layer has 4 outputs"),
        (nn.Flatten(0), (2, 4), None, "one tensor"),
        (nn.Identity(), (64, 224, 224), None, "give a smaller input"),
    ],
)
def test_bad_input_is_named(layer, input, output, message):
    with pytest.raises(InputError, match=message):
        matrix(layer, input, output)


WRONG = """
import torch
from torch import nn
import onebyone as ob

conv, linear, grid = nn.Conv2d(2, 1, 1), nn.Linear(8, 4), (2, 2, 2)
things = [
    None, 3, 2.5, "2,2,2", [2, "a", 2], (2, 2.5, 2), (2, None, 2), {"a": 1}, object(), [], "",
    b"22", float("nan"), -1, torch.zeros(3), nn.ReLU(), len,
]
calls = {
    "layer": [
        lambda x: ob.matrix(x, grid), lambda x: ob.equal(conv, x, grid),
        lambda x: ob.equal(x, conv, grid), lambda x: ob.convert(x, "dense", grid),
        lambda x: ob.nearest(x, "pointwise", grid), lambda x: ob.identify(x, grid),
        lambda x: ob.compare(x, grid), lambda x: ob.explain(x, grid),
        lambda x: ob.rewrite(x, "linear"),
    ],
    "input": [
        lambda x: ob.matrix(conv, x), lambda x: ob.equal(conv, linear, x),
        lambda x: ob.convert(conv, "dense", x), lambda x: ob.nearest(linear, "pointwise", x),
        lambda x: ob.identify(conv, x), lambda x: ob.compare(conv, x),
        lambda x: ob.explain(conv, x),
    ],
    "output": [
        lambda x: ob.matrix(linear, grid, x), lambda x: ob.equal(conv, linear, grid, x),
        lambda x: ob.convert(linear, "convolution", grid, x),
    ],
    "to": [lambda x: ob.convert(conv, x, grid), lambda x: ob.nearest(conv, x, grid)],
    "tol": [
        lambda x: ob.equal(conv, conv, grid, None, x), lambda x: ob.identify(conv, grid, None, x),
    ],
    "kernel": [lambda x: ob.nearest(linear, "convolution", grid, (1, 2, 2), x)],
    "batch": [lambda x: ob.compare(conv, grid, None, x) if x is not things[1] else 3],
    "where": [lambda x: ob.rewrite(linear, "convolution", where=x)],
}
for name, some in calls.items():
    for call in some:
        for thing in things:
            try:
                call(thing)
            except (ob.InputError, ob.NotConvertible, ob.NotLinear):
                continue
            except Exception as error:
                print(f"{name}={thing!r}: {type(error).__name__}: {error}")
"""


def test_arguments_of_wrong_types_are_told_which() -> None:
    """In a process of its own, without the checks of types that tests wrap functions in."""
    command = [sys.executable, "-W", "ignore", "-c", WRONG]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == ""
