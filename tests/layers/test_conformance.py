"""What every kind of layer holds to, with unit vectors pushed through the module as the oracle."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from onebyone.layers import (
    LocallyConnected,
    NotConvertible,
    convert,
    equal,
    identify,
    matrix,
    nearest,
)


class Conformance:
    """The suite that every kind inherits; a kind gives its layers and their grids.

    `cases` are calls that return a layer, its input grid and, for a dense layer, its output grid;
    `smallest` is the kind that `identify` finds.
    """

    cases: tuple = ()
    smallest = "convolution"
    atol = 1e-12

    def pytest_generate_tests(self, metafunc):
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", metafunc.cls.cases)

    @pytest.fixture
    def made(self, case):
        torch.manual_seed(0)
        layer, input, *output = case()
        return layer.double().eval(), input, (output or [None])[0]

    @pytest.fixture
    def expected(self, made, oracle):
        layer, input, _ = made
        return oracle(self.on_batches(layer, input), input)

    def on_batches(self, layer, input):
        return layer

    def test_matrix_and_bias(self, made, expected):
        m = matrix(*made)
        np.testing.assert_allclose(m.toarray(), expected[0], rtol=0, atol=self.atol)
        np.testing.assert_allclose(m.bias, expected[1], rtol=0, atol=self.atol)

    def test_pattern_and_connections(self, made, expected):
        m = matrix(*made)
        assert not (expected[0][~m.pattern.toarray()]).any()
        outputs, inputs = m.connections.shape
        blocks = expected[0].reshape(outputs, -1, inputs, math.prod(made[1][1:]))
        assert not blocks.any(axis=(1, 3))[~m.connections].any()
        weights = m.form.weight.reshape(-1).numpy()
        np.testing.assert_array_equal(weights[m.sharing], m.weight.data)

    def test_operator_and_torch(self, made, expected):
        m = matrix(*made)
        x = np.random.default_rng(0).normal(size=m.shape[1])
        y = np.random.default_rng(1).normal(size=m.shape[0])
        np.testing.assert_allclose(m @ x, expected[0] @ x, atol=1e-12)
        np.testing.assert_allclose(m.operator() @ x, expected[0] @ x, atol=1e-12)
        np.testing.assert_allclose(m.operator().rmatvec(y), y @ expected[0], atol=1e-12)
        np.testing.assert_allclose(m.torch().to_dense(), expected[0], atol=1e-12)

    def test_channels_last(self, made, expected):
        layer, input, output = made
        m = matrix(layer, input, output, order="channels_last")
        rows, columns = (
            np.moveaxis(np.arange(math.prod(grid)).reshape(grid), 0, -1).ravel()
            for grid in (m.form.geometry.output, input)
        )
        np.testing.assert_allclose(m.toarray(), expected[0][np.ix_(rows, columns)], atol=1e-12)

    def test_it_equals_its_dense_form_and_no_other(self, made, expected):
        layer, input, _ = made
        grid = matrix(*made).form.geometry.output
        dense = convert(layer, "dense", input, made[2])
        np.testing.assert_allclose(dense.weight.detach(), expected[0], atol=1e-12)
        assert equal(layer, dense, input, grid)
        with torch.no_grad():
            dense.weight[-1, -1] += 1
        verdict = equal(layer, dense, input, grid)
        assert not verdict
        assert verdict.distance == pytest.approx(1)
        assert verdict.witness.ravel()[-1] == 1

    def test_identify_finds_it_again_in_its_dense_form(self, made):
        layer, input, _ = made
        grid = matrix(*made).form.geometry.output
        found = identify(convert(layer, "dense", input, made[2]), input, grid)
        assert (found.kind, found.distance) == (self.smallest, 0)
        assert equal(found.layer, layer, input, grid)

    @pytest.mark.parametrize("to", ["local", "convolution", "pointwise"])
    def test_it_converts_to_what_it_is_and_to_nothing_else(self, made, expected, to):
        layer, input, output = made
        grid = matrix(*made).form.geometry.output
        order = ("pointwise", "convolution", "local", "dense")
        if to == "pointwise" and grid[1:] != input[1:]:
            return
        if order.index(to) < order.index(self.smallest):
            with pytest.raises(NotConvertible) as refusal:
                convert(layer, to, input, output)
            near = nearest(layer, to, input, output)
            assert refusal.value.nearest.distance == near.distance > 0
            return
        converted = convert(layer, to, input, output)
        np.testing.assert_allclose(matrix(converted, input).toarray(), expected[0], atol=1e-12)
        assert nearest(layer, to, input, output).distance == pytest.approx(0, abs=1e-12)


class TestDense(Conformance):
    cases = (
        lambda: (nn.Linear(6, 4), (6,)),
        lambda: (nn.Linear(12, 8), (3, 4), (2, 4)),
        lambda: (nn.Linear(12, 6), (3, 2, 2), (1, 2, 3)),
    )
    smallest = "dense"

    def on_batches(self, layer, input):
        return nn.Sequential(nn.Flatten(), layer)

    # Of a single location a fully connected layer is a locally connected one and a convolution.
    def test_it_converts_to_what_it_is_and_to_nothing_else(self, made, expected):
        layer, input, output = made
        if output is None:
            return
        with pytest.raises(NotConvertible):
            convert(layer, "convolution", input, output)

    def test_identify_finds_it_again_in_its_dense_form(self, made):
        assert identify(*made).kind in ("dense", "local")


class TestLocal(Conformance):
    cases = (
        lambda: (LocallyConnected((2, 5), 3, 2), (2, 5)),
        lambda: (LocallyConnected((2, 4, 4), 2, (3, 2), padding=(1, 0), groups=2), (2, 4, 4)),
        lambda: (LocallyConnected((1, 3, 3, 3), 2, 2, stride=1), (1, 3, 3, 3)),
    )
    smallest = "local"


class TestConvolution(Conformance):
    cases = (
        lambda: (nn.Conv1d(2, 3, 3, padding=1), (2, 6)),
        lambda: (nn.Conv2d(4, 2, (2, 3), stride=(2, 1), groups=2, bias=False), (4, 6, 5)),
        lambda: (nn.Conv2d(1, 2, 3, padding="same"), (1, 4, 5)),
        lambda: (nn.Conv3d(1, 2, 2, dilation=1), (1, 3, 3, 4)),
    )


class TestPointwise(Conformance):
    cases = (
        lambda: (nn.Conv1d(3, 2, 1), (3, 4)),
        lambda: (nn.Conv2d(2, 4, 1, groups=2, bias=False), (2, 3, 3)),
        lambda: (nn.Conv3d(2, 1, 1), (2, 2, 2, 2)),
    )
    smallest = "pointwise"


class TestLinearOnChannels(Conformance):
    cases = (lambda: (nn.Linear(3, 2), (3, 4)), lambda: (nn.Linear(2, 3, bias=False), (2, 2, 3)))
    smallest = "pointwise"

    def on_batches(self, layer, input):
        return OnChannels(layer)


class TestTransposed(Conformance):
    cases = (
        lambda: (nn.ConvTranspose1d(2, 3, 3, padding=1), (2, 5)),
        lambda: (nn.ConvTranspose2d(2, 2, 3, groups=2), (2, 3, 4)),
    )


class TestPooling(Conformance):
    atol = 1e-7  # a pooling has no parameters, so its matrix is of PyTorch's default type
    cases = (
        lambda: (nn.AvgPool1d(2), (2, 6)),
        lambda: (nn.AvgPool2d(3, stride=1, padding=1), (2, 4, 5)),
        lambda: (nn.AvgPool3d(2, divisor_override=3), (1, 4, 2, 2)),
        lambda: (nn.AdaptiveAvgPool2d(2), (2, 4, 6)),
    )


class TestAnyModuleThatIsLinear(Conformance):
    cases = (
        lambda: (nn.Sequential(nn.Conv1d(2, 3, 3, padding=1), nn.Identity()), (2, 6)),
        lambda: (nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(1, 2, 3)), (1, 4, 5)),
    )


class OnChannels(nn.Module):
    """A linear layer applied at every position."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.movedim(1, -1)).movedim(-1, 1)
