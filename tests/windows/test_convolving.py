"""Convolutions in the form that PyTorch runs well give what PyTorch gives."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import fx, nn
from torch.nn import functional

from onebyone.graphs.aten import aten
from onebyone.windows.blocks import Builder
from onebyone.windows.operators.convolving import Convolution
from onebyone.windows.target import this_machine

PLAIN = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


def _emitted(found: Convolution, *, bias: bool) -> fx.GraphModule:
    graph = fx.Graph()
    x, weight, b = (graph.placeholder(name) for name in ("x", "weight", "bias"))
    graph.output(
        found.emit(Builder(graph, nn.Module(), this_machine()), x, weight, b if bias else None)
    )
    return fx.GraphModule(nn.Module(), graph)


def _inputs(found: Convolution, batch: int, dtype: torch.dtype) -> list[torch.Tensor]:
    """An image that gives the outputs, weights, biases."""
    sizes = [
        (n - 1) * s + (k - 1) * d + 1
        for n, s, k, d in zip(
            found.outputs, found.stride, found.kernel, found.dilation, strict=True
        )
    ]
    weights = found.filters, found.channels // found.groups, *found.kernel
    shapes: list[Any] = [(batch, found.channels, *sizes), weights, (found.filters,)]
    return [torch.randn(shape, dtype=dtype) for shape in shapes]


@st.composite
def arguments(draw: st.DrawFn) -> tuple[Any, ...]:
    """What a `Convolution` takes."""
    rank = draw(st.integers(1, 3))
    kernel, outputs, stride, dilation = (
        draw(st.lists(st.integers(1, most), min_size=rank, max_size=rank)) for most in (4, 6, 3, 3)
    )
    channels, groups = draw(st.sampled_from([(1, 1), (2, 1), (2, 2)]))
    return channels, 4 * groups, kernel, outputs, stride, dilation, groups


@given(drawn=arguments(), bias=st.booleans(), batch=st.integers(1, 2))
@settings(max_examples=300)
def test_the_form_gives_the_same_numbers(drawn: tuple[Any, ...], bias: bool, batch: int) -> None:
    found = Convolution(*drawn)
    x, weight, b = _inputs(found, batch, torch.float64)
    got = _emitted(found, bias=bias)(x, weight, b)
    want = PLAIN[x.ndim - 2](
        x, weight, b if bias else None, found.stride, 0, found.dilation, found.groups
    )
    assert got.shape == want.shape
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(
    ("size", "stride", "windows"), [(16, 8, 1), (16, 8, 5), (25, 8, 6), (37, 9, 2)]
)
def test_long_kernels_of_few_filters_read_each_number_once(
    size: int, stride: int, windows: int, channels_last: bool, bias: bool
) -> None:
    found = Convolution(64, 3, (size,), (windows,), (stride,), (1,), 1)
    x, weight, b = _inputs(found, 2, torch.float64)
    if channels_last:
        x = x.mT.contiguous().mT
    # What a window does not see has no effect on it, not even what is not a number.
    x[:, :, :1] = torch.nan
    got = _emitted(found, bias=bias)(x, weight, b)
    want = functional.conv1d(x, weight, b if bias else None, stride)
    torch.testing.assert_close(got, want, equal_nan=True)
    assert not want[..., 1:].isnan().any()


@pytest.mark.parametrize(
    ("kernel", "dilation", "outputs"),
    [((3, 3, 3), (1, 13, 13), (26, 26, 26)), ((3, 3, 3), (1, 1, 1), (27, 27, 27))],
)
def test_small_images_of_three_axes_run_in_onednn(
    kernel: tuple[int, ...], dilation: tuple[int, ...], outputs: tuple[int, ...]
) -> None:
    found = Convolution(8, 4, kernel, outputs, (1, 1, 1), dilation, 1)
    x, weight, b = _inputs(found, 1, torch.float32)
    ran: list[torch.Tensor] = []

    class Watching(fx.Interpreter):
        def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
            ran.extend(args[:1] if target is aten.conv3d.default else ())
            return super().call_function(target, args, kwargs)

    Watching(_emitted(found, bias=True)).run(x, weight, b)
    backends = [
        torch._C._select_conv_backend(
            image, weight, b, (1, 1, 1), (0, 0, 0), dilation, False, (0, 0, 0), 1, None
        )
        for image in (x, *ran)
    ]
    assert len(ran) == 1
    assert backends[0] != torch._C._ConvBackend.Mkldnn
    assert backends[1] == torch._C._ConvBackend.Mkldnn


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_channels_stay_last(rank: int, channels: int) -> None:
    found = Convolution(channels, 4, (3,) * rank, (9,) * rank, (1,) * rank, (1,) * rank, 1)
    x, weight, bias = _inputs(found, 1, torch.float32)
    y = _emitted(found, bias=True)(x.movedim(1, -1).contiguous().movedim(-1, 1), weight, bias)
    assert y.movedim(1, -1).is_contiguous()
