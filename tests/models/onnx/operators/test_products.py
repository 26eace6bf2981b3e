"""Products against onnxruntime, where the node tests of ONNX leave off."""

from typing import Any

import numpy as np
import pytest
import torch

from helpers.onnx_nodes import single
from helpers.onnx_recorded import targets
from onebyone.models.onnx.operators import products

_RNG = np.random.default_rng(0)


def matrix(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return (10 * _RNG.standard_normal(shape)).astype(dtype)


@pytest.mark.parametrize(
    ("a", "b"),
    [((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 2)), ((2, 1, 3, 4), (5, 4, 2)), ((0, 4), (4, 2))],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
def test_matmul(a: tuple[int, ...], b: tuple[int, ...], dtype: Any) -> None:
    inputs = {"A": matrix(*a, dtype=dtype), "B": matrix(*b, dtype=dtype)}
    found, expected = single("MatMul", inputs, opset=9)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("opset", [7, 9, 11, 13])
@pytest.mark.parametrize("turned", [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("shape", [(), (1,), (2,), (3, 1), (1, 2), (3, 2)])
@pytest.mark.parametrize("scales", [(1.0, 1.0), (0.5, 2.0)])
def test_gemm(
    opset: int, turned: tuple[int, int], shape: tuple[int, ...], scales: tuple[float, float]
) -> None:
    a, b = matrix(3, 4), matrix(4, 2)
    inputs = {"A": a.T if turned[0] else a, "B": b.T if turned[1] else b, "C": matrix(*shape)}
    found, expected = single(
        "Gemm", inputs, opset=opset, transA=turned[0], transB=turned[1], alpha=scales[0],
        beta=scales[1],
    )  # fmt: skip
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-4)


def test_gemm_of_integers() -> None:
    a, b, c = (torch.arange(4).reshape(2, 2) for _ in range(3))
    assert torch.equal(products.gemm(a, b, c), a @ b + c)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("bij, bjk -> bik", [(2, 3, 4), (2, 4, 5)]),
        ("...ij,jk->...ik", [(2, 3, 4), (4, 5)]),
        ("bi,bi->b", [(2, 3), (2, 3)]),
        ("ij->ji", [(2, 3)]),
        ("i,j", [(2,), (3,)]),
        ("bhwc,hkc->bhwk", [(1, 2, 3, 4), (2, 3, 4)]),
        ("bghid,bghjd->bghij", [(2, 1, 3, 4, 5), (2, 1, 3, 6, 5)]),
        ("bcij,bkij->kbc", [(2, 3, 4, 5), (2, 6, 4, 5)]),
        ("bij,bjk->bik", [(1, 3, 4), (2, 4, 5)]),
        ("bij,jk->bk", [(2, 3, 4), (4, 5)]),
        ("ii,ij->ij", [(3, 3), (3, 4)]),
    ],
)
def test_einsum(equation: str, shapes: list[tuple[int, ...]]) -> None:
    inputs = {f"x{k}": matrix(*shape) for k, shape in enumerate(shapes)}
    found, expected = single("Einsum", inputs, opset=12, equation=equation)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-4)


def test_det() -> None:
    found, expected = single("Det", {"X": matrix(2, 3, 3)}, opset=11)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-3)


def test_a_product_with_weights_is_recorded_as_a_layer() -> None:
    def layer(t: torch.Tensor) -> torch.Tensor:
        return products.gemm(t.flatten(1), torch.ones(4, 2, device=t.device))

    assert "linear" in targets(layer, torch.rand(1, 1, 2, 2))
    assert targets(lambda t: products.einsum(t, t, equation="bi,bj->bij"), torch.rand(1, 3))


def test_a_sum_of_products_is_recorded_as_a_product_of_matrices() -> None:
    def attention(t: torch.Tensor) -> torch.Tensor:
        return products.einsum(t, t.relu(), equation="bgid,bgjd->bgij")

    assert "matmul" in targets(attention, torch.rand(1, 1, 3, 4))
