"""Files that are whole and on the disk when a write returns."""

import asyncio
import os
from pathlib import Path

import pytest
from zarr.core.buffer import default_buffer_prototype

from onebyone.scans import durable
from onebyone.scans.durable import DurableStore, remove, sweep, write

BYTES = default_buffer_prototype().buffer.from_bytes


def test_a_file_is_written_with_its_folders_and_replaced(tmp_path):
    path = tmp_path / "a/b/c"
    write(path, b"one")
    write(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in Path(path.parent).iterdir()] == ["c"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_what_fails_leaves_what_was_there_and_names_the_file(tmp_path, monkeypatch, step):
    old, new = tmp_path / "old", tmp_path / "new"
    write(old, b"kept")

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (durable.Path, "replace")), fail)
    for path in (old, new):
        with pytest.raises(OSError, match="Input/output error") as told:
            write(path, b"lost")
        assert told.value.filename == str(path)
    assert old.read_bytes() == b"kept"
    assert [p.name for p in Path(tmp_path).iterdir()] == ["old"]


def test_a_name_that_is_not_synced_is_taken_back(tmp_path, monkeypatch):
    calls = []

    def fsync(handle):
        calls.append(handle)
        if len(calls) == 2:  # the file's, then its folder's
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="error"):
        write(tmp_path / "new", b"lost")
    assert [p.name for p in Path(tmp_path).iterdir()] == []


def test_every_way_of_zarr_to_write_is_durable(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(durable, "write", lambda path, content: written.append(path.name))
    store = DurableStore(tmp_path)
    asyncio.run(store.set("a", BYTES(b"1")))
    asyncio.run(store.set_if_not_exists("b", BYTES(b"1")))
    store.set_sync("c", BYTES(b"1"))
    (tmp_path / "d").write_text("")
    asyncio.run(store.set_if_not_exists("d", BYTES(b"1")))
    assert written == ["a", "b", "c"]


def test_sweeping_and_removing(tmp_path):
    write(tmp_path / "a/kept", b"")
    (tmp_path / f"a/x{durable.PARTIAL}").write_text("")
    sweep(tmp_path)
    assert [p.name for p in Path(tmp_path / "a").iterdir()] == ["kept"]
    remove(tmp_path / "a/kept")
    remove(tmp_path / "a/kept")
    assert [p.name for p in Path(tmp_path / "a").iterdir()] == []
