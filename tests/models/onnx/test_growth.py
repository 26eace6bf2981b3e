"""Numbers of sizes are few; what is many is computed by the network, as tensors."""

import resource
from pathlib import Path

import numpy as np

from helpers.onnx_files import ran, saved, windows
from helpers.onnx_pairs import model
from onebyone.models import load


def test_many_numbers_of_sizes_are_not_made(tmp_path: Path) -> None:
    body = "s = Shape(x) t = Mul(s, n) y = ConstantOfShape(t)"
    made = model(
        f"net (float[N,4] x) => (float[A,B] y) {{{body}}}", {"n": np.array([1 << 13, 1 << 11])}
    )
    path = saved(tmp_path, made)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    load(path)  # of 7 windows, these would be 1.9 GB
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 18


def test_a_token_that_is_repeated_for_each_window_learns(tmp_path: Path) -> None:
    body = (
        "s = Shape<start=0, end=1>(x) t = Concat<axis=0>(s, n) e = Expand(token, t) y = Mul(e, x)"
    )
    token = np.linspace(0, 1, 20, dtype=np.float32)[None]
    arrays = {"token": token, "n": np.array([20])}
    path = saved(tmp_path, model(f"net (float[N,20] x) => (float[N,20] y) {{{body}}}", arrays))
    network, x = load(path).network, windows(3, 1, 20)
    (parameter,) = network.parameters()
    found = network(x)
    np.testing.assert_allclose(found.detach(), ran(path, {"x": x[:, 0]})[0], rtol=1e-6)
    found.sum().backward()
    np.testing.assert_allclose(parameter.grad, x[:, 0].sum(0, keepdim=True), rtol=1e-5)
