"""The photo demo: the network is the trained one, and both paddings lie side by side."""

import sys
from io import StringIO

import numpy as np
import pytest
import torch
from rich.console import Console

from onebyone.demos import photo
from onebyone.errors import InputError


@pytest.fixture(scope="module")
def network():
    return photo.load_network()


@pytest.mark.parametrize(("name", "thing"), [("coffee", "espresso"), ("chelsea", "Egyptian cat")])
def test_the_network_knows_what_is_on_the_photo(network, name, thing):
    x = photo._scaled(photo.load_photo(name))[None]
    with torch.inference_mode():
        small = torch.nn.functional.interpolate(x, (224, 224), mode="bilinear", antialias=True)
        scores = network(small).softmax(1)[0]
    assert photo.NAMES[int(scores.argmax())] == thing
    assert scores.max() > 0.7


@pytest.mark.slow  # EfficientNet at every window, and its plans
def test_both_paddings_are_compared_and_shown(network, tmp_path, monkeypatch):
    small = photo.load_photo("coffee")[:, 80:320, 160:416]
    monkeypatch.setattr(photo, "load_photo", lambda name: np.ascontiguousarray(small))
    monkeypatch.setattr(photo, "load_network", lambda: network)
    monkeypatch.setattr(photo, "THINGS", {"coffee": 967})
    monkeypatch.setattr(photo, "SAMPLE", 2)
    text = StringIO()
    pages = photo.run(Console(file=text, width=100), tmp_path)
    assert pages == [tmp_path / "photo-coffee.html"]
    assert "espresso" in pages[0].read_text("utf-8")
    said = " ".join(text.getvalue().split())
    assert "as crops: differs from crops by" in said
    assert 'padding="image": differs from crops by' in said
    assert "over 6 windows" in said  # 2×3 windows are all compared
    assert "100.0% have the same top class" in said


def test_maps_lie_over_their_own_copy_of_the_photo():
    pixels = np.arange(3 * 40 * 50, dtype=np.uint8).reshape(3, 40, 50)
    maps = [np.full((2, 3, 2), value, np.float32) for value in (0.25, 0.75)]
    picture, scores = photo.side_by_side(pixels, maps)
    second = 80  # the first multiple of 16 behind 50 pixels and a gap
    assert picture.shape == (3, 40, second + 50)
    np.testing.assert_array_equal(picture[:, :, :50], pixels)
    np.testing.assert_array_equal(picture[:, :, second:], pixels)
    np.testing.assert_array_equal(scores[:, :, :2], maps[0])
    np.testing.assert_array_equal(scores[:, :, second // photo.STRIDE :], maps[1])
    assert not scores[:, :, 2 : second // photo.STRIDE].any()


@pytest.mark.parametrize("missing", ["efficientnet_lite_pytorch", "skimage"])
def test_a_missing_extra_is_named(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)  # as if it were not installed
    with pytest.raises(InputError, match=r"pip install 'onebyone\[photo\]'"):
        photo.load_photo("coffee") if missing == "skimage" else photo.load_network()
