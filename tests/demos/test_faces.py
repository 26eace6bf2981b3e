"""The faces demo: the network is the published one, and it finds the face."""

import sys
from io import StringIO

import numpy as np
import pytest
import torch
from rich.console import Console

from onebyone.demos import faces
from onebyone.errors import InputError


def keras_network(arrays, pixels):
    """O-Net by NumPy in Keras' order [row, column, channel], an implementation of its own."""

    def convolve(x, kernel, bias):
        rows, columns = (n - k + 1 for n, k in zip(x.shape[:2], kernel.shape[:2], strict=True))
        return bias + sum(
            x[i : i + rows, j : j + columns] @ kernel[i, j] for i, j in np.ndindex(kernel.shape[:2])
        )

    def pool(x, side, same):
        # "same" pads after the end, never with a value that could be the largest.
        count = -(-x.shape[0] // 2) if same else (x.shape[0] - side) // 2 + 1
        return np.stack(
            [
                [x[2 * i : 2 * i + side, 2 * j : 2 * j + side].max((0, 1)) for j in range(count)]
                for i in range(count)
            ]
        )

    def prelu(x, slope):
        return np.where(x > 0, x, slope.ravel() * x)

    x = pixels.astype(np.float64)
    for stage, pooling in enumerate([(3, True), (3, False), (2, True), None]):
        kernel, bias, slope = arrays[3 * stage : 3 * stage + 3]
        x = prelu(convolve(x, kernel, bias), slope)
        x = x if pooling is None else pool(x, *pooling)
    x = x.transpose(1, 0, 2).ravel()
    x = prelu(x @ arrays[12] + arrays[13], arrays[14])
    scores = x @ arrays[19] + arrays[20]
    return np.concatenate([[scores[1] - scores[0]], x @ arrays[15] + arrays[16]])


@pytest.fixture(scope="module")
def network():
    return faces.load_network()


def test_the_network_is_that_of_the_package(network):
    from importlib.util import find_spec
    from pathlib import Path

    import joblib

    folder = Path(find_spec("mtcnn").submodule_search_locations[0])
    arrays = joblib.load(folder / "assets" / "weights" / "onet.lz4")
    pixels = np.random.default_rng(0).uniform(-1, 1, (48, 48, 3)).astype(np.float32)
    expected = keras_network(arrays, pixels)
    with torch.inference_mode():
        given = network(torch.from_numpy(pixels.transpose(2, 0, 1))[None])[0].numpy()
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-4)


def test_the_face_of_the_photo_is_found(network, tmp_path, monkeypatch):
    monkeypatch.setattr(faces, "FACES", (144, 192))  # fewer sizes, for time
    text = StringIO()
    (page,) = faces.run(Console(file=text, width=100), tmp_path)
    assert page == tmp_path / "faces.html"
    assert page.stat().st_size > 100_000
    assert "face 1.00, in a window of" in text.getvalue()
    assert "windows a second" in text.getvalue()


def test_the_box_and_the_map_are_in_pixels_of_the_photo():
    grid = torch.full((5, 9, 11), -9.0)
    grid[:, 4, 6] = torch.tensor([3.0, 0.1, 0.2, -0.1, 0.0])
    face = faces.best_face({96: torch.full((5, 20, 22), -9.0), 144: grid})
    # Window 4, 6 of side 144: steps of 2 at a third of the size are 6 pixels.
    assert face.box[1:] == pytest.approx((24 + 0.2 * 144, 36 + 0.1 * 144, 0.8 * 144, 0.8 * 144))
    assert (face.side, face.probability) == (144, pytest.approx(1 / (1 + np.exp(-3))))
    shown = faces.face_map({96: torch.full((5, 20, 22), -99.0), 144: grid}, (192, 204))
    assert shown.shape == (2, 25, 28)
    row, column = np.unravel_index(shown[1].argmax(), shown[1].shape)
    # Its centre is at 24 + 72, 36 + 72; place i of the map is at 48 + 4 i.
    assert (48 + 4 * row, 48 + 4 * column) == pytest.approx((96, 108), abs=4)
    assert shown[1, 0, 0] == 0  # no window of 144 pixels has its centre at 48, 48


@pytest.mark.parametrize("missing", ["mtcnn", "joblib", "skimage"])
def test_a_missing_extra_is_named(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)  # as if it were not installed
    if missing == "mtcnn":
        monkeypatch.setattr(faces, "find_spec", lambda name: None)
    load = faces.load_photo if missing == "skimage" else faces.load_network
    with pytest.raises(InputError, match="pip install onebyone\\[demo\\]"):
        load()
