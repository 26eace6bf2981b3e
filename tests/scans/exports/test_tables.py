"""The windows with the highest scores, against sorting all of them."""

import csv

import numpy as np
import pytest
from pyarrow import parquet

from helpers.scan_maps import make_map
from onebyone.scans.exports import export


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("stripe")
@pytest.mark.parametrize("top", [1, 7, 500, 10_000])
def test_they_are_the_highest_in_their_order(tmp_path, scores, top):
    scores = scores.round(2)  # many are equal
    folder = make_map(tmp_path / "map", scores, classes=["a", "b,\n", "ü"], chunks=(2, 4, 50))
    export(folder, tmp_path / "x.csv", top=top)
    highest = np.nan_to_num(scores.max(axis=0), nan=-1).ravel()
    order = np.argsort(-highest, kind="stable")[: min(top, (highest >= 0).sum())]
    row, column = np.unravel_index(order, scores.shape[1:])
    found = rows_of(tmp_path / "x.csv")
    assert [(int(each["row"]), int(each["column"])) for each in found] == [
        *zip(row.tolist(), column.tolist(), strict=True)
    ]
    assert [each["score"] for each in found] == [str(s) for s in highest[order].astype(np.float32)]
    best = scores.argmax(axis=0).ravel()[order]
    assert [each["class"] for each in found] == [("a", "b,\n", "ü")[k] for k in best]


def test_places(tmp_path):
    scores = np.zeros((1, 5, 6), np.float32)
    scores[0, 2, 3] = 1
    folder = make_map(
        tmp_path / "map",
        scores,
        window=(3, 9, 8),
        stride=(3, 5),
        shrink=(2.0, 4.0),
        spacing=(0.5, 1.0),
        place={"crs": "any", "transform": (0.1, 0.0, 10.0, 0.0, -0.1, 50.0)},
    )
    export(folder, tmp_path / "x.csv", top=1)
    # Pixels of the level: 2·3 + 4.5 = 10.5 down, 3·5 + 4 = 19 across; 2 and 4 of the finest each.
    assert rows_of(tmp_path / "x.csv") == [
        {
            "row": "2",
            "column": "3",
            "y": "21.0",
            "x": "76.0",
            "y_um": "5.25",
            "x_um": "19.0",
            "east": "17.6",
            "north": "47.9",
            "class": "0",
            "score": "1.0",
        }
    ]


def test_parquet_has_the_same_rows(tmp_path, folder):
    export(folder, tmp_path / "x.csv", top=50)
    export(folder, tmp_path / "x.parquet", top=50)
    table = parquet.read_table(tmp_path / "x.parquet")
    listed = rows_of(tmp_path / "x.csv")
    assert [{key: str(value) for key, value in row.items()} for row in table.to_pylist()] == listed
    assert str(table.schema.field("row").type) == "int64"
    assert str(table.schema.field("class").type) == "string"


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_a_map_without_scores_has_no_rows(tmp_path, name):
    export(make_map(tmp_path / "map", np.full((2, 3, 3), np.nan)), tmp_path / name)
    if name == "x.csv":
        assert rows_of(tmp_path / name) == []
    else:
        assert parquet.read_table(tmp_path / name).num_rows == 0


@pytest.mark.usefixtures("stripe")
@pytest.mark.parametrize(
    ("shape", "columns"),
    [((2, 9), ["column", "x"]), ((2, 3, 4, 5), ["plane", "row", "column", "z", "y", "x"])],
)
def test_signals_and_volumes(tmp_path, shape, columns):
    scores = np.random.default_rng(1).random(shape).astype(np.float32)
    export(make_map(tmp_path / "map", scores, chunks=(1,) * len(shape)), tmp_path / "x.csv", top=3)
    found = rows_of(tmp_path / "x.csv")
    assert [*found[0]] == [*columns, "class", "score"]
    place = np.unravel_index(scores.max(axis=0).argmax(), shape[1:])
    indices = columns[: len(place)]
    assert tuple(int(found[0][name]) for name in indices) == tuple(map(int, place))


@pytest.mark.usefixtures("stripe")
def test_classes_that_count(tmp_path, scores):
    folder = make_map(tmp_path / "map", scores, classes=["a", "b", "c"])
    export(folder, tmp_path / "x.csv", top=20, classes=["c", "a"])
    found = rows_of(tmp_path / "x.csv")
    highest = np.sort(np.nan_to_num(scores[[0, 2]]).max(axis=0).ravel())[::-1][:20]
    assert [float(each["score"]) for each in found] == pytest.approx(highest.tolist())
    assert {each["class"] for each in found} == {"a", "c"}


@pytest.mark.usefixtures("stripe")
def test_maps_of_the_best_few(tmp_path):
    scores = np.array([[[0.9, 0.8, 0.7]], [[0.1, 0.6, np.nan]]], np.float32)
    labels = np.array([[[3, 1, 2]], [[1, 3, 3]]], np.uint8)
    folder = make_map(tmp_path / "map", scores, labels=labels, values="top")
    export(folder, tmp_path / "x.csv")
    found = [(each["column"], each["class"], each["score"]) for each in rows_of(tmp_path / "x.csv")]
    assert found == [("0", "3", "0.9"), ("1", "1", "0.8"), ("2", "2", "0.7")]
    export(folder, tmp_path / "x.csv", classes=[3])
    found = [(each["column"], each["class"], each["score"]) for each in rows_of(tmp_path / "x.csv")]
    assert found == [("0", "3", "0.9"), ("1", "3", "0.6")]
