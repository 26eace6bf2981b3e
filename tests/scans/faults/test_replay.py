"""Power is lost after any of the operations of a scan: it goes on to the same bytes.

Every operation on files is logged. Each prefix of the log is then made into what a disk may hold
that has lost power there: files whose bytes were not synced are empty; names whose folder was not
synced are absent, or all there.
"""

import os
import shutil
import stat
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

import pytest

import onebyone as ob
from helpers.scan_runs import digests, picture
from onebyone.scans import layout


@dataclass
class Node:
    """A file or a folder: what it holds, and what of that is on the disk."""

    folder: bool
    names: dict = field(default_factory=dict)
    synced: object = None

    def __post_init__(self):
        self.synced = {} if self.folder else b""


class Disk:
    """What a disk holds, from the operations on it."""

    def __init__(self, root):
        self.root, self.top = root, Node(True)

    def find(self, path):
        node = self.top
        for name in Path(path).relative_to(self.root).parts:
            node = node.names[name]
        return node

    def put(self, path, node):
        self.find(Path(path).parent).names[Path(path).name] = node

    def take(self, path):
        return self.find(Path(path).parent).names.pop(Path(path).name)

    def load(self, folder):
        """Take a folder as it is, all of it on the disk."""
        self.put(folder, Node(True))
        for path in sorted(folder.rglob("*")):
            node = Node(path.is_dir())
            node.synced = {} if path.is_dir() else path.read_bytes()
            self.put(path, node)
        for path in [self.root, folder, *folder.rglob("*")]:
            if path.is_dir():
                self.do("sync", path, None)

    def do(self, kind, path, given):
        if kind == "create":
            if given or Path(path).name not in self.find(Path(path).parent).names:
                self.put(path, Node(given))
        elif kind == "rename":
            self.put(given, self.take(path))
        elif kind == "unlink":
            self.take(path)
        elif kind == "sync":
            node = self.find(path)
            node.synced = dict(node.names) if node.folder else given

    def write(self, folder, names, node=None):
        """Make a folder that holds what is left after power was lost."""
        node = node or self.top
        folder.mkdir()
        for name, each in (node.synced if names == "synced" else node.names).items():
            if each.folder:
                self.write(folder / name, names, each)
            else:
                (folder / name).write_bytes(each.synced)


@pytest.fixture
def log(monkeypatch, tmp_path):
    """The operations on files below a folder, in order."""
    found, lock, root = [], RLock(), tmp_path / "disk"
    root.mkdir()

    def watched(owner, name, entry):
        plain = getattr(owner, name)

        def call(first, *others, **options):
            with lock:
                told = entry(first, *others)
                result = plain(first, *others, **options)
                if told and Path(told[1]).is_relative_to(root) and ".lock" not in str(told[1]):
                    found.append(told)
                return result

        monkeypatch.setattr(owner, name, call)

    def fsync(handle):
        path = Path(str(Path(f"/proc/self/fd/{handle}").readlink()))
        is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        return "sync", path, None if is_folder else path.read_bytes()

    def opened(path, mode="r", *_):
        return ("create", path, False) if "w" in mode else None

    watched(os, "fsync", fsync)
    watched(Path, "open", opened)
    watched(Path, "replace", lambda a, b: ("rename", a, b))
    watched(Path, "rename", lambda a, b: ("rename", a, b))
    watched(Path, "mkdir", lambda p, *_: None if p.exists() else ("create", p, True))
    watched(Path, "unlink", lambda p, *_: ("unlink", p, None) if p.exists() else None)
    watched(shutil, "rmtree", lambda p, *_: ("unlink", p, None) if p.exists() else None)
    return root, found


def check_recorded_tiles(path, wanted):
    """Where `state` tells of a tile its scores are there, for whoever reads half of a map."""
    found = digests(path)
    for name in found.keys() & wanted.keys():
        if name.startswith("state/c/") and found[name] == wanted[name]:
            scores = name.replace("state/c/", "scores/c/0/")
            assert found.get(scores) == wanted[scores]


@pytest.mark.parametrize("names", ["synced", "all"])
@pytest.mark.parametrize(
    "beginning",
    ["nothing", "a tile is missing", pytest.param("overwritten", marks=pytest.mark.slow)],
)
def test_every_prefix_of_the_operations_goes_on_to_the_same_bytes(
    log, tiles, sliding, tmp_path, monkeypatch, beginning, names
):
    monkeypatch.setattr(layout, "_COARSEST", 20)
    root, operations = log
    image = picture(50, 70)
    path = root / "map.zarr"
    disk = Disk(root)
    if beginning != "nothing":
        ob.scan(image, sliding, path, executor=1)
    if beginning == "a tile is missing":
        (path / "state" / "c" / "1" / "0").unlink()
    if beginning != "nothing":
        disk.load(path)
    operations.clear()
    again = {"overwrite": True} if beginning == "overwritten" else {"resume": True}
    run = ob.scan(image, sliding, path, executor=1, **again)
    assert run.counts.tiles == {"a tile is missing": 1}.get(beginning, 6)
    recorded = list(operations)
    wanted, seen = digests(path), set()
    monkeypatch.setattr(os, "fsync", lambda _: None)
    for count in range(len(recorded) + 1):
        left = tmp_path / f"{names}-{count}"
        disk.write(left, names)
        state = str(sorted(digests(left).items()))
        if state not in seen:
            seen.add(state)
            check_recorded_tiles(left / "map.zarr", wanted)
            ob.scan(image, sliding, left / "map.zarr", executor=1, resume=True)
            assert digests(left / "map.zarr") == wanted, recorded[:count][-3:]
            assert [p.name for p in Path(left).iterdir()] == ["map.zarr"]
        shutil.rmtree(left)
        if count < len(recorded):
            disk.do(*recorded[count])
    disk.write(tmp_path / "end", "synced")
    assert digests(tmp_path / "end" / "map.zarr") == wanted  # nothing was left out of the log
    assert len(seen) > 3
