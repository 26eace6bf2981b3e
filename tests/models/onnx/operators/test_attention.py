"""Attention against onnxruntime, and as it is recorded."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from helpers.onnx_nodes import single
from helpers.onnx_recorded import targets
from onebyone.models.onnx.operators.attention import attention

_RNG = np.random.default_rng(0)


def image(*shape: int) -> np.ndarray:
    return _RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("heads", [(4, 4), (4, 2), (4, 1)])
@pytest.mark.parametrize("lengths", [(5, 5), (3, 6)])
@pytest.mark.parametrize("more", [{}, {"softcap": 2.0}, {"scale": 0.3}])
def test_like_onnxruntime(
    causal: int, heads: tuple[int, int], lengths: tuple[int, int], more: dict[str, Any]
) -> None:
    sizes = [(heads[0], lengths[0]), (heads[1], lengths[1]), (heads[1], lengths[1])]
    given = {name: image(2, *size, 8) for name, size in zip("QKV", sizes, strict=True)}
    found, expected = single("Attention", given, opset=23, is_causal=causal, **more)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-5)


def test_a_mask_that_hides_all_gives_zeros() -> None:
    q = torch.rand(1, 2, 3, 4)
    for more in ({}, {"softcap": 3.0}):
        found = attention(q, q, q, torch.zeros(3, 3, dtype=torch.bool), outputs=1, **more)
        assert isinstance(found, torch.Tensor)
        assert torch.equal(found, torch.zeros_like(q))


@pytest.mark.parametrize("more", [{}, {"is_causal": 1}])
def test_it_is_recorded_as_pytorchs_own(more: dict[str, Any]) -> None:
    x = torch.rand(1, 2, 5, 4)
    names = targets(lambda t: attention(t, t, t, outputs=1, **more), x)
    assert "scaled_dot_product_attention" in names
    assert targets(lambda t: functional.scaled_dot_product_attention(t, t, t), x)[0] in names
    assert targets(lambda t: attention(t, t, t, outputs=1, softcap=2.0, **more), x)
