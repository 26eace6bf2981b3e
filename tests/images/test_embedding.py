"""Scores and images inside a page."""

import base64
import io
import zlib

import numpy as np
import pytest
from PIL import Image

from onebyone.images import embedding
from onebyone.images.embedding import embed_image, embed_scores

RNG = np.random.default_rng(2)


def unpack(embedded):
    codes = np.frombuffer(
        zlib.decompress(base64.b64decode(embedded.data)), dtype=f"<u{embedded.bits // 8}"
    ).reshape(len(embedded.classes), *embedded.grid)
    top = 2**embedded.bits - 2
    return np.where(codes == top + 1, np.nan, codes / top)


def test_scores_come_back_to_16_bits():
    scores = RNG.uniform(size=(3, 6, 5))
    scores[1, 2, 3] = np.nan
    embedded = embed_scores(scores)
    assert (embedded.bits, embedded.step, embedded.notes) == (
        16,
        1,
        ["Values are rounded to 16 bits."],
    )
    np.testing.assert_allclose(unpack(embedded), scores, atol=0.6 / 65534)


def test_scores_that_are_no_probabilities_are_said_to_be_changed():
    assert "softmax" in embed_scores(RNG.normal(size=(3, 6, 5))).notes[0]


def test_larger_scores_are_rounded_to_8_bits(monkeypatch):
    monkeypatch.setattr(embedding, "SCORE_BYTES", 100)
    scores = RNG.uniform(size=(3, 6, 5))
    embedded = embed_scores(scores)
    assert embedded.bits == 8
    np.testing.assert_allclose(unpack(embedded), scores, atol=0.6 / 254)


def test_too_many_classes_are_reduced_to_the_highest_and_said_so(monkeypatch):
    monkeypatch.setattr(embedding, "SCORE_BYTES", 300)
    scores = RNG.uniform(0, 0.5, size=(20, 6, 5))
    scores[[3, 17], 0, 0] = 1
    embedded = embed_scores(scores)
    assert len(embedded.classes) == 10
    assert {3, 17} <= set(embedded.classes.tolist())
    assert "the 10 classes with the highest scores of 20" in " ".join(embedded.notes)
    np.testing.assert_allclose(unpack(embedded), scores[embedded.classes], atol=0.6 / 254)


def test_too_many_windows_are_thinned_and_said_so(monkeypatch):
    monkeypatch.setattr(embedding, "SCORE_BYTES", 300)
    scores = RNG.uniform(size=(2, 30, 21))
    embedded = embed_scores(scores)
    assert embedded.step == 3
    assert "one window in 3" in " ".join(embedded.notes)
    np.testing.assert_allclose(unpack(embedded), scores[:, ::3, ::3], atol=0.6 / 254)


def open_picture(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (np.array([[0, 128, 255]], dtype=np.uint8), [0, 128, 255]),
        (np.array([[0, 32896, 65535]], dtype=np.uint16), [0, 128, 255]),
        (np.array([[0, 0.5, 1.0]]), [0, 128, 255]),
        (np.array([[-3.0, 0.0, 3.0]]), [0, 128, 255]),
        (np.array([[np.nan, 0.5, np.inf]]), [0, 128, 0]),
    ],
    ids=["uint8", "uint16", "0 to 1", "other range", "not finite"],
)
def test_pixels_of_any_type_become_a_picture(image, expected):
    embedded = embed_image(image)
    np.testing.assert_array_equal(np.array(open_picture(embedded.uri))[0], expected)


def test_other_channels_are_averaged_and_said_so():
    image = np.stack([np.full((2, 2), value) for value in (0.0, 1.0)])
    embedded = embed_image(image)
    assert np.array(open_picture(embedded.uri)).tolist() == [[128, 128]] * 2
    assert "mean of the image's 2 channels" in embedded.notes[0]


def test_large_images_are_shrunk_and_said_so(monkeypatch):
    monkeypatch.setattr(embedding, "IMAGE_PIXELS", 100)
    embedded = embed_image(np.zeros((40, 10), dtype=np.uint8))
    assert open_picture(embedded.uri).size == (5, 20)
    assert embedded.notes == ["The picture is shown at 5 × 20 pixels."]


def test_photos_are_embedded_as_jpeg(monkeypatch):
    monkeypatch.setattr(embedding, "PNG_BYTES", 100)
    uri = embed_image(RNG.integers(0, 256, (3, 40, 40), dtype=np.uint8)).uri
    assert uri.startswith("data:image/jpeg;")
    assert open_picture(uri).format == "JPEG"
