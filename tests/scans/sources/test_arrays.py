"""Arrays: what they are read as, what tells them apart, and how they pickle."""

import pickle

import dask
import dask.array
import numpy as np
import pytest
import torch
import zarr
from PIL import Image

from helpers.scan_images import DEEP, PHOTO, VOLUME, first
from onebyone.errors import InputError
from onebyone.scans.sources.opening import open_source


def whole(source):
    size = source.levels[0].size
    return source.read(0, (0,) * len(size), size)


def test_what_is_read_is_a_copy():
    pixels = DEEP.copy()
    whole(open_source(pixels))[:] = 0
    np.testing.assert_array_equal(pixels, DEEP)


@pytest.mark.parametrize("dtype", ["u1", "i2", ">i4", "u8", "f2", ">f4", "f8"])
def test_types(dtype):
    pixels = (DEEP // 500).astype(dtype)
    source = open_source(pixels)
    assert source.dtype.isnative
    assert source.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(whole(source), pixels)


@pytest.mark.parametrize("pixels", [DEEP > 0, DEEP.astype("c8"), DEEP.astype("S5")])
def test_types_that_are_no_numbers(pixels):
    with pytest.raises(InputError, match="pixels must be real numbers, not"):
        open_source(pixels)


def test_tensors_of_pytorch_are_none_of_numpy():
    with pytest.raises(InputError, match=r"pixels must be NumPy's numbers, not torch\.uint8"):
        open_source(torch.zeros(3, 5, 5, dtype=torch.uint8))


def test_identity_of_arrays():
    same = open_source(DEEP).identity
    assert open_source(DEEP.copy()).identity == same
    assert open_source(dask.array.from_array(DEEP)).identity == same
    for other in (DEEP[:, ::-1], DEEP[:3], DEEP.astype("i4"), DEEP[:, 1:]):
        assert open_source(other).identity != same


def test_dask_computes_in_the_thread_that_reads(monkeypatch):
    array = dask.array.from_array(DEEP, chunks=50)
    source = open_source(array)
    with dask.config.set(scheduler="processes"):
        np.testing.assert_array_equal(whole(source), DEEP)
    monkeypatch.setattr("concurrent.futures.ThreadPoolExecutor.submit", None)
    np.testing.assert_array_equal(whole(source), DEEP)


def test_dask_computes_only_the_chunks_of_a_region():
    asked = []

    def chunk(block, block_info):
        asked.append(block_info[None]["chunk-location"])
        return block

    array = dask.array.from_array(DEEP, chunks=(4, 32, 32)).map_blocks(chunk, dtype=DEEP.dtype)
    source = open_source(array)
    asked.clear()
    source.read(0, (33, 33), (5, 5))
    assert set(asked) == {(0, 1, 1)}


@pytest.mark.parametrize("part", [np.s_[:], np.s_[2:, 5:-3], np.s_[::-1], np.s_[:, ::2]])
def test_maps_pickle_as_paths(tmp_path, part):
    for begin, name in ((0, "a"), (4097, "b")):
        path = tmp_path / name
        path.write_bytes(bytes(begin) + PHOTO.tobytes())
        mapped = np.memmap(path, np.uint8, "r", begin, PHOTO.shape)[part]
        source = open_source(mapped)
        data = pickle.dumps(source)
        assert len(data) < 2000
        for _ in range(2):
            copy = pickle.loads(data)
            np.testing.assert_array_equal(whole(copy), first(PHOTO[part]))
            assert copy.identity == source.identity
            data = pickle.dumps(copy)


def test_a_map_whose_file_has_gone_or_shrunk(tmp_path):
    np.save(tmp_path / "a.npy", PHOTO)
    data = pickle.dumps(open_source(np.load(tmp_path / "a.npy", mmap_mode="r")))
    (tmp_path / "a.npy").write_bytes(b"short")
    with pytest.raises(InputError, match="cannot be mapped again"):
        pickle.loads(data)
    (tmp_path / "a.npy").unlink()
    with pytest.raises(InputError, match="cannot be mapped again"):
        pickle.loads(data)


def test_pictures_and_archives_pickle_as_paths(tmp_path):
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    np.savez_compressed(tmp_path / "a.npz", image=DEEP)
    for name, expected in (("a.png", first(PHOTO)), ("a.npz", DEEP)):
        source = open_source(tmp_path / name)
        data = pickle.dumps(source)
        assert len(data) < 2000
        np.testing.assert_array_equal(whole(pickle.loads(data)), expected)
        source.close()
        (tmp_path / name).write_bytes(b"damaged")
        with pytest.raises(InputError, match="not a readable"):
            whole(source)


def test_numpy_files(tmp_path):
    np.save(tmp_path / "a.npy", VOLUME)
    source = open_source(tmp_path / "a.npy", space=3)
    assert source.levels[0].size == (9, 40, 50)
    assert source.name == str(tmp_path / "a.npy")
    with pytest.raises(InputError, match=r"a\.npy: shape \(2, 9, 40, 50\) is no image of 2 axes"):
        open_source(tmp_path / "a.npy")
    data = (tmp_path / "a.npy").read_bytes()
    for length in (1, 10, 100, len(data) - 1):
        (tmp_path / "a.npy").write_bytes(data[:length])
        with pytest.raises(InputError, match="not a readable NumPy file"):
            open_source(tmp_path / "a.npy", space=3)
    np.save(tmp_path / "a.npy", np.array([{}]))
    with pytest.raises(InputError, match="not a readable NumPy file"):
        open_source(tmp_path / "a.npy")


def test_pictures_are_no_volumes(tmp_path):
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="an image needs Z, Y, X"):
        open_source(tmp_path / "a.png", space=3)


def test_an_array_with_a_damaged_chunk_is_read_beside_it(tmp_path):
    array = zarr.create_array(tmp_path / "z", data=DEEP, chunks=(4, 64, 64))
    (tmp_path / "z" / "c" / "0" / "0" / "0").write_bytes(b"no chunk")
    source = open_source(array)
    with pytest.raises(InputError, match="level 0, pixels 0:5, 0:5 cannot be read"):
        source.read(0, (0, 0), (5, 5))
    np.testing.assert_array_equal(source.read(0, (64, 0), (64, 64)), DEEP[:, 64:128, :64])


def test_what_pillow_warns_of_is_said(tmp_path):
    Image.fromarray(np.dstack([PHOTO, PHOTO[..., 0]])).save(tmp_path / "a.png")
    with pytest.warns(UserWarning, match="its alpha channel is left out"):
        assert open_source(tmp_path / "a.png").channels == 3
    turned = Image.fromarray(PHOTO)
    exif = turned.getexif()
    exif[274] = 6
    turned.save(tmp_path / "b.png", exif=exif)
    np.testing.assert_array_equal(
        whole(open_source(tmp_path / "b.png")), first(np.rot90(PHOTO, -1))
    )
