"""The files of a map, in the hands of Zarr and of a reader of bytes."""

import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import zarr

from onebyone.errors import InputError
from onebyone.scans.durable import PARTIAL
from onebyone.scans.layout import Layout
from onebyone.scans.store import Store
from onebyone.scans.tiling import Tiling
from onebyone.scans.values import values_of

GRID, TILE = (7, 10), (4, 4)


def made(path, grid=GRID, tile=TILE, values="probabilities", dtype="float32", numbers=2):
    """The arrays of a map in which nothing has been written."""
    store = Store(path, Layout(Tiling(grid, tile), numbers, values_of(values, dtype)))
    store.make(path, {"onebyone": {}}, [np.arange(n, dtype=np.float64) for n in grid])
    return store


def crc32c(content):
    """The checksum that ends shards, bit by bit."""
    found = 0xFFFFFFFF
    for byte in content:
        found ^= byte
        for _ in range(8):
            found = (found >> 1) ^ (0x82F63B78 if found & 1 else 0)
    return found ^ 0xFFFFFFFF


def files(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("grid", "tile", "dtype"),
    [((10,), (4,), "float16"), (GRID, TILE, "float32"), ((3, 5, 4), (2, 4, 2), "uint8")],
    ids=str,
)
def test_zarr_reads_what_is_written_tile_by_tile(tmp_path, grid, tile, dtype):
    store = made(tmp_path / "map.zarr", grid, tile, "top:2", dtype)
    random, tiling = np.random.default_rng(0), store.layout.tiling
    wanted = {
        name: random.integers(0, 200, shape).astype(kind)
        for name, shape, kind in (
            ("scores", (2, *grid), dtype), ("labels", (2, *grid), "uint16"),
            ("state", grid, "uint8"),
        )
    }  # fmt: skip
    empty = files(store.path)
    for tile_number in range(len(tiling)):
        windows = tiling.windows(tile_number)
        where = tuple(slice(w.start, w.stop) for w in windows)
        for name in store.layout.written:
            before = files(store.path)
            store.write(name, windows, wanted[name][(..., *where)])
            (new,) = files(store.path) - before
            assert store.path / new == store.file(name, tiling.place(tile_number))
    group = zarr.open_group(tmp_path / "map.zarr", mode="r")
    for name, numbers in wanted.items():
        assert group[name].dtype == numbers.dtype
        assert (group[name][:] == numbers).all()
        assert (store.read(name, [range(n) for n in grid]) == numbers).all()
    assert len(files(store.path) - empty) == 3 * len(tiling)
    assert store.done().all()


def test_what_has_not_been_written_holds_no_number(tmp_path):
    store = made(tmp_path / "map.zarr", values="top:2")
    group = zarr.open_group(store.path, mode="r")
    assert np.isnan(group["scores"][:]).all()
    assert (group["labels"][:] == 65535).all()
    assert (group["state"][:] == 0).all()
    assert not store.done().any()


@pytest.mark.parametrize("nothing", [np.nan, 0.0])
def test_tiles_of_one_number_have_files_that_zarr_reads(tmp_path, nothing):
    store = made(tmp_path / "map.zarr")
    windows = store.layout.tiling.windows(5)
    store.write("scores", windows, np.full((2, 3, 2), nothing, np.float32))
    store.write("state", windows, np.ones((3, 2), np.uint8))
    assert store.done().tolist() == [False] * 5 + [True]
    group = zarr.open_group(store.path, mode="r")
    np.testing.assert_array_equal(group["scores"][:, 4:, 8:], np.full((2, 3, 2), nothing))


def test_shards_end_with_where_their_chunks_lie(tmp_path, monkeypatch):
    """As Zarr's format says: offsets and sizes of 64 bits, then a checksum of them."""
    monkeypatch.setattr("onebyone.scans.layout._CHUNK", 2 * 4 * 4)
    store = made(tmp_path / "map.zarr")
    windows = store.layout.tiling.windows(0)
    numbers = np.random.default_rng(0).random((2, 4, 4), np.float32)
    store.write("scores", windows, numbers)
    chunks = 4
    content = store.file("scores", (0, 0)).read_bytes()
    index, checksum = content[-16 * chunks - 4 : -4], content[-4:]
    assert store._index == len(index) + 4
    assert checksum == crc32c(index).to_bytes(4, "little")
    places = struct.unpack(f"<{2 * chunks}Q", index)
    assert sum(places[1::2]) + len(index) + 4 == len(content)
    nothing = store._nothing
    assert nothing == b"\xff" * len(index) + crc32c(b"\xff" * len(index)).to_bytes(4, "little")
    cells = np.arange(16, dtype=np.uint8)
    store.write("state", windows, cells.reshape(4, 4))
    found = store.file("state", (0, 0)).read_bytes()
    assert found == cells.tobytes() + crc32c(cells.tobytes()).to_bytes(4, "little")


def test_a_tile_is_done_where_all_of_its_files_are_there(tmp_path):
    store = made(tmp_path / "map.zarr", (5, 12), (1, 2), "margin", numbers=1)
    tiling, chance = store.layout.tiling, np.random.default_rng(0)
    wanted = []
    for tile in range(len(tiling)):
        windows = tiling.windows(tile)
        there = [name for name in store.layout.written if chance.random() < 0.7]
        for name in there:
            array = np.ones([len(w) for w in windows], np.uint8)
            store.write(name, windows, array if name == "state" else array[None])
        wanted.append(len(there) == 3)
    assert store.done().tolist() == wanted
    assert 0 < sum(wanted) < len(tiling)


def test_what_is_torn_is_removed_and_what_is_forgotten_is_gone(tmp_path):
    store = made(tmp_path / "map.zarr")
    windows = [range(4), range(4)]
    store.write("scores", windows, np.ones((2, 4, 4), np.float32))
    store.write("state", windows, np.ones((4, 4), np.uint8))
    file = store.file("scores", (0, 0))
    file.write_bytes(file.read_bytes()[:-1])
    assert not store.done().any()
    assert not file.exists()
    assert store.file("state", (0, 0)).exists()
    store.forget("state", (0, 0))
    store.forget("state", (0, 0))
    assert not store.file("state", (0, 0)).exists()


def test_it_leaves_the_process_without_what_it_has_open(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = made(Path("map.zarr"))
    store.check()
    other = pickle.loads(pickle.dumps(store))
    monkeypatch.chdir("/")
    assert (other.path, other.layout) == (tmp_path / "map.zarr", store.layout)
    assert "_arrays" not in vars(other)
    other.check()


def test_the_root_says_what_the_parts_say_once_it_is_finished(tmp_path, monkeypatch):
    monkeypatch.setattr("onebyone.scans.layout._COARSEST", 4)
    store = made(tmp_path / "map.zarr", values="top:2")
    for name in (".lock", ".job-00.partial"):
        (store.path / name).write_text("")
    parts = {p.parent.relative_to(store.path).as_posix() for p in store.path.rglob("zarr.json")}
    store.finish()
    told = json.loads((store.path / "zarr.json").read_text())
    assert set(told["consolidated_metadata"]["metadata"]) == parts - {"."}
    assert {"scores", "labels", "state", "y", "x", "coarser/1", "coarser/2"} <= parts
    assert told["attributes"] == {"onebyone": {}}


def test_a_folder_without_arrays_is_damaged(tmp_path):
    whole = made(tmp_path / "map.zarr")
    whole.check()
    with pytest.raises(InputError, match=r"absent: is damaged .*; begin again with --overwrite$"):
        Store(tmp_path / "absent", whole.layout).check()
    other = Store(whole.path, Layout(Tiling((7, 11), TILE), 2, whole.layout.values))
    with pytest.raises(InputError, match="its scores has another shape"):
        other.check()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("scores", "[2,7,10]", "[3,7,10]"),
        ("scores", "[2,7,10]", f"[2,7,{10**15}]"),
        ("scores", '"float32"', '"float64"'),
        ("scores", '"chunk_shape":[2,4,4]', '"chunk_shape":[2,2,4]'),
        ("scores", '"NaN"', "0.0"),
        ("coarser/1", "[2,4,5]", "[2,4,4]"),
        ("state", "[7,10]", "[7,11]"),
        ("state", '"uint8"', '"uint16"'),
        ("state", "[4,4]", "[4,2]"),
        ("labels", "65535", "7"),
    ],
)
def test_arrays_that_are_not_as_they_were_made(tmp_path, monkeypatch, name, old, new):
    monkeypatch.setattr("onebyone.scans.layout._COARSEST", 8)
    store = made(tmp_path / "map.zarr", values="top:2")
    file = store.path / name / "zarr.json"
    told = json.dumps(json.loads(file.read_text()), separators=(",", ":"))
    assert old in told
    file.write_text(told.replace(old, new))
    line = f"its {name} has another shape, type or chunks than it was begun with; begin again with"
    with pytest.raises(InputError, match=line):
        Store(store.path, store.layout).check()


@pytest.mark.parametrize(
    "content", ["", "[]", "7", "{}", '{"zarr_format": 3}', "[" * 10**5, "\0", '{"a": ']
)
def test_arrays_whose_words_are_none_of_zarr_s(tmp_path, content):
    store = made(tmp_path / "map.zarr")
    (store.path / "state" / "zarr.json").write_text(content)
    with pytest.raises(InputError, match=r"is damaged .*; begin again with --overwrite$") as told:
        Store(store.path, store.layout).check()
    assert str(told.value).isprintable()


def test_what_killed_workers_have_left_is_gone_once_it_is_finished(tmp_path):
    store = made(tmp_path / "map.zarr")
    before = files(store.path)
    left = store.path / "state" / "c" / "5" / f"0.1234{PARTIAL}"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half of a tile")
    store.finish()
    assert files(store.path) == before
