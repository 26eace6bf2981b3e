"""Layers in a row and paddings that are not zeros, against sums of fractions."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from onebyone.errors import InputError
from onebyone.layers import KINDS, NotConvertible, convert, equal, identify, matrix, nearest

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
MODES = ("zeros", "circular", "reflect", "replicate")


def source(position, size, mode):
    """Return the position that stands at a place of the padded axis; None for a zero."""
    if 0 <= position < size:
        return position
    if mode == "zeros":
        return None
    if mode == "circular":
        return position % size
    if mode == "replicate":
        return min(max(position, 0), size - 1)
    return -position if position < 0 else 2 * (size - 1) - position


def fractions_of(conv, grid):
    """Return the matrix of a convolution, each entry a sum of fractions, its bias and its grid."""
    space, groups, weight = grid[1:], conv.groups, conv.weight.detach()
    spans = [d * (k - 1) for k, d in zip(conv.kernel_size, conv.dilation, strict=True)]
    same = conv.padding == "same"
    before = [span // 2 for span in spans] if same else conv.padding
    after = [span - span // 2 for span in spans] if same else conv.padding
    sizes = [n + b + a for n, b, a in zip(space, before, after, strict=True)]
    places = [(n - s - 1) // t + 1 for n, s, t in zip(sizes, spans, conv.stride, strict=True)]
    outputs = (conv.out_channels, *places)
    rows = np.full((math.prod(outputs), math.prod(grid)), Fraction(0))
    for row, (o, *place) in enumerate(np.ndindex(outputs)):
        first = o // (conv.out_channels // groups) * (grid[0] // groups)
        for c, *tap in np.ndindex(grid[0] // groups, *conv.kernel_size):
            read = [
                source(s * p + d * k - b, n, conv.padding_mode)
                for s, p, d, k, b, n in zip(
                    conv.stride, place, conv.dilation, tap, before, space, strict=True
                )
            ]
            if None not in read and weight[(o, c, *tap)]:
                column = np.ravel_multi_index((first + c, *read), grid)
                rows[row, column] += Fraction(float(weight[(o, c, *tap)]))
    bias = [0.0] * outputs[0] if conv.bias is None else conv.bias.tolist()
    each = np.array([Fraction(b) for b in bias for _ in range(math.prod(places))])
    return rows, each, outputs


def rounded(values, dtype):
    whole = torch.tensor([float(v) for v in values.ravel()], dtype=torch.float64).to(dtype)
    return whole.reshape(values.shape)


def draw_convolution(data, grid, dtype, scale=0, modes=MODES):
    rank = len(grid) - 1
    axis = st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 2))
    kernel, stride, dilation = zip(*data.draw(st.tuples(*[axis] * rank)), strict=True)
    mode = data.draw(st.sampled_from(modes))
    # PyTorch reflects less than an axis, and goes round once at most.
    most = {"reflect": -1, "circular": 0}.get(mode, 2)
    padding = tuple(data.draw(st.integers(0, min(3, n + most))) for n in grid[1:])
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    kernel = tuple(
        k if span <= n + 2 * p else 1
        for k, span, n, p in zip(kernel, spans, grid[1:], padding, strict=True)
    )
    groups = data.draw(st.sampled_from([g for g in (1, 2) if grid[0] % g == 0]))
    layer = CONVOLUTIONS[rank - 1](
        grid[0], groups * data.draw(st.integers(1, 2)), kernel, stride, padding, dilation, groups,
        data.draw(st.booleans()), mode,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    for parameter in layer.parameters():
        drawn = torch.randn(parameter.shape, dtype=torch.float64, generator=generator)
        exponents = torch.randint(-scale, scale + 1, parameter.shape, generator=generator)
        parameter.data = torch.ldexp(drawn, exponents).to(dtype)
    return layer


GRIDS = st.tuples(st.integers(1, 2), st.integers(1, 4), st.integers(1, 4)).map(
    lambda grid: grid[: 2 + grid[0] % 2]
)
TYPES = st.sampled_from([torch.float64, torch.float32, torch.bfloat16])


@settings(max_examples=40)
@given(data=st.data(), grid=GRIDS, dtype=TYPES, scale=st.sampled_from([0, 30]))
def test_every_padding_is_read_exactly(data, grid, dtype, scale):
    layer = draw_convolution(data, grid, dtype, scale)
    expected, bias, output = fractions_of(layer, grid)
    m = matrix(layer, grid)
    found = torch.tensor(m.toarray()), torch.tensor(m.bias)
    assert m.form.geometry.output == output
    one = torch.finfo(dtype).eps  # unit in the last place
    torch.testing.assert_close(found[0], rounded(expected, dtype).to(found[0]), rtol=one, atol=0)
    torch.testing.assert_close(found[1], rounded(bias, dtype).to(found[1]), rtol=0, atol=0)


@settings(max_examples=25)
@given(data=st.data(), grid=GRIDS, scale=st.sampled_from([0, 0, 40]))
def test_three_layers_in_a_row(data, grid, scale):
    layers, exact, shape = [], None, grid
    for _ in range(3):
        layer = draw_convolution(data, shape, torch.float32, scale)
        m, b, shape = fractions_of(layer, shape)
        exact = (m, b) if exact is None else (m @ exact[0], m @ exact[1] + b)
        layers.append(layer)
    m = matrix(nn.Sequential(layers[0], nn.Sequential(*layers[1:]), nn.Dropout()), grid)
    assert m.form.geometry.output == shape
    # Within one unit in the last place of each number, however much its terms cancel.
    np.testing.assert_allclose(m.toarray(), exact[0].astype(np.float64), rtol=2**-23, atol=0)
    np.testing.assert_allclose(m.bias, exact[1].astype(np.float64), rtol=2**-23, atol=0)


def circular(bias, seed=0, **options):
    layer = nn.Conv1d(2, 2, 3, padding=1, **{"padding_mode": "circular"} | options)
    generator = torch.Generator().manual_seed(seed)
    layer.weight.data = torch.randn(layer.weight.shape, generator=generator)
    nn.init.constant_(layer.bias, bias)
    return layer


@pytest.mark.parametrize("bias", [0.0, 1e30])
@pytest.mark.parametrize("mode", MODES)
def test_a_bias_does_not_hide_the_weights(bias, mode):
    a, b = (circular(bias, seed, padding_mode=mode) for seed in (0, 1))
    expected = fractions_of(a, (2, 5))[0].astype(np.float64)
    assert not equal(a, b, (2, 5))
    assert equal(a, circular(bias, padding_mode=mode), (2, 5))
    for to in ("dense", "local"):
        found = convert(a, to, (2, 5))
        m = matrix(found, (2, 5), (2, 5))
        np.testing.assert_allclose(m.toarray(), expected, rtol=2**-24, atol=0)
        assert set(m.bias.tolist()) == {a.bias[0].item()}
        assert equal(a, found, (2, 5))
    row = nn.Sequential(a, nn.Conv1d(2, 1, 1))
    assert not equal(row, nn.Sequential(b, row[1]), (2, 5))
    assert str(identify(a, (2, 5))).endswith("exactly")


def test_what_pads_by_nothing_is_the_convolution_itself():
    layer = nn.Conv2d(2, 3, 1, padding_mode="reflect")
    assert identify(layer, (2, 3, 3)).kind == "pointwise"
    assert convert(layer, "linear", (2, 3, 3), share=True).weight.data_ptr() == (
        layer.weight.data_ptr()
    )
    alone = nn.Sequential(nn.Identity(), nn.Sequential(layer), nn.Dropout2d())
    assert equal(alone, layer, (2, 300, 300)).reason.startswith("equal for every input (the same")


def test_terms_that_cancel_are_added_exactly():
    def row(weight):
        first = nn.Linear(1, 3, bias=False)
        first.weight.data = torch.tensor([[1e30], [weight], [-1e30]])
        last = nn.Linear(3, 1, bias=False)
        nn.init.ones_(last.weight)
        return nn.Sequential(first, last)

    assert matrix(row(1.0), (1,)).toarray() == 1
    assert not equal(row(1.0), row(2.0), (1,))
    assert "computed and rounded to float32" in equal(row(1.0), row(1.0), (1,)).reason
    assert equal(row(1.0), row(1.0), (1,))
    # Too many of them to add up in whole numbers.
    wide = nn.Linear(2000, 2000, bias=False)
    both = nn.Sequential(wide, nn.Linear(2000, 1, bias=False))
    both[0].weight.data[::2] = -both[0].weight.data[1::2]
    nn.init.ones_(both[1].weight)
    with pytest.raises(InputError, match="cannot tell from rounding"):
        matrix(both, (2000,))


@pytest.mark.parametrize(
    ("dtype", "size", "message"),
    [
        (torch.float32, 1e-30, "float32 cannot hold; give layer.double()"),
        (torch.float32, 1e30, "float32 cannot hold"),
        (torch.float16, 1e-4, "float16 cannot hold"),
        (torch.float64, 1e-200, "beyond float64"),
        (torch.float64, 1e200, "beyond float64"),
        (torch.float64, math.inf, "give finite"),
        (torch.float64, math.nan, "give finite"),
        (torch.float64, 1e305, "sums float64 can hold"),
    ],
)
def test_numbers_that_a_type_cannot_hold_are_refused(dtype, size, message):
    one = nn.Linear(1, 1, bias=False, dtype=dtype)
    nn.init.constant_(one.weight, size)
    with pytest.raises(InputError, match=message) as caught:
        matrix(nn.Sequential(one, one), (1,))
    assert "\n" not in str(caught.value)
    if dtype == torch.float32 and size < 1:
        assert (
            matrix(nn.Sequential(one, one).double(), (1,)).toarray()
            == float(np.float32(1e-30)) ** 2
        )


def test_layers_that_a_row_has_twice():
    conv = nn.Conv1d(2, 2, 3, padding=1, padding_mode="circular").double()
    once, twice = matrix(conv, (2, 4)), matrix(nn.Sequential(conv, conv), (2, 4))
    np.testing.assert_allclose(twice.toarray(), once.toarray() @ once.toarray(), atol=1e-15)


def test_poolings_in_a_row():
    pools = nn.Sequential(nn.AvgPool2d(3, padding=1), nn.Flatten(), nn.Linear(8, 3)).double()
    expected = pools[2].weight.detach().numpy() @ matrix(pools[0], (2, 4, 4)).toarray()
    np.testing.assert_allclose(matrix(pools, (2, 4, 4)).toarray(), expected, rtol=1e-6)
    third = 1 / 9  # of float64, since the layers are
    assert matrix(pools[:2], (2, 4, 4)).toarray().max() == third
    assert equal(nn.Sequential(nn.AvgPool1d(3)), nn.AvgPool1d(3), (1, 6))


@pytest.mark.parametrize(
    ("layer", "grid", "message"),
    [
        (nn.Conv1d(1, 1, 3, padding=4, padding_mode="reflect"), (1, 4), "does not take it"),
        (nn.Conv1d(1, 1, 3, padding=5, padding_mode="circular"), (1, 4), "does not take it"),
        (nn.Conv1d(1, 1, 9, padding=1, padding_mode="circular"), (1, 4), "larger than the padded"),
        (nn.Conv1d(2, 1, 3, padding_mode="circular"), (1, 4), "takes 2 channels"),
        (nn.Conv1d(1, 1, 3, padding=1, padding_mode="circular"), (1, 4, 4), "1 axes"),
        (nn.Sequential(nn.Conv1d(1, 2, 1), nn.Conv1d(1, 2, 1)), (1, 4), "takes 1 channels"),
        (nn.Sequential(nn.Flatten(), nn.Linear(5, 2)), (1, 4), "takes 5 values"),
    ],
)
def test_bad_input_is_named(layer, grid, message):
    with pytest.raises(InputError, match=message) as caught:
        matrix(layer, grid)
    assert "\n" not in str(caught.value)


def test_conversions_of_rows_are_equal_or_refused():
    row = nn.Sequential(
        nn.Conv1d(2, 3, 3, padding=1, padding_mode="circular"), nn.Conv1d(3, 2, 3, padding=1)
    ).double()
    for to, size in itertools.product(KINDS, (4, 6)):
        if near := nearest(row, to, (2, size)).distance:
            with pytest.raises(NotConvertible) as refused:
                convert(row, to, (2, size))
            assert refused.value.nearest.distance == near
        else:
            assert equal(convert(row, to, (2, size)), row, (2, size))
