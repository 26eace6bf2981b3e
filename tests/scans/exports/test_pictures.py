"""The class map as a picture of one pixel a window."""

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax

from helpers.scan_maps import halved, make_map
from onebyone.images import class_colours, save_png
from onebyone.scans.exports import export, pictures


def pixels(path):
    with Image.open(path) as picture:
        assert picture.mode == "RGBA"
        return np.array(picture)


@pytest.mark.usefixtures("stripe")
@pytest.mark.parametrize("kind", ["shares", "logits", "one class"])
def test_the_colours_are_those_of_slide(tmp_path, scores, kind):
    values = scores if kind == "shares" else 9 * scores - 3
    values = values[:1] if kind == "one class" else values
    classes = ["a", "b", "background"][: len(values)]
    folder = make_map(tmp_path / "map", values, classes=classes, chunks=(1, 5, 7))
    export(folder, tmp_path / "x.png")
    save_png(tmp_path / "y.png", values, (3, 1, 1), (1, 1), values.shape[1:], classes=classes)
    np.testing.assert_array_equal(pixels(tmp_path / "x.png"), pixels(tmp_path / "y.png"))


def test_large_maps_are_shown_by_the_finest_level_that_fits(tmp_path, scores, monkeypatch):
    monkeypatch.setattr(pictures, "LONGEST", 30)
    folder = make_map(tmp_path / "map", scores, coarser=2)
    with pytest.warns(UserWarning, match=r"map: a pixel of the picture stands for 2 × 2 windows"):
        export(folder, tmp_path / "x.png")
    coarser = halved(scores).astype(np.float32)
    found = pixels(tmp_path / "x.png")
    assert found.shape == (19, 27, 4)
    known = ~np.isnan(coarser[0])
    assert (found[~known, 3] == 0).all()
    np.testing.assert_array_equal(found[known][:, 3], np.rint(coarser.max(axis=0)[known] * 255))
    np.testing.assert_array_equal(
        found[known][:, :3], class_colours(3)[coarser.argmax(axis=0)[known]]
    )


@pytest.mark.usefixtures("stripe")
def test_without_coarser_levels_means_are_made(tmp_path, scores, monkeypatch):
    """As of a map that is not finished, whose coarser levels may be empty."""
    monkeypatch.setattr(pictures, "LONGEST", 15)
    state = np.where(np.isnan(scores[0]), 0, 1)
    folder = make_map(tmp_path / "map", scores, coarser=2, state=state, chunks=(3, 6, 50))
    with pytest.warns(UserWarning, match="4 × 4"):
        export(folder, tmp_path / "x.png", partial=True)
    blocks = np.pad(scores, ((0, 0), (0, 3), (0, 3)), constant_values=np.nan)
    blocks = blocks.reshape(3, 10, 4, 14, 4)
    known = np.isfinite(blocks[0]).any(axis=(1, 3))
    found = pixels(tmp_path / "x.png")
    assert found.shape == (10, 14, 4)
    sums, count = np.nansum(blocks, axis=(2, 4)), np.isfinite(blocks).sum(axis=(2, 4))
    means = sums[:, known] / count[:, known]
    np.testing.assert_allclose(found[known][:, 3], means.max(axis=0) * 255, atol=0.51)


@pytest.mark.usefixtures("stripe")
@pytest.mark.parametrize("step", [1, 2])
def test_maps_of_the_best_few(tmp_path, monkeypatch, step):
    monkeypatch.setattr(pictures, "LONGEST", 14 // step)
    rng = np.random.default_rng(3)
    scores = softmax(rng.normal(size=(2, 11, 14)), axis=0).astype(np.float32)
    scores[:, 2, 4] = np.nan
    labels = rng.integers(0, 6, scores.shape, dtype=np.int32)
    labels[0, 0, 0], scores[:, 0, 0] = 6, [1, 0]
    folder = make_map(tmp_path / "map", scores, labels=labels, values="top")
    if step == 1:
        export(folder, tmp_path / "x.png")
    else:
        with pytest.warns(UserWarning, match="2 × 2"):
            export(folder, tmp_path / "x.png")
    found, best = pixels(tmp_path / "x.png"), scores.argmax(axis=0)[None]
    top = np.take_along_axis(labels, best, axis=0)[0, ::step, ::step]
    opacity = np.rint(np.nan_to_num(scores.max(axis=0)) * 255)[::step, ::step]
    np.testing.assert_array_equal(found[..., 3], opacity)
    seen = opacity > 0
    np.testing.assert_array_equal(found[seen][:, :3], class_colours(7)[top[seen]])


def test_nothing_to_see(tmp_path):
    folder = make_map(tmp_path / "map", np.full((2, 1, 1), np.nan))
    export(folder, tmp_path / "x.png")
    assert (pixels(tmp_path / "x.png")[..., 3] == 0).all()
