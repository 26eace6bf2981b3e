"""One readable case per operator that `slide` knows: the numbers, and that work is shared.

A case that shares must need less than half the operations of its crops, unless it says less.
A case that ends sharing must still be right, and never cost more than its crops.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import onebyone as ob
from helpers.modules import (
    Apply,
    Attention,
    ChannelsLast,
    Concatenate,
    Heads,
    Position,
    Residual,
    Scale,
    SqueezeExcite,
    pad,
    settle,
    shuffle,
    space_slice,
)
from helpers.oracle import assert_contract, assert_equal_crops

WINDOW = {1: (2, 32), 2: (2, 16, 14), 3: (2, 9, 8, 8)}
SIZE = {1: (101,), 2: (41, 38), 3: (17, 17, 16)}


@dataclass(frozen=True)
class Operator:
    """`middle` stands between two convolutions of 4 channels; `shares` is the ratio it must beat.

    The convolution before it doubles as the work that is shared even where `middle` ends sharing;
    `after` is what reads the 4 channels (another count where `middle` changes it).
    """

    name: str
    middle: Callable[[], nn.Module]
    rank: int = 2
    stride: int | tuple[int, ...] = 2
    shares: float = 2.0
    after: int = 4


def rank_of(kind: str, rank: int, *arguments: object, **options: object) -> nn.Module:
    return getattr(nn, f"{kind}{rank}d")(*arguments, **options)


CONVOLUTIONS = [
    Operator("plain", lambda: nn.Conv2d(4, 4, 3)),
    Operator("signal", lambda: nn.Conv1d(4, 4, 3), 1),
    Operator("volume", lambda: nn.Conv3d(4, 4, 2), 3, 1),
    Operator("pointwise", lambda: nn.Conv2d(4, 4, 1)),
    Operator("stride 2", lambda: nn.Conv2d(4, 4, 3, 2)),
    Operator("stride 3, 1", lambda: nn.Conv2d(4, 4, 3, (3, 1)), stride=(3, 1)),
    Operator("dilation", lambda: nn.Conv2d(4, 4, 3, dilation=2)),
    Operator("groups", lambda: nn.Conv2d(4, 4, 3, groups=2)),
    Operator("depthwise", lambda: nn.Conv2d(4, 4, 3, groups=4)),
    Operator("padding", lambda: nn.Conv2d(4, 4, 3, padding=1), shares=1.3),
    Operator("padding, stride 2", lambda: nn.Conv2d(4, 4, 3, 2, 1), shares=1.3),
    Operator("same", lambda: nn.Conv2d(4, 4, 3, padding="same"), shares=1.3),
    Operator("same, dilated signal", lambda: nn.Conv1d(4, 4, 3, padding="same", dilation=3), 1),
    Operator("reflect mode", lambda: nn.Conv2d(
        4, 4, 3, padding=1, padding_mode="reflect"), shares=1.2),
    Operator("no bias", lambda: nn.Conv2d(4, 4, 3, bias=False)),
    Operator("transposed", lambda: nn.ConvTranspose2d(4, 4, 2, 2), shares=1.5),
    Operator("transposed, overlapping", lambda: nn.ConvTranspose2d(4, 4, 3, 2, 1, 1), shares=1.2),
    Operator("transposed, signal", lambda: nn.ConvTranspose1d(4, 4, 4, 2, 1), 1, shares=1.5),
    Operator("transposed, groups", lambda: nn.ConvTranspose2d(4, 4, 2, 2, groups=2), shares=1.5),
]  # fmt: skip

POOLINGS = [
    Operator("max", lambda: nn.MaxPool2d(2)),
    Operator("max, signal", lambda: nn.MaxPool1d(3, 2), 1),
    Operator("max, volume", lambda: nn.MaxPool3d(2, 1), 3, 1),
    Operator("max, padding", lambda: nn.MaxPool2d(3, 2, 1), shares=1.3),
    Operator("max, dilation", lambda: nn.MaxPool2d(2, 1, dilation=3)),
    Operator("max, ceil mode", lambda: nn.MaxPool2d(3, 2, ceil_mode=True), shares=1.3),
    Operator("average", lambda: nn.AvgPool2d(2)),
    Operator("average, signal", lambda: nn.AvgPool1d(3, 2), 1),
    Operator("average, volume", lambda: nn.AvgPool3d(2, 1), 3, 1),
    Operator("average, padding counted", lambda: nn.AvgPool2d(3, 1, 1), shares=1.3),
    Operator(
        "average, padding not counted",
        lambda: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
        shares=1.3,
    ),
    Operator(
        "average, ceil mode",
        lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
        shares=1.3,
    ),
    Operator("average, divisor", lambda: nn.AvgPool2d(3, 2, divisor_override=4)),
    Operator("adaptive average, even", lambda: nn.AdaptiveAvgPool2d((7, 6)), stride=2),
    Operator("adaptive max, even", lambda: nn.AdaptiveMaxPool2d((7, 6)), stride=2),
    Operator("adaptive average, uneven", lambda: nn.AdaptiveAvgPool2d(5), shares=1.5),
    Operator("adaptive max, uneven", lambda: nn.AdaptiveMaxPool2d(5), shares=1.5),
    Operator("norm", lambda: nn.LPPool2d(2, 2), shares=1.3),
]

PADDINGS = [
    Operator("zero", lambda: nn.ZeroPad2d((1, 2, 0, 1)), shares=1.3),
    Operator("constant", lambda: pad((1, 2, 0, 1), value=0.7), shares=1.3),
    Operator("reflect", lambda: pad((2, 1, 1, 2), "reflect"), shares=1.2),
    Operator("replicate", lambda: pad((2, 1, 1, 2), "replicate"), shares=1.2),
    Operator("circular", lambda: pad((2, 1, 1, 2), "circular"), shares=1.2),
    Operator("negative", lambda: pad((-1, -2, -1, 0))),
    Operator("both signs", lambda: pad((-1, 2, 1, -2), value=1.0), shares=1.3),
    Operator("reflect, signal", lambda: pad((3, 2), "reflect"), 1, shares=1.3),
    Operator("replicate, volume", lambda: pad((1, 0, 0, 1, 1, 1), "replicate"), 3, 1, shares=1.1),
]

CHANNELS = [
    Operator("batch norm", lambda: nn.BatchNorm2d(4)),
    Operator("layer norm and linear on channels", lambda: ChannelsLast(
        nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4)))),
    Operator("layer scale", lambda: Scale(4, 2)),
    Operator("prelu", lambda: nn.PReLU(4)),
    Operator("relu, tanh, gelu, sigmoid", lambda: nn.Sequential(
        nn.ReLU(inplace=True), nn.Tanh(), nn.GELU(), nn.Sigmoid())),
    Operator("times a number", lambda: Apply("-1.5 x", lambda x: -1.5 * x)),
    Operator("abs and power", lambda: Apply("|x|^1.5", lambda x: x.abs() ** 1.5)),
    Operator("dropout in eval", lambda: nn.Sequential(nn.Dropout2d(), nn.Dropout())),
    Operator("softmax over channels", nn.Softmax2d),
    Operator("shuffle", lambda: shuffle(2)),
    Operator("split, one half treated", lambda: Apply(
        "cat(a, relu(b))", lambda x: torch.cat([x[:, :2], torch.relu(x[:, 2:])], 1))),
    Operator("chunks swapped", lambda: Apply(
        "cat(b, a)", lambda x: torch.cat(x.chunk(2, 1)[::-1], 1))),
    Operator("slice", lambda: Apply("x[:, 1:3]", lambda x: x[:, 1:3]), after=2),
    Operator("gate", lambda: Apply("a sigmoid(b)", lambda x: F.glu(x, 1)), after=2),
    Operator("maxout", lambda: Apply(
        "max of pairs", lambda x: x.unflatten(1, (2, 2)).amax(2)), after=2),
    Operator("local response norm", lambda: nn.LocalResponseNorm(3), shares=1.05),
]  # fmt: skip

SPACE = [
    Operator("slice", lambda: space_slice(slice(1, -1), slice(2, None))),
    Operator("strided slice", lambda: space_slice(slice(None, None, 2), slice(1, None, 3))),
    Operator("nearest upsampling", lambda: nn.Upsample(scale_factor=2), shares=1.3),
    Operator("nearest upsampling, one axis", lambda: nn.Upsample(
        scale_factor=(1.0, 3.0)), shares=1.3),
    Operator("nearest upsampling, signal", lambda: nn.Upsample(scale_factor=2), 1, shares=1.3),
]  # fmt: skip

BRANCHES = [
    Operator("residual", lambda: Residual(nn.Conv2d(4, 4, 3, padding=1)), shares=1.3),
    Operator("residual without padding", lambda: Residual(
        nn.Conv2d(4, 4, 3), space_slice(slice(1, -1), slice(1, -1)))),
    Operator("projection shortcut", lambda: Residual(
        nn.Conv2d(4, 4, 3, 2, 1), nn.Conv2d(4, 4, 1, 2)), shares=1.3),
    Operator("dense connection", lambda: Concatenate(
        nn.Identity(), nn.Conv2d(4, 4, 3, padding=1)), shares=1.3, after=8),
    Operator("inception", lambda: Concatenate(
        nn.Conv2d(4, 2, 1), nn.Conv2d(4, 2, (1, 5), padding=(0, 2)),
        nn.Sequential(nn.AvgPool2d(3, 1, 1), nn.Conv2d(4, 2, 1))), shares=1.3, after=6),
    Operator("branches with other offsets", lambda: Residual(
        space_slice(slice(0, -2), slice(0, -2)), space_slice(slice(2, None), slice(1, -1)))),
]  # fmt: skip

ENDINGS = [
    Operator("squeeze and excitation", lambda: SqueezeExcite(4), shares=1.05),
    Operator("attention", lambda: Attention(4), shares=1.02),
    Operator("positional embedding", lambda: Position(4, 14, 12), shares=1.05),
    Operator("group norm", lambda: nn.GroupNorm(2, 4), shares=1.05),
    Operator("instance norm", lambda: nn.InstanceNorm2d(4), shares=1.05),
    Operator("layer norm over space", lambda: nn.LayerNorm((4, 14, 12)), shares=1.05),
    Operator("flip", lambda: Apply("flip", lambda x: x.flip(-1)), shares=1.05),
    Operator("roll", lambda: Apply("roll", lambda x: x.roll((1, 2), (2, 3))), shares=1.05),
    Operator("transposed axes", lambda: Apply("x.mT", lambda x: x.mT), shares=1.05),
    Operator("bilinear", lambda: nn.Upsample(scale_factor=2, mode="bilinear"), shares=1.05),
    Operator("pixel unshuffle", lambda: nn.PixelUnshuffle(2), shares=1.05, after=16),
    Operator("pixel shuffle", lambda: nn.PixelShuffle(2), shares=1.05, after=1),
    Operator("softmax over space", lambda: Apply(
        "softmax", lambda x: x.flatten(2).softmax(2).view_as(x)), shares=1.05),
    Operator("cumulative sum", lambda: Apply("cumsum", lambda x: x.cumsum(2)), shares=1.05),
    Operator("one axis only", lambda: Apply("flip rows", lambda x: x.flip(2)), shares=2.0),
]  # fmt: skip


def network(case: Operator) -> nn.Module:
    return settle(
        nn.Sequential(
            rank_of("Conv", case.rank, 2, 4, 3),
            nn.ReLU(inplace=True),
            case.middle(),
            rank_of("Conv", case.rank, case.after, 6, 2),
            nn.GELU(),
            rank_of("AdaptiveAvgPool", case.rank, 1),
            nn.Flatten(),
            nn.Linear(6, 3),
        ),
        seed=7,
    )


def named(groups: dict[str, list[Operator]]) -> list[object]:
    return [
        pytest.param(case, id=f"{group}: {case.name}")
        for group, cases in groups.items()
        for case in cases
    ]


GROUPS = {
    "convolution": CONVOLUTIONS,
    "pooling": POOLINGS,
    "padding": PADDINGS,
    "channels": CHANNELS,
    "space": SPACE,
    "branches": BRANCHES,
    "ends sharing": ENDINGS,
}


@pytest.mark.parametrize("case", named(GROUPS))
def test_operator(case: Operator) -> None:
    model, window = network(case), WINDOW[case.rank]
    sliding = ob.slide(model, window, case.stride)
    x = torch.randn(1, 2, *SIZE[case.rank])
    with torch.no_grad():
        assert_contract(sliding(x), model, x, window, case.stride)
    ratio = sliding.report(*SIZE[case.rank]).ratio
    assert ratio >= case.shares


HEADS = {
    "flatten and linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(4 * 14 * 12, 3)),
    "flatten channels last": lambda: nn.Sequential(
        Apply("NHWC", lambda x: x.permute(0, 2, 3, 1).flatten(1)), nn.Linear(4 * 14 * 12, 3)),
    "flatten width first": lambda: nn.Sequential(
        Apply("NWHC", lambda x: x.permute(0, 3, 2, 1).flatten(1)), nn.Linear(4 * 14 * 12, 3)),
    "flatten through view": lambda: nn.Sequential(
        Apply("view", lambda x: x.view(x.shape[0], -1)), nn.Linear(4 * 14 * 12, 3)),
    "two fully connected layers": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(4 * 14 * 12, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3)),
    "window as a convolution": lambda: nn.Sequential(nn.Conv2d(4, 3, (14, 12)), nn.Flatten()),
    "mean": lambda: Apply("mean", lambda x: x.mean((2, 3))),
    "mean, axis by axis": lambda: Apply("mean", lambda x: x.mean(3).mean(2)),
    "mean of flat positions": lambda: Apply("mean", lambda x: x.flatten(2).mean(-1)),
    "sum": lambda: Apply("sum", lambda x: x.sum((2, 3))),
    "maximum": lambda: Apply("amax", lambda x: x.amax((2, 3))),
    "global max pooling": lambda: nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten()),
    "global average pooling": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "average pooling as large as the window": lambda: nn.Sequential(
        nn.AvgPool2d((14, 12)), nn.Flatten()),
    "mean and maximum": lambda: Apply(
        "cat", lambda x: torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)),
    "the map itself": lambda: nn.Conv2d(4, 2, 1),
    "softmax of the scores": lambda: nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5), nn.Softmax(1)),
    "several heads": lambda: Heads(
        score=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)),
        box=nn.Sequential(nn.Flatten(), nn.Linear(4 * 14 * 12, 4))),
}  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("padding", [0, 1], ids=["unpadded", "padded"])
def test_head(head: str, padding: int) -> None:
    kernel = 3 + 2 * padding
    body = nn.Sequential(nn.Conv2d(2, 4, kernel, padding=padding), nn.GELU())
    model = settle(nn.Sequential(body, HEADS[head]()), seed=3).double()
    sliding = ob.slide(model, WINDOW[2], 2)
    x = torch.randn(2, 2, *SIZE[2], dtype=torch.float64)
    with torch.no_grad():
        assert_equal_crops(sliding(x), model, x, WINDOW[2], 2)
    assert sliding.report(*SIZE[2]).ratio > (1.1 if padding else 1.2)


STRIDES = {
    "every pixel": 1,
    "the network's own": 4,
    "half of it": 2,
    "coprime to it": 3,
    "odd and larger": 7,
    "larger than the window": 19,
    "different per axis": (2, 5),
    "one axis far, one axis near": (17, 1),
}


@pytest.mark.parametrize("stride", STRIDES.values(), ids=STRIDES)
@pytest.mark.parametrize("padding", [0, 1], ids=["unpadded", "padded"])
def test_scan_stride(stride: int | tuple[int, int], padding: int) -> None:
    side = 4 * 3 if padding else 2 * 2
    model = settle(
        nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=padding), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(4, 4, 3, padding=padding), nn.ReLU(), nn.AvgPool2d(2),
            nn.Flatten(), nn.Linear(4 * side, 3),
        ),
        seed=5,
    ).double()  # fmt: skip
    sliding = ob.slide(model, WINDOW[2], stride)
    for size in [WINDOW[2][1:], (37, 43)]:
        x = torch.randn(1, 2, *size, dtype=torch.float64)
        with torch.no_grad():
            assert_equal_crops(sliding(x), model, x, WINDOW[2], stride)
        assert sliding.report(*size).ratio >= 1


def test_sharing_ends_for_what_depends_on_it_only() -> None:
    """Squeeze and excitation on one branch leaves the other branch's work shared."""
    shared = nn.Sequential(nn.Conv2d(2, 8, 5), nn.ReLU(), nn.Conv2d(8, 8, 5), nn.Flatten(2))
    ended = nn.Sequential(nn.Conv2d(2, 2, 1), SqueezeExcite(2), nn.Flatten(2))
    mean = Apply("mean", lambda x: x.mean(-1))
    model = settle(Concatenate(nn.Sequential(shared, mean), nn.Sequential(ended, mean)), seed=1)
    sliding = ob.slide(model, WINDOW[2], 1)
    x = torch.randn(1, 2, 30, 30)
    with torch.no_grad():
        assert_contract(sliding(x), model, x, WINDOW[2], 1)
    assert sliding.report(30, 30).ratio > 10


ONE_LEFT = {
    "cropped by padding": lambda: pad((-2, -2, -2, -2)),
    "cropped by a slice": lambda: space_slice(slice(2, 3), slice(2, 3)),
    "upsampled by zeros": lambda: nn.Sequential(
        pad((-2, -2, -2, -2)), nn.ConvTranspose2d(4, 4, 1, 2, output_padding=1)),
    "in both of two maps": lambda: Apply(
        "shifted", lambda x: F.pad(x[..., 2:, 2:], (2, 0) * 2) + F.pad(x[..., :3, :3], (0, 2) * 2)),
}  # fmt: skip


@pytest.mark.parametrize("middle", ONE_LEFT)
@pytest.mark.parametrize("stride", [1, 3, (2, 5)])
@pytest.mark.parametrize(
    "after",
    [nn.ReLU, lambda: pad((1, 0, 0, 2)), lambda: nn.Softmax(1), lambda: nn.MaxPool2d(1)],
    ids=["pointwise", "padding", "softmax", "pooling"],
)
def test_lattices_with_one_position_left_are_thinned_by_any_step(
    middle: str, stride: int | tuple[int, int], after: Callable[[], nn.Module]
) -> None:
    """Windows that lie apart are next to each other after it, though it has no stride itself."""
    total = Apply("sum", lambda x: x.sum((2, 3)))
    model = nn.Sequential(nn.Conv2d(2, 4, 3), ONE_LEFT[middle](), after(), total, nn.Linear(4, 2))
    model = settle(model, seed=7).double()
    x = torch.randn(2, 2, 16, 19, dtype=torch.float64)
    for costs in (ob.Costs(), ob.Costs(0, 0)):
        sliding = ob.slide(model, (2, 7, 7), stride, costs=costs)
        with torch.no_grad():
            assert_equal_crops(sliding(x), model, x, (2, 7, 7), stride)
