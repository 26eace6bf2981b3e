"""The oracle for layers: unit vectors pushed through the module, and layers drawn at random."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from torch import nn

from onebyone.layers import LocallyConnected

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def push_unit_vectors(layer: nn.Module, input: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return M and the bias of a float64 module, channels first."""
    size = math.prod(input)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 'same' with even kernels warns about a copy
        bias = layer(torch.zeros(1, *input, dtype=torch.float64)).flatten()
        units = torch.eye(size, dtype=torch.float64).reshape(size, *input)
        rows = layer(units).reshape(size, -1) - bias
    return rows.T.numpy(), bias.numpy()


@st.composite
def recipes(draw: st.DrawFn) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Draw the arguments of a convolution or locally connected layer of rank 1 to 3."""
    rank = draw(st.integers(1, 3))
    axis = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2))
    kernel, stride, padding, dilation = zip(*draw(st.tuples(*[axis] * rank)), strict=True)
    mode = draw(st.sampled_from(["ints", "same", "valid"]))
    if mode == "same":
        stride = (1,) * rank
    groups = draw(st.integers(1, 2))
    channels = groups * draw(st.integers(1, 2))
    outputs = groups * draw(st.integers(1, 2))
    least = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    space = tuple(n + draw(st.integers(0, 2)) for n in least)
    arguments = {
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding if mode == "ints" else mode,
        "dilation": dilation,
        "groups": groups,
        "bias": draw(st.booleans()),
        "out_channels": outputs,
        "local": draw(st.booleans()),
        "seed": draw(st.integers(0, 99)),
    }
    return arguments, (channels, *space)


def draw_layer(data: st.DataObject) -> tuple[nn.Module, tuple[int, ...]]:
    """Draw a layer in float64 and its input grid.

    The layer is made outside the strategy: beartype's checks draw from `random`, which
    Hypothesis forbids inside.
    """
    arguments, input = data.draw(recipes())
    generator = torch.Generator().manual_seed(arguments.pop("seed"))
    if arguments.pop("local"):
        layer: nn.Module = LocallyConnected(input, **arguments)
    else:
        layer = CONVOLUTIONS[len(input) - 2](input[0], **arguments)
    for parameter in layer.parameters():
        parameter.data = torch.randn(parameter.shape, dtype=torch.float64, generator=generator)
    return layer, input


@pytest.fixture(scope="session")
def oracle() -> Callable[[nn.Module, tuple[int, ...]], tuple[np.ndarray, np.ndarray]]:
    return push_unit_vectors


@pytest.fixture(scope="session")
def layers() -> Callable[[st.DataObject], tuple[nn.Module, tuple[int, ...]]]:
    return draw_layer
