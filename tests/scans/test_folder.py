"""Beginning a map and going on with one: what is there before, within and after."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock, Timeout

from helpers.scan_runs import digests
from onebyone.errors import InputError
from onebyone.scans.folder import begun_at, writing
from onebyone.scans.layout import Layout
from onebyone.scans.store import Store
from onebyone.scans.tiling import Tiling
from onebyone.scans.values import values_of

LAYOUT = Layout(Tiling((4, 6), (2, 2)), 1, values_of("scores", "float32"))
TOLD = {"settings": {"a": 1}, "machine": {"b": 2}, "tile": [2, 2], "memory": None}
CENTRES = [np.arange(n, dtype=np.float64) for n in LAYOUT.tiling.grid]


def write(path, *, begun=None, told=TOLD, overwrite=False):
    store = Store(path, LAYOUT)
    return writing(store, {"onebyone": told}, CENTRES, begun=begun, overwrite=overwrite)


def names(folder):
    return sorted(p.name for p in Path(folder).iterdir())


@pytest.fixture
def path(tmp_path):
    """A map with a tile of its own."""
    with write(tmp_path / "map.zarr"):
        Store(tmp_path / "map.zarr", LAYOUT).write("state", [range(2)] * 2, np.ones((2, 2)))
    return tmp_path / "map.zarr"


def test_what_was_begun_is_told_to_those_that_go_on(path):
    assert begun_at(path, resume=True, overwrite=False) == TOLD
    assert begun_at(path, resume=False, overwrite=True) is None
    for resume, overwrite in ((True, False), (False, True), (False, False)):
        assert begun_at(path.with_name("new"), resume=resume, overwrite=overwrite) is None
    with pytest.raises(InputError, match="is there; go on with it by --resume"):
        begun_at(path, resume=False, overwrite=False)
    assert names(path.parent) == ["map.zarr"]


@pytest.mark.parametrize("read", [".", "map.zarr", "map.zarr/scores", "link"])
def test_a_map_is_neither_in_what_is_read_nor_holds_it(path, read):
    (path.parent / "link").symlink_to(path)
    with pytest.raises(InputError, match=f"{path}: is in .*{read}, which is read, or holds it"):
        begun_at(path, resume=False, overwrite=True, reads=[path.parent / read])
    beside = path.with_name("map.zarr2")
    assert begun_at(path, resume=True, overwrite=False, reads=[beside]) == TOLD


def test_a_map_is_not_made_inside_another(path):
    (path / "mine").mkdir()
    for target in (path / "new.zarr", path / "mine" / "new.zarr", path / "scores" / "new.zarr"):
        for again in (True, False):
            with pytest.raises(InputError, match=r"new.zarr: is inside the map .*map\.zarr; give"):
                begun_at(target, resume=again, overwrite=not again)


def test_a_folder_that_is_absent_is_named_once(tmp_path):
    target = tmp_path / "absent" / "map.zarr"
    with pytest.raises(InputError) as told:
        begun_at(target, resume=False, overwrite=False)
    assert str(told.value) == f"{target}: its folder {target.parent} does not exist"


@pytest.mark.parametrize("how", ["new", "resumed", "overwritten"])
@pytest.mark.parametrize("error", [None, KeyboardInterrupt, OSError(28, "No space")])
def test_it_is_locked_within_and_clean_afterwards_whatever_happens(path, how, error):
    target = path.with_name("new.zarr") if how == "new" else path
    before = digests(path)
    with (
        nullcontext() if error is None else pytest.raises(BaseException, match=r"No space|^$"),
        write(target, begun=TOLD if how == "resumed" else None, overwrite=how == "overwritten"),
    ):
        with pytest.raises(Timeout):
            FileLock(target / ".lock").acquire(timeout=0)
        with (
            pytest.raises(InputError, match="another scan writes to it"),
            write(target, begun=TOLD),
        ):
            pytest.fail("two write to one map")
        if error is not None:
            raise error
    assert names(path.parent) == (["map.zarr", "new.zarr"] if how == "new" else ["map.zarr"])
    tile = "state/c/0/0"
    assert digests(target) == {k: v for k, v in before.items() if how == "resumed" or k != tile}


def test_a_map_is_lost_only_when_the_next_is_there(path, monkeypatch):
    before = digests(path)

    def full(self, *_):
        raise OSError(28, "No space left on device", "somewhere")

    for patched in ((Store, "make"), (Path, "mkdir")):
        with monkeypatch.context() as patch:
            patch.setattr(*patched, full)
            with (
                pytest.raises(OSError, match="No space left"),
                write(path, overwrite=True),
            ):
                pytest.fail("it has begun")
        assert digests(path) == before
        assert names(path.parent) == ["map.zarr"]
    with monkeypatch.context() as patch:
        patch.setattr(Store, "make", full)
        with (
            pytest.raises(OSError, match="No space left") as caught,
            write(path, overwrite=True),
        ):
            pytest.fail("it has begun")
    assert caught.value.filename == str(path)


def test_what_killed_writes_have_left_within_is_removed(path):
    left = path / "scores" / "c" / "0" / "0" / "1.0a.partial"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    (path / ".job-0a.partial").write_text("job")
    with write(path, begun=TOLD):
        assert not list(path.rglob("*.partial"))


def test_another_machine_is_told_of(path):
    with (
        pytest.warns(UserWarning, match=r"was begun on another machine, {'b': 2}; now {'b': 3}"),
        write(path, begun=TOLD, told=TOLD | {"machine": {"b": 3}}),
    ):
        pass


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_map_of_the_same_name_that_another_has_finished_meanwhile_is_kept(
    path, monkeypatch, when
):
    target, plain = path.with_name("new.zarr"), Store.make

    def made(self, *words):
        if when == "before":
            path.rename(target)
        plain(self, *words)
        if when == "while":
            path.rename(target)

    before = digests(path)
    assert begun_at(target, resume=True, overwrite=False) is None
    monkeypatch.setattr(Store, "make", made)
    with pytest.raises(InputError, match=r"new\.zarr: another scan has begun it"), write(target):
        pytest.fail("it has begun")
    assert digests(target) == before
    assert names(path.parent) == ["new.zarr"]
