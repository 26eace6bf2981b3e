"""Regions as GeoJSON: their number, their outlines and what they cover."""

import json
from itertools import pairwise

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from helpers.scan_maps import make_map
from onebyone.images import class_colours
from onebyone.scans.exports import export
from onebyone.scans.exports.regions import Sweep


def area(ring):
    """By the shoelace formula, positive where the ring is counterclockwise."""
    x, y = np.array(ring, float).T
    return 0.5 * np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])


def covered(rings, shape):
    """Cells that lie within closed rings of (x, y), by the number of edges left of each."""
    edges = np.zeros(shape, int)
    for ring in rings:
        for (x, y), (x_next, y_next) in pairwise(ring):
            assert (x == x_next) != (y == y_next)
            if x == x_next:
                edges[min(y, y_next) : max(y, y_next), x:] += 1
    return edges % 2 == 1


def swept(inside, step):
    sweep = Sweep(inside.shape[1])
    for top in range(0, len(inside), step):
        rows = inside[top : top + step]
        yield from sweep.add(top, rows, rows.astype(np.float32))
    yield from sweep.end(len(inside))


GRIDS = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda s: arrays(bool, s))


@given(GRIDS, st.integers(1, 12))
def test_any_cells_are_covered_exactly_by_valid_polygons(inside, step):
    found = list(swept(inside, step))
    assert len(found) == ndimage.label(inside)[1]
    together = np.zeros(inside.shape, int)
    for region in found:
        rings = [np.concatenate([ring, ring[:1]]).tolist() for ring in region.rings()]
        areas = [area(ring) for ring in rings]
        assert areas[0] - sum(areas[1:]) == region.windows == region.total
        for ring in rings:  # none passes a place twice
            assert len({*map(tuple, ring)}) == len(ring) - 1
            turns = np.diff(np.sign(np.diff([*ring, ring[1]], axis=0)), axis=0)
            assert (turns != 0).all()  # every point is a corner
        (outline, *holes) = rings
        assert all(covered([outline], inside.shape)[covered([hole], inside.shape)].all()
                   for hole in holes)  # fmt: skip
        together += covered(rings, inside.shape)
    np.testing.assert_array_equal(together, inside)


def test_a_hole_that_meets_the_outline_is_a_ring_of_its_own():
    inside = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], bool)
    (region,) = swept(inside, 1)
    outline, hole = (ring.tolist() for ring in region.rings())
    assert outline == [[0, 0], [3, 0], [3, 2], [2, 2], [2, 3], [0, 3]]
    assert hole == [[1, 1], [2, 1], [2, 2], [1, 2]]


@pytest.mark.usefixtures("stripe")
def test_pixels_of_the_finest_level(tmp_path):
    scores = np.zeros((2, 4, 6), np.float32)
    scores[1, 1:3, 1:4] = [[0.5, 0.9, 0.7], [0.6, np.nan, 0.9]]
    folder = make_map(
        tmp_path / "map", scores, window=(3, 8, 11), stride=(4, 5), shrink=(2.0, 3.0),
        classes=["a", "b ü"],
    )  # fmt: skip
    export(folder, tmp_path / "x.geojson")
    text = (tmp_path / "x.geojson").read_text(encoding="utf-8")
    found = json.loads(text)
    assert found["type"] == "FeatureCollection"
    assert "crs" not in found
    (feature,) = found["features"]
    # Rows are 2·4 pixels from 2·2 on, columns 3·5 from 3·3 on; the second row's middle is missing.
    assert feature["geometry"] == {
        "type": "Polygon",
        "coordinates": [
            [[24, 12], [69, 12], [69, 28], [54, 28], [54, 20], [39, 20], [39, 28], [24, 28],
             [24, 12]],
        ],
    }  # fmt: skip
    colour = class_colours(2)[1].tolist()
    assert feature["properties"].pop("classification") == {"name": "b ü", "color": colour}
    assert feature["properties"] == {
        "objectType": "annotation",
        "class": "b ü",
        "mean": pytest.approx(0.72),
        "windows": 5,
    }


@pytest.mark.parametrize(("epsg", "name"), [(32633, "EPSG::32633"), (4326, "OGC:1.3:CRS84")])
def test_places_on_earth(tmp_path, epsg, name):
    wkt = rasterio.crs.CRS.from_epsg(epsg).to_wkt()
    place = {"crs": wkt, "transform": (0.5, 0.0, 100.0, 0.0, -0.5, 200.0)}
    scores = np.ones((1, 3, 3))
    scores[0, 1, 1] = 0
    export(make_map(tmp_path / "map", scores, place=place), tmp_path / "x.geojson")
    found = json.loads((tmp_path / "x.geojson").read_text())
    assert found["crs"]["properties"]["name"] == f"urn:ogc:def:crs:{name}"
    outline, hole = found["features"][0]["geometry"]["coordinates"]
    # The first cell starts at pixel 2: 1 to the east and 1 to the south; cells are of 2 by 2.
    assert area(outline) == 36  # counterclockwise, as north is up
    assert area(hole) == -4
    assert {*map(tuple, outline)} == {(101, 199), (107, 199), (107, 193), (101, 193)}
    assert {*map(tuple, hole)} == {(103, 197), (105, 197), (105, 195), (103, 195)}


@pytest.mark.usefixtures("stripe")
def test_every_class_has_its_regions(tmp_path, scores):
    folder = make_map(tmp_path / "map", scores, classes=["a", "b", "c"], chunks=(1, 5, 9))
    export(folder, tmp_path / "x.geojson", threshold=0.4)
    found = json.loads((tmp_path / "x.geojson").read_text())["features"]
    for k, name in enumerate("abc"):
        inside = np.nan_to_num(scores[k]) >= 0.4
        of_class = [each for each in found if each["properties"]["class"] == name]
        assert len(of_class) == ndimage.label(inside)[1]
        rings = [
            ((np.array(ring) - 2) / 4).astype(int).tolist()
            for each in of_class
            for ring in each["geometry"]["coordinates"]
        ]
        np.testing.assert_array_equal(covered(rings, inside.shape), inside)
        sums = sum(each["properties"]["mean"] * each["properties"]["windows"] for each in of_class)
        assert sums == pytest.approx(scores[k][inside].sum(), rel=1e-5)


@pytest.mark.usefixtures("stripe")
@pytest.mark.parametrize("names", [None, [f"class {k}" for k in range(9)]])
def test_maps_of_the_best_few(tmp_path, names):
    rng = np.random.default_rng(4)
    scores = np.sort(rng.random((2, 11, 14)), axis=0)[::-1].astype(np.float32)
    labels = np.stack([rng.integers(0, 4, (11, 14)), rng.integers(4, 9, (11, 14))])
    scores[:, 3:5, :6] = np.nan
    folder = make_map(
        tmp_path / "map", scores, labels=labels.astype(np.int32), values="top", classes=names
    )
    export(folder, tmp_path / "x.geojson", threshold=0.6)
    found = json.loads((tmp_path / "x.geojson").read_text())["features"]
    for k in range(9):
        inside = ((labels == k) & (scores >= 0.6)).any(axis=0)
        name = names[k] if names else str(k)
        of_class = [each for each in found if each["properties"]["class"] == name]
        assert sum(each["properties"]["windows"] for each in of_class) == inside.sum()
        assert len(of_class) == ndimage.label(inside)[1]


def test_classes_asked_for_and_none_found(tmp_path, scores):
    folder = make_map(tmp_path / "map", scores, classes=["a", "b", "c"])
    export(folder, tmp_path / "x.geojson", classes=["c", 1, "1"], threshold=0.4)
    found = json.loads((tmp_path / "x.geojson").read_text())["features"]
    assert {each["properties"]["class"] for each in found} == {"b", "c"}
    export(folder, tmp_path / "x.geojson", classes="a", threshold=1.5)
    assert json.loads((tmp_path / "x.geojson").read_text())["features"] == []


def test_infinite_scores_have_no_mean(tmp_path):
    scores = np.full((1, 2, 2), np.inf)
    export(make_map(tmp_path / "map", scores, values="scores"), tmp_path / "x.geojson")
    (feature,) = json.loads((tmp_path / "x.geojson").read_text())["features"]
    assert feature["properties"]["mean"] is None


def test_what_is_held_does_not_grow_with_the_rows():
    """Regions that have ended are gone; the corners of open ones stay."""
    inside = np.zeros((8, 64), bool)
    inside[1:3, ::2] = True
    sweep = Sweep(64)
    for top in range(0, 8000, 8):
        assert len(list(sweep.add(top, inside, inside))) == 32
        assert not sweep.open
