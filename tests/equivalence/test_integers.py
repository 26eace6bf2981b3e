"""Integers alone: powers of two beside weights and in them, and how weights are drawn."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from helpers.onnx_pairs import floats, model
from onebyone.equivalence.onnx.files import File
from onebyone.equivalence.onnx.integers import integers
from onebyone.equivalence.onnx.integers.draws import Draw

HEAD = "m (float[N,8] x) => (float[N,5] o) { "
W = floats(np.random.default_rng(0), 8, 5)


def verdict(folder: Path, before: onnx.ModelProto, after: onnx.ModelProto) -> bool:
    paths = folder / "before.onnx", folder / "after.onnx"
    for made, path in zip((before, after), paths, strict=True):
        onnx.save(made, path)
    return integers(*map(File, paths)).passed


@pytest.mark.parametrize("power", [0.125, 0.5, 4.0])
@pytest.mark.parametrize("factor", [1.0, 2.0, 0.75])
def test_a_power_of_two_may_be_in_the_weight(power: float, factor: float, tmp_path: Path):
    """Multiplied by another factor it is another function."""
    beside = model(
        HEAD + "y = MatMul(x, w) r = Relu(y) o = Mul(r, a) }", {"w": W, "a": np.float32(power)}
    )
    within = model(HEAD + "y = MatMul(x, w) o = Relu(y) }", {"w": W * np.float32(power * factor)})
    assert verdict(tmp_path, beside, within) == (factor == 1)


def test_one_weight_beside_a_power_of_two(tmp_path: Path):
    arrays = {"w": W, "a": np.float32(0.5)}
    beside = model(HEAD + "y = MatMul(x, w) o = Mul(y, a) }", arrays)
    other = W / 2
    other[3, 2] = np.nextafter(other[3, 2], np.float32(9))
    assert not verdict(tmp_path, beside, model(HEAD + "o = MatMul(x, w) }", {"w": other}))


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_a_draw_depends_on_the_value_alone(dtype: type):
    values = np.random.default_rng(0).standard_normal(3 << 15).astype(np.float16)
    single, other = (Draw(1, folded=False).weights(values.astype(t)) for t in (np.float32, dtype))
    np.testing.assert_array_equal(single, other)
    assert set(np.unique(single)) == {-3, -2, -1, 0, 1, 2, 3} - ({0} if values.all() else set())
    turned = Draw(1, folded=False).weights(values.astype(np.float32).reshape(3, -1).T)
    np.testing.assert_array_equal(turned, single.reshape(3, -1).T)


def test_the_last_bit_of_a_double_tells():
    a = np.random.default_rng(0).standard_normal(1000)
    b = np.nextafter(a, 9)
    first, second = (Draw(0, folded=False).weights(values) for values in (a, b))
    assert (first != second).mean() > 0.7
