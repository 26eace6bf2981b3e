"""Sampling at computed places, against onnxruntime."""

import numpy as np
import pytest
import torch

from helpers.onnx_nodes import single
from helpers.onnx_recorded import targets
from onebyone.models.onnx.operators.grids import affine_grid, grid_sample

_RNG = np.random.default_rng(0)


@pytest.mark.parametrize("opset", [16, 20])
@pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align", [0, 1])
def test_grid_sample(opset: int, mode: str, padding: str, align: int) -> None:
    inputs = {
        "X": _RNG.standard_normal((2, 3, 5, 6)).astype(np.float32),
        "grid": _RNG.uniform(-1.3, 1.3, (2, 4, 3, 2)).astype(np.float32),
    }
    name = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode) if opset == 16 else mode
    found, expected = single(
        "GridSample", inputs, opset=opset, mode=name, padding_mode=padding, align_corners=align
    )
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-3, atol=1e-4)


def test_the_batch_of_a_grid_is_that_of_its_maps() -> None:
    assert affine_grid(torch.rand(5, 2, 3), (1, 3, 4, 6)).shape == (5, 4, 6, 2)


def test_a_spatial_transformer_is_recorded() -> None:
    def transformed(t: torch.Tensor) -> torch.Tensor:
        theta = t.mean((1, 2, 3)).reshape(-1, 1, 1).expand(-1, 2, 3)
        return grid_sample(t, affine_grid(theta, (1, 2, 4, 4)))

    assert "grid_sampler_2d" in targets(transformed, torch.rand(1, 2, 4, 4))
