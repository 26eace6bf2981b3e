import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from onebyone.errors import InputError
from onebyone.layers import KINDS, NotConvertible, convert, equal, matrix

GRID = (2, 2, 2)


@settings(max_examples=60)
@given(data=st.data())
def test_witness_distance_and_bound_are_those_of_the_matrices(oracle, layers, data):
    layer, input = layers(data)
    other = convert(layer, "dense", input)
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 9)))
    with torch.no_grad():
        other.weight += torch.randn(other.weight.shape, generator=generator)
    verdict = equal(layer, other, input)
    delta = oracle(layer, input)[0] - other.weight.detach().double().numpy()
    assert not verdict
    _, column = np.unravel_index(np.abs(delta).argmax(), delta.shape)
    assert verdict.witness.shape == input
    assert verdict.witness.ravel()[column] == verdict.witness.sum() == 1
    assert verdict.distance == pytest.approx(np.linalg.norm(delta))
    assert verdict.bound == pytest.approx(np.linalg.norm(delta, axis=1).max())
    assert equal(layer, other, input, tol=verdict.bound)
    assert not equal(layer, other, input, tol=0.99 * verdict.bound)


@settings(max_examples=100)
@given(data=st.data(), local=st.booleans())
def test_alike_windows_are_compared_by_their_weights(oracle, layers, data, local):
    layer, input = layers(data)
    other = convert(layer, "local", input) if local else copy.deepcopy(layer)
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 9)))
    some = data.draw(st.sampled_from([0.1, 1.0]))
    for parameter in other.parameters():
        change = torch.randn(parameter.shape, generator=generator)
        parameter.data += change * (torch.rand(parameter.shape, generator=generator) < some)
    if data.draw(st.booleans()):
        other.weight.data = other.weight.data.float().double().round(decimals=1)
    verdict = equal(layer, other, input)
    (first, bias), (second, other_bias) = (oracle(each, input) for each in (layer, other))
    delta, delta_bias = np.abs(first - second), np.abs(bias - other_bias)
    assert verdict.distance == pytest.approx(
        np.hypot(np.linalg.norm(delta), np.linalg.norm(delta_bias))
    )
    assert verdict.bound == pytest.approx((np.linalg.norm(delta, axis=1) + delta_bias).max())
    if not delta.max() > 1e-12:
        return
    at = verdict.connection
    row = np.ravel_multi_index(at.output, matrix(layer, input).form.geometry.output)
    column = np.ravel_multi_index(at.input, input)
    assert delta[row, column] == pytest.approx(delta.max())
    assert verdict.witness.ravel()[column] == verdict.witness.sum() == 1
    # Of all the largest it is the first.
    assert not (delta.ravel()[: row * delta.shape[1] + column] > delta.max() + 1e-12).any()
    weights = first[row, column], second[row, column]
    assert "with weight {:.6g} in the first layer, {:.6g} in".format(*weights) in verdict.reason


def test_layers_too_large_for_a_matrix_are_compared():
    a, b = (nn.Conv2d(64, 64, 3, padding=1) for _ in range(2))
    verdict = equal(a, b, (64, 224, 224))
    assert "with weight" in verdict.reason
    delta = (a.weight - b.weight).detach()
    assert verdict.witness.sum() == 1
    bias = (a.bias - b.bias).detach().abs()
    assert verdict.bound == pytest.approx(float((delta.flatten(1).norm(dim=1) + bias).max()))
    b.load_state_dict(a.state_dict())
    b.weight.data[3, 5, 0, 0] += 1
    verdict = equal(a, b, (64, 224, 224))
    # The first output row and column lie where this tap reads padding.
    assert verdict.connection == ((3, 1, 1), (5, 0, 0))
    assert verdict.distance == pytest.approx(223)


def test_weights_too_small_to_square_still_differ():
    a = nn.Conv1d(1, 1, 1, bias=False).double()
    b = nn.Conv1d(1, 1, 1, bias=False).double()
    a.weight.data.zero_()
    b.weight.data.fill_(5e-324)
    assert not equal(a, b, (1, 2))


def test_the_original_question():
    conv = nn.Conv2d(2, 1, 1)
    assert equal(conv, convert(conv, "dense", GRID), GRID).reason == (
        "equal for every input (S2: M = W ⊗ I over 4 positions)"
    )
    verdict = equal(conv, nn.Linear(8, 4), GRID)
    assert verdict.reason == "output (0, 0, 0) reads input (0, 0, 1); a 1×1 convolution cannot"
    assert verdict.connection == ((0, 0, 0), (0, 0, 1))
    assert equal(nn.Linear(8, 4), conv, GRID).connection == verdict.connection


def test_same_connections_with_other_weights():
    a, b = nn.Conv1d(1, 1, 1, bias=False), nn.Conv1d(1, 1, 1, bias=False)
    nn.init.constant_(a.weight, 0.25)
    nn.init.constant_(b.weight, 0.5)
    verdict = equal(a, b, (1, 3))
    assert "with weight 0.25 in the first layer, 0.5 in the second" in verdict.reason
    assert verdict.bound == 0.25
    assert verdict.distance == pytest.approx(0.25 * np.sqrt(3))


def test_biases_alone_can_differ():
    a, b = nn.Conv1d(1, 1, 1), nn.Conv1d(1, 1, 1, bias=False)
    with torch.no_grad():
        a.weight.copy_(b.weight)
        a.bias.fill_(0.5)
    verdict = equal(a, b, (1, 3))
    assert verdict.reason == "the biases of output (0, 0) differ: 0.5 and 0"
    assert not verdict.witness.any()
    assert verdict.connection is None
    a.bias.data.zero_()
    assert equal(a, b, (1, 3))


def test_a_zero_weight_outside_the_other_pattern_changes_nothing():
    wide = nn.Conv1d(1, 1, 3, padding=1)
    with torch.no_grad():
        wide.weight[..., [0, 2]] = 0
    narrow = convert(wide, "pointwise", (1, 4))
    assert equal(wide, narrow, (1, 4))
    assert matrix(wide, (1, 4)).weight.nnz == 10
    assert matrix(narrow, (1, 4)).weight.nnz == 4


def test_outputs_of_another_grid_are_not_equal():
    verdict = equal(nn.Conv1d(1, 1, 1), nn.Conv1d(1, 1, 2), (1, 4))
    assert not verdict
    assert verdict.reason == ("a length-1 convolution gives (1, 4), a length-2 convolution (1, 3)")


def test_fc6_against_its_convolution_needs_no_matrix():
    fc6 = nn.Linear(512 * 7 * 7, 4096, device="meta")
    fc6 = fc6.to_empty(device="cpu")
    for parameter in fc6.parameters():
        nn.init.zeros_(parameter)
    conv = convert(fc6, "convolution", (512, 7, 7), share=True)
    assert conv.weight.data_ptr() == fc6.weight.data_ptr()
    assert equal(fc6, conv, (512, 7, 7))
    with torch.no_grad():
        conv.weight[-1, -1, -1, -1] = 1
    assert fc6.weight[-1, -1] == 1


def test_negative_tolerance_is_refused():
    with pytest.raises(InputError, match="tol=-1"):
        equal(nn.Linear(2, 2), nn.Linear(2, 2), (2,), tol=-1.0)


@settings(max_examples=60)
@given(data=st.data(), to=st.sampled_from(KINDS))
def test_what_converts_is_equal_and_what_does_not_is_not(layers, data, to):
    layer, input = layers(data)
    try:
        converted = convert(layer, to, input)
    except NotConvertible as refusal:
        converted, expected = refusal.nearest.layer, False
    except InputError:
        assert to in ("pointwise", "linear")
        return
    else:
        expected = True
    assert bool(equal(layer, converted, input)) == expected
