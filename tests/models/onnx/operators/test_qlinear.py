"""onnxruntime's own operators on small integers, to the bit."""

from typing import Any

import numpy as np
import pytest

from helpers.onnx_quantised import MICROSOFT, node

_TYPES = [np.uint8, np.int8]


def _bytes(shape: tuple[int, ...], dtype: type, seed: int) -> np.ndarray:
    limits = np.iinfo(dtype)
    drawn = np.random.default_rng(seed).integers(limits.min, limits.max + 1, shape)
    return drawn.astype(dtype)


def _equal(operator: str, given: dict[str, Any], wrong: float = 0.0, **attributes: Any) -> None:
    constant = [name for name in given if "zero" in name or "scale" in name]
    ours, theirs = node(operator, given, domain=MICROSOFT, constant=constant, **attributes)
    assert ours.dtype == theirs.dtype
    assert len(np.unique(theirs)) > 2
    assert (ours != theirs).mean() <= wrong
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= (1 if wrong else 0)


def _scales(seed: int, *names: str, dtype: type) -> dict[str, Any]:
    drawn = np.random.default_rng(seed)
    found: dict[str, Any] = {}
    for name in names:
        found[f"{name}_scale"] = np.float32(drawn.random() * 0.05 + 0.02)
        found[f"{name}_zero"] = _bytes((), dtype, seed)
    return found


@pytest.mark.parametrize("dtype", _TYPES)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((2, 4, 9, 7), (2, 4, 9, 7)), ((2, 4, 9, 7), (2, 4, 1, 1)), ((2, 4, 1, 1), (2, 4, 9, 7)),
        ((2, 4, 9, 7), (7,)), ((2, 4, 9, 7), ()), ((2, 40), (2, 40)), ((2, 40, 1, 1), (40, 1, 1)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("operator", ["QLinearAdd", "QLinearMul"])
def test_of_two(operator: str, first: tuple[int], second: tuple[int], dtype: type) -> None:
    for seed in range(8):
        scales = _scales(seed, "a", "b", "c", dtype=dtype)
        if operator == "QLinearMul":
            scales["c_scale"] = np.float32(0.9)
        given = {
            "a": _bytes(first, dtype, seed), "a_scale": scales["a_scale"],
            "a_zero": scales["a_zero"], "b": _bytes(second, dtype, seed + 99),
            "b_scale": scales["b_scale"], "b_zero": _bytes((), dtype, seed + 7),
            "c_scale": scales["c_scale"], "c_zero": _bytes((), dtype, seed + 8),
        }  # fmt: skip
        _equal(operator, given)


@pytest.mark.parametrize("operator", ["QLinearAdd", "QLinearMul"])
def test_every_pair_of_numbers(operator: str) -> None:
    a, b = np.meshgrid(*[np.arange(256, dtype=np.uint8)] * 2)
    for seed in range(24):
        scales = _scales(seed, "a", "b", "c", dtype=np.uint8)
        zeros = _bytes((3,), np.uint8, seed)
        given = {
            "a": a, "a_scale": scales["a_scale"], "a_zero": zeros[0], "b": b,
            "b_scale": scales["b_scale"], "b_zero": zeros[1], "c_scale": scales["c_scale"],
            "c_zero": zeros[2],
        }  # fmt: skip
        _equal(operator, given)


@pytest.mark.parametrize("dtype", _TYPES)
@pytest.mark.parametrize("size", [4, 300])
@pytest.mark.parametrize("last", [0, 1])
def test_global_average_pool(dtype: type, size: int, last: int) -> None:
    shape = (2, size, size, 5) if last else (2, 5, size, size)
    given = {"x": _bytes(shape, dtype, 1), **_scales(3, "x", "y", dtype=dtype)}
    given["x"] += np.arange(2, dtype=dtype).reshape(2, 1, 1, 1) * dtype(30)
    given["y_scale"] = np.float32(given["x_scale"] / 9)
    given["x_zero"] = given["y_zero"] = dtype(np.iinfo(dtype).min // 2 + 64)
    constant = [name for name in given if name != "x"]
    ours, theirs = node(
        "QLinearGlobalAveragePool", given, domain=MICROSOFT, constant=constant, channels_last=last
    )
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", _TYPES)
@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 1]])
@pytest.mark.parametrize("stride", [1, 2])
def test_average_pool(dtype: type, counted: int, pads: list[int], stride: int) -> None:
    for seed in range(4):
        given = {"x": _bytes((2, 3, 17, 18), dtype, seed), **_scales(seed, "x", "y", dtype=dtype)}
        _equal(
            "QLinearAveragePool", given, kernel_shape=[3, 3], pads=pads, strides=[stride] * 2,
            count_include_pad=counted,
        )  # fmt: skip


@pytest.mark.parametrize("dtype", _TYPES)
def test_concat(dtype: type) -> None:
    scales = _scales(5, "y", "a", "b", dtype=dtype)
    given = {
        "y_scale": scales["y_scale"], "y_zero": scales["y_zero"],
        "a": _bytes((2, 3, 6, 5), dtype, 1), "a_scale": scales["a_scale"],
        "a_zero": scales["a_zero"], "b": _bytes((2, 4, 6, 5), dtype, 2),
        "b_scale": scales["b_scale"], "b_zero": scales["b_zero"],
    }  # fmt: skip
    _equal("QLinearConcat", given, axis=1)


@pytest.mark.parametrize("dtype", _TYPES)
def test_sigmoid_and_leaky_relu_of_every_number(dtype: type) -> None:
    every = np.arange(256).astype(np.uint8).view(dtype)
    for seed in range(30):
        given = {"x": every, **_scales(seed, "x", "y", dtype=dtype)}
        _equal("QLinearLeakyRelu", given, alpha=0.1)
        given["y_scale"], given["y_zero"] = np.float32(1 / 256), dtype(np.iinfo(dtype).min)
        _equal("QLinearSigmoid", given, wrong=1 / 256)


@pytest.mark.parametrize("dtype", _TYPES)
@pytest.mark.parametrize("axis", [1, -1])
def test_softmax(dtype: type, axis: int) -> None:
    given = {"x": _bytes((4, 10, 12), dtype, 1), **_scales(1, "x", "y", dtype=dtype)}
    given["y_scale"], given["y_zero"] = np.float32(1 / 256), dtype(np.iinfo(dtype).min)
    _equal("QLinearSoftmax", given, axis=axis, opset=13, wrong=0.01)
