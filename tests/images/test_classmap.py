"""Scores as colours over the image."""

import numpy as np
import pytest
from PIL import Image
from scipy.special import expit, softmax

from onebyone.images import class_colours, classmap, embedding, probabilities, save_png

RNG = np.random.default_rng(1)


def test_scores_within_0_and_1_are_taken_as_they_are():
    scores = RNG.uniform(size=(3, 4, 5))
    np.testing.assert_array_equal(probabilities(scores), scores)


def test_other_scores_go_through_a_softmax_or_a_logistic():
    scores = 1000 * RNG.normal(size=(3, 4, 5))
    np.testing.assert_allclose(probabilities(scores), softmax(scores, axis=0), atol=1e-12)
    np.testing.assert_allclose(probabilities(scores[:1]), expit(scores[:1]), atol=1e-12)


def test_what_is_not_a_number_stays_so_and_spoils_no_other_window():
    scores = 3 * RNG.normal(size=(3, 4, 5))
    expected = softmax(scores, axis=0)
    scores[1, 2, 3] = np.nan
    scores[0, 0, 0] = np.inf
    shown = probabilities(scores)
    bad = np.zeros((4, 5), dtype=bool)
    bad[2, 3] = bad[0, 0] = True
    np.testing.assert_array_equal(np.isnan(shown).any(axis=0), bad)
    np.testing.assert_allclose(shown[:, ~bad], expected[:, ~bad])


@pytest.mark.parametrize("count", [1, 2, 11, 12, 100, 1000])
def test_colours_of_classes_differ(count):
    colours = class_colours(count)
    assert colours.shape == (count, 3)
    near = np.abs(np.diff(colours.astype(int), axis=0)).sum(axis=1)
    assert count == 1 or near.min() > 60  # classes with near numbers look different
    if count <= 12:
        apart = np.abs(colours[:, None].astype(int) - colours[None]).sum(axis=2)
        assert apart[~np.eye(count, dtype=bool)].min(initial=999) > 45


def test_each_window_colours_the_stride_about_its_centre(tmp_path):
    scores = np.zeros((3, 2, 3))
    scores[:, :, :] = np.array([0.2, 0.7, 0.1])[:, None, None]
    scores[:, 0, 0] = [1.0, 0.0, 0.0]
    scores[:, 1, 1] = np.nan
    scores[:, 1, 2] = [0.0, 0.1, 0.9]
    save_png(
        tmp_path / "map.png", scores, (1, 6, 8), (2, 4), (9, 16), classes=["a", "b", "background"]
    )
    picture = np.array(Image.open(tmp_path / "map.png"))
    assert picture.shape == (9, 16, 4)
    opacity = np.zeros((9, 16), dtype=np.uint8)
    opacity[2:4, 2:6] = 255  # window 0, 0 spans rows 0 to 6, columns 0 to 8
    opacity[2:4, 6:14] = opacity[4:6, 2:6] = round(0.7 * 255)
    np.testing.assert_array_equal(picture[:, :, 3], opacity)
    np.testing.assert_array_equal(picture[2, 2, :3], class_colours(3)[0])
    np.testing.assert_array_equal(picture[2, 6, :3], class_colours(3)[1])


@pytest.mark.parametrize("scores", ["shares", "logits", "one class"])
def test_maps_are_shown_strip_by_strip_as_in_one(tmp_path, monkeypatch, scores):
    values = np.random.default_rng(5).normal(size=(1 if scores == "one class" else 4, 9, 7))
    values = np.abs(values) / 9 if scores == "shares" else values
    values[0, 3, 2] = np.nan
    found = []
    for strip in (classmap.STRIP, 1):
        monkeypatch.setattr(classmap, "STRIP", strip)
        for size in (10**6, 100):
            monkeypatch.setattr(embedding, "SCORE_BYTES", size)
            save_png(tmp_path / "x.png", values, (1, 4, 4), (2, 2), (20, 16), classes=None)
            found.append(((tmp_path / "x.png").read_bytes(), str(embedding.embed_scores(values))))
    assert found[:2] == found[2:]
