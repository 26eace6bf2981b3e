import math
import warnings

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from onebyone.errors import InputError
from onebyone.layers import LocallyConnected, NotConvertible, fold

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def in_a_row(first, second, x):
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 'same' with even kernels warns about a copy
        return second(first(x))


def draw_pointwise(data, rank, channels, outputs, **options):
    groups = data.draw(st.sampled_from([g for g in (1, 2) if channels % g == outputs % g == 0]))
    stride = tuple(data.draw(st.integers(1, 3)) for _ in range(rank))
    return CONVOLUTIONS[rank - 1](channels, outputs, 1, stride, groups=groups, **options).double()


def uneven(conv):
    return any(d * (k - 1) % 2 for k, d in zip(conv.kernel_size, conv.dilation, strict=True))


@settings(max_examples=150)
@given(data=st.data(), after=st.booleans(), outputs=st.integers(1, 4))
def test_two_layers_are_one(layers, data, after, outputs):
    wide, input = layers(data)
    assume(not isinstance(wide, LocallyConnected))
    rank, size = len(input) - 1, [n + data.draw(st.integers(0, 3)) for n in input[1:]]
    if after:
        first, second = wide, draw_pointwise(data, rank, wide.out_channels, outputs)
    else:
        bias = wide.padding in ("valid", (0,) * rank)
        first, second = draw_pointwise(data, rank, outputs, wide.in_channels, bias=bias), wide
        size = [s * n for s, n in zip(first.stride, size, strict=True)]
    x = torch.randn(2, first.in_channels, *size, dtype=torch.float64)
    expected = in_a_row(first, second, x)
    if wide.padding == "same" and max(first.stride + second.stride) > 1 and uneven(wide):
        with pytest.raises(NotConvertible, match="PyTorch has no such"):
            fold(first, second)
        return
    folded = fold(first, second)
    with torch.no_grad():
        torch.testing.assert_close(folded(x), expected)
    assert folded.groups == math.gcd(first.groups, second.groups)
    assert type(folded) is type(wide)


def test_the_bias_before_padding_is_why_not():
    point, padded = nn.Conv2d(2, 3, 1), nn.Conv2d(3, 4, 3, padding=1)
    with pytest.raises(NotConvertible, match="the 1×1 before it has a bias") as caught:
        fold(point, padded)
    assert caught.value.nearest is None
    # What folding nonetheless would give is right inside, and wrong at the border.
    valid = nn.Conv2d(3, 4, 3)
    valid.load_state_dict(padded.state_dict())
    folded = fold(point, valid)
    folded.padding = (1, 1)
    x = torch.randn(1, 2, 5, 5)
    wrong = (folded(x) - padded(point(x))).abs().amax((0, 1)) > 1e-5
    assert not wrong[1:-1, 1:-1].any()
    assert wrong.sum() == 16
    nn.init.zeros_(point.bias)
    torch.testing.assert_close(fold(point, padded)(x), padded(point(x)))


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (nn.Conv2d(2, 3, 3), nn.ReLU(), "only two convolutions padded with zeros"),
        (nn.ReLU(), nn.Conv2d(2, 3, 1), "only two convolutions padded with zeros"),
        (nn.Linear(2, 3), nn.Conv2d(3, 4, 3), "or two nn.Linear"),
        (nn.Conv2d(2, 3, 3), nn.Conv2d(3, 4, 3), "neither .* is a 1×1 convolution"),
        (nn.Conv2d(2, 3, 3), nn.Conv2d(3, 4, 1, padding=1), "neither .* without padding"),
        (
            nn.Conv2d(2, 3, 1),
            nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"),
            "padded with zeros",
        ),
        (nn.Conv1d(2, 3, 2, padding="same"), nn.Conv1d(3, 4, 1, stride=2), "stride"),
    ],
)
def test_refusals_say_why(first, second, reason):
    with pytest.raises(NotConvertible, match=reason):
        fold(first, second)


def test_fully_connected_layers():
    first, second = nn.Linear(5, 4), nn.Linear(4, 3, bias=False)
    x = torch.randn(2, 5)
    torch.testing.assert_close(fold(first, second)(x), second(first(x)))
    torch.testing.assert_close(fold(second, nn.Linear(3, 2))(x[:, :4]).shape, torch.Size([2, 2]))
    assert fold(nn.Linear(5, 4, bias=False), second).bias is None


def test_layers_that_do_not_fit_are_named():
    with pytest.raises(InputError, match="second takes 4 channels, first gives 3"):
        fold(nn.Conv2d(2, 3, 3), nn.Conv2d(4, 4, 1))
    with pytest.raises(InputError, match="another number of axes"):
        fold(nn.Conv2d(2, 3, 3), nn.Conv1d(3, 4, 1))
