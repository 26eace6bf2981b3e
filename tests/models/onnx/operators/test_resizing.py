"""Resizing against onnxruntime, and against ONNX's own reference."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.nn import functional

from helpers.onnx_nodes import single
from helpers.onnx_recorded import targets
from onebyone.errors import InputError
from onebyone.models.onnx.operators.resizing import resize

_RNG = np.random.default_rng(0)
_MODES = (
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
)  # fmt: skip
_ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def image(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return (10 * _RNG.standard_normal(shape)).astype(dtype)


@st.composite
def resizings(draw: st.DrawFn) -> tuple[np.ndarray, dict[str, Any], dict[str, Any]]:
    """An input, what is asked for, and attributes."""
    rank = draw(st.integers(1, 3))
    sizes = [draw(st.integers(2, 7)) for _ in range(rank)]
    inputs: dict[str, Any] = {"roi": None, "scales": None, "sizes": None}
    if draw(st.booleans()):  # scales that give whole numbers, and such that do not
        scales = [draw(st.sampled_from([0.5, 0.7, 1.0, 1.5, 2.0, 2.25, 3.0])) for _ in sizes]
        inputs["scales"] = np.array([1, 1, *scales], np.float32)
    else:
        inputs["sizes"] = np.array([2, 3, *(draw(st.integers(1, 12)) for _ in sizes)])
    mode = draw(st.sampled_from(["nearest", "linear", "cubic"]))
    found = {"mode": mode, "coordinate_transformation_mode": draw(st.sampled_from(_MODES))}
    if mode == "nearest":
        found["nearest_mode"] = draw(st.sampled_from(_ROUNDINGS))
    if mode == "cubic":
        found["cubic_coeff_a"] = draw(st.sampled_from([-0.75, -0.5]))
        found["exclude_outside"] = draw(st.integers(0, 1))
    return image(2, 3, *sizes), inputs, found


@given(resizings(), st.sampled_from([11, 13, 18, 19]))
def test_like_onnxruntime(case: Any, opset: int) -> None:
    x, inputs, attributes = case
    mode = attributes["coordinate_transformation_mode"]
    # onnxruntime has cubic resizing of planes alone; and it rounds the symmetric mode otherwise.
    assume(attributes["mode"] != "cubic" or x.ndim == 4)
    assume(opset == 19 or mode != "half_pixel_symmetric")
    assume(mode != "half_pixel_symmetric" or attributes["mode"] != "nearest")
    if opset < 13:
        inputs = {n: np.zeros(0, np.float32) if v is None else v for n, v in inputs.items()}
        inputs = {n: v for n, v in inputs.items() if n != "sizes" or v.size}
    found, expected = single("Resize", {"X": x, **inputs}, opset=opset, **attributes)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("exclude", [0, 1])
@pytest.mark.parametrize("sizes", [(3, 9), (2, 2), (7, 5), (12, 1)])
def test_antialiasing_like_onnxruntime(mode: str, exclude: int, sizes: tuple[int, int]) -> None:
    exclude = exclude if mode == "cubic" else 0
    inputs = {
        "X": image(2, 3, 7, 9),
        "roi": None,
        "scales": None,
        "sizes": np.array([2, 3, *sizes]),
    }
    found, expected = single(
        "Resize", inputs, opset=18, mode=mode, antialias=1, exclude_outside=exclude
    )
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("part", [(0.2, 0.1, 0.9, 0.6), (-0.3, 0.5, 1.2, 1.4), (0, 0, 1, 1)])
def test_crops_like_onnxruntime(mode: str, part: tuple[float, ...]) -> None:
    roi = np.array([0, 0, *part[:2], 1, 1, *part[2:]], np.float32)
    # onnxruntime leaves an axis as it is that keeps its size, whatever part is asked for.
    for sizes in ((5, 7), (3, 1), (9, 5)):
        inputs = {"X": image(1, 2, 6, 8), "roi": roi, "scales": None, "sizes": [1, 2, *sizes]}
        found, expected = single(
            "Resize", inputs, opset=13, mode=mode, extrapolation_value=7.0,
            coordinate_transformation_mode="tf_crop_and_resize",
        )  # fmt: skip
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("policy", ["stretch", "not_larger", "not_smaller"])
@pytest.mark.parametrize("axes", [[2, 3], [3, 2], [-1], None])
def test_axes_and_proportions(policy: str, axes: list[int] | None) -> None:
    sizes = [2, 3, 9, 5] if axes is None else [9, 5][: len(axes)]
    if policy != "stretch" and (axes is None or min(axes) < 0):
        pytest.skip(
            "batch and channels would be resized; onnxruntime takes -1 for none of the axes"
        )
    attributes = {} if axes is None else {"axes": axes}
    inputs = {"X": image(2, 3, 7, 6), "roi": None, "scales": None, "sizes": np.array(sizes)}
    found, expected = single(
        "Resize", inputs, opset=18, mode="linear", keep_aspect_ratio_policy=policy, **attributes
    )
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("opset", [7, 9, 10])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("scales", [(2, 2), (1.5, 3), (1, 2.25), (0.5, 0.7)])
def test_the_first_versions(opset: int, mode: str, scales: tuple[float, ...]) -> None:
    name, x = "Resize" if opset == 10 else "Upsample", image(2, 3, 4, 5)
    if opset < 10 and min(scales) < 1:
        pytest.skip("Upsample only grows")
    numbers = np.array([1, 1, *scales], np.float32)
    if opset == 7:
        found, expected = single(name, {"X": x}, opset=7, mode=mode, scales=numbers)
    else:
        found, expected = single(name, {"X": x, "scales": numbers}, opset=opset, mode=mode)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.bool])
@pytest.mark.parametrize("scale", [2.0, 1.5, 0.5])
def test_nearest_of_other_types(dtype: torch.dtype, scale: float) -> None:
    x = torch.arange(2 * 3 * 4).reshape(1, 2, 3, 4)
    scales = np.array([1, 1, scale, scale], np.float32)
    found = resize(x.to(dtype), None, scales)
    assert found.dtype is dtype
    assert torch.equal(found, resize(x.double(), None, scales).to(dtype))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_weights_of_other_types(dtype: torch.dtype, mode: str) -> None:
    x = torch.rand(1, 2, 5, 4, dtype=torch.float64)
    sizes, given_ = np.array([1, 2, 7, 3]), {"mode": mode, "exclude_outside": 1, "antialias": 1}
    found, exact = (resize(t, None, None, sizes, **given_) for t in (x.to(dtype), x))
    assert found.dtype is dtype
    assert (found.double() - exact).abs().max() <= 2 * torch.finfo(dtype).eps


def test_a_size_of_minus_one_is_kept() -> None:
    assert resize(torch.rand(5, 2, 3, 3), None, None, np.array([-1, 2, 6, 6])).shape[0] == 5


def test_what_is_not_computed_is_named() -> None:
    scales = np.array([1, 1, 2], np.float32)
    for name in ("mode", "nearest_mode", "coordinate_transformation_mode"):
        with pytest.raises(InputError, match=f"{name}='best'"):
            resize(torch.rand(1, 1, 2), None, scales, **{name: "best"})
    with pytest.raises(InputError, match="scale for each of 3 axes"):
        resize(torch.rand(1, 1, 2), None, scales[:2])


_ALIKE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
     {"mode": "nearest"}),
    ({"mode": "nearest"}, {"mode": "nearest"}),
    ({"mode": "linear"}, {"mode": "bilinear"}),
    ({"mode": "linear", "coordinate_transformation_mode": "align_corners"},
     {"mode": "bilinear", "align_corners": True}),
    ({"mode": "cubic", "coordinate_transformation_mode": "pytorch_half_pixel"},
     {"mode": "bicubic"}),
]  # fmt: skip


@pytest.mark.parametrize(("attributes", "expected"), _ALIKE)
def test_pytorchs_own_is_recorded_as_that(
    attributes: dict[str, Any], expected: dict[str, Any]
) -> None:
    x, scales = torch.rand(1, 2, 4, 5), np.array([1, 1, 2, 3], np.float32)
    names = targets(lambda t: resize(t, None, scales, **attributes), x)
    assert names == targets(lambda t: functional.interpolate(t, scale_factor=(2, 3), **expected), x)


@pytest.mark.parametrize(
    "attributes",
    [
        {"mode": "cubic", "exclude_outside": 1},
        {"mode": "linear", "antialias": 1},
        {"mode": "nearest", "coordinate_transformation_mode": "tf_crop_and_resize"},
    ],
)
def test_all_else_is_recorded(attributes: dict[str, Any]) -> None:
    x, roi = torch.rand(1, 2, 4, 5), np.array([0, 0, 0.1, 0.1, 1, 1, 1.2, 0.7])
    scales = np.array([1, 1, 1.5, 0.5], np.float32)
    assert targets(lambda t: resize(t, roi, scales, **attributes), x)


def test_halving_is_a_slice() -> None:
    scales = np.array([1, 1, 0.5, 0.5], np.float32)
    given_ = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    x = torch.rand(1, 2, 4, 6)
    found = targets(lambda t: resize(t, None, scales, **given_), x)
    assert found == ["slice", "slice"]
