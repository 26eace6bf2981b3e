"""Poolings against onnxruntime, where the node tests of ONNX leave off."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers.onnx_nodes import single
from helpers.onnx_recorded import targets
from onebyone.models.onnx.operators.pooling import average_pool, max_pool

_RNG = np.random.default_rng(0)


def image(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return (10 * _RNG.standard_normal(shape)).astype(dtype)


@st.composite
def poolings(draw: st.DrawFn) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Sizes of space, and attributes that pooling takes."""
    rank = draw(st.integers(1, 3))

    def each(low: int, high: int, times: int = 1) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=rank * times, max_size=rank * times))

    kernel = each(1, 4)
    found: dict[str, Any] = {"kernel_shape": kernel, "strides": each(1, 3)}
    auto = draw(st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    if auto == "NOTSET":
        found["pads"] = [min(p, k - 1) for p, k in zip(each(0, 3, 2), kernel * 2, strict=True)]
        found["ceil_mode"] = draw(st.integers(0, 1))
    else:
        found["auto_pad"] = auto  # onnxruntime refuses strides that go over places
        found["strides"] = [min(s, k) for s, k in zip(found["strides"], kernel, strict=True)]
    return tuple(each(4, 9)), found


@given(poolings(), st.data())
def test_max_pool_like_onnxruntime(case: Any, data: st.DataObject) -> None:
    sizes, attributes = case
    if "auto_pad" not in attributes:
        attributes["dilations"] = data.draw(
            st.lists(st.integers(1, 2), min_size=len(sizes), max_size=len(sizes))
        )
        spans = zip(attributes["dilations"], attributes["kernel_shape"], sizes, strict=True)
        assume(all(d * (k - 1) + 1 <= n for d, k, n in spans))
    found, expected = single("MaxPool", {"X": image(2, 3, *sizes)}, opset=12, **attributes)
    np.testing.assert_array_equal(found[0], expected[0])


@given(poolings(), st.integers(0, 1), st.sampled_from([10, 11, 19, 22]))
def test_average_pool_like_onnxruntime(case: Any, include: int, opset: int) -> None:
    sizes, attributes = case
    found, expected = single(
        "AveragePool", {"X": image(2, 3, *sizes)}, opset=opset, count_include_pad=include,
        **attributes,
    )  # fmt: skip
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-5)


@given(poolings(), st.sampled_from([1, 2, 3]), st.sampled_from([11, 18, 22]))
def test_lp_pool_like_onnxruntime(case: Any, p: int, opset: int) -> None:
    sizes, attributes = case
    if opset == 11:
        attributes.pop("ceil_mode", None)
    found, expected = single("LpPool", {"X": image(2, 3, *sizes)}, opset=opset, p=p, **attributes)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("include", [0, 1])
def test_average_pool_with_dilations(include: int) -> None:
    for pads, ceil in itertools.product(([0, 0, 0, 0], [1, 0, 2, 1]), (0, 1)):
        found, expected = single(
            "AveragePool", {"X": image(2, 3, 9, 8)}, opset=19, count_include_pad=include,
            kernel_shape=[3, 2], dilations=[2, 3], strides=[2, 1], pads=pads, ceil_mode=ceil,
        )  # fmt: skip
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float64, np.int8, np.uint8])
@pytest.mark.parametrize("pads", [[1, 1, 1, 1], [0, 2, 1, 0]])
def test_max_pool_of_other_types(dtype: Any, pads: list[int]) -> None:
    x = _RNG.integers(-100 if dtype != np.uint8 else 0, 100, (1, 2, 6, 7)).astype(dtype)
    found, expected = single(
        "MaxPool", {"X": x}, opset=12, kernel_shape=[3, 3], strides=[2, 2], pads=pads
    )
    assert found[0].dtype == dtype
    np.testing.assert_array_equal(found[0], expected[0])


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 1, 1, 1], [2, 0, 0, 1]])
def test_indices_of_max_pool(order: int, pads: list[int]) -> None:
    found, expected = single(
        "MaxPool", {"X": image(2, 3, 6, 7)}, opset=12, outputs=2, kernel_shape=[3, 3],
        strides=[2, 2], pads=pads, storage_order=order,
    )  # fmt: skip
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [None, [2, 3, 7, 7]])
def test_max_unpool(shape: list[int] | None) -> None:
    x = image(2, 3, 6, 6)
    (pooled, places), _ = single(
        "MaxPool", {"X": x}, opset=11, outputs=2, kernel_shape=[2, 2], strides=[2, 2]
    )
    inputs = {"X": pooled, "I": places} | ({} if shape is None else {"shape": np.array(shape)})
    found, expected = single("MaxUnpool", inputs, opset=11, kernel_shape=[2, 2], strides=[2, 2])
    if shape is None:
        np.testing.assert_array_equal(found[0], expected[0])
    assert np.sort(found[0][found[0] != 0]).tolist() == np.sort(pooled.reshape(-1)).tolist()


@pytest.mark.parametrize("name", ["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"])
@pytest.mark.parametrize("sizes", [(5,), (4, 6), (2, 3, 4)])
def test_global_pools(name: str, sizes: tuple[int, ...]) -> None:
    found, expected = single(name, {"X": image(2, 3, *sizes)}, opset=11)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("even", [6, 7])
def test_pools_padded_as_tensorflow_does_are_pytorchs_own(even: int) -> None:
    x = torch.rand(1, 1, even, even)
    names = {"kernel_shape": (3, 3), "strides": (2, 2), "auto_pad": "SAME_UPPER"}
    assert targets(lambda t: max_pool(t, **names), x) == ["max_pool2d"]
    assert targets(lambda t: average_pool(t, **names), x) == ["avg_pool2d"]


def test_what_pytorch_has_not_is_recorded() -> None:
    x = torch.rand(1, 3, 8, 8)
    odd: dict[str, Any] = {"kernel_shape": (2, 2), "dilations": (2, 2), "pads": (0, 1, 2, 0)}
    assert "conv2d" in targets(lambda t: average_pool(t, count_include_pad=1, **odd), x)
    assert targets(lambda t: max_pool(t, outputs=2, **odd), x)
