"""What a stranger gives: places, images, masks and executors that do not fit."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import onebyone as ob
from helpers import scan_runs
from helpers.scan_dask import Deadly
from helpers.scan_runs import digests
from onebyone.scans.sources.arrays import ArraySource, array_source


def refused(match, image, sliding, to, **options):
    before = sorted(Path(to).parent.glob("*")) if Path(to).parent.is_dir() else None
    with pytest.raises(ob.InputError, match=match) as told:
        ob.scan(image, sliding, to, **options)
    assert "\n" not in str(told.value)
    if before is not None:
        assert sorted(Path(to).parent.glob("*")) == before


def test_places_that_no_map_can_be_written_to(tiles, sliding, picture, tmp_path):
    file, folder = tmp_path / "notes.txt", tmp_path / "notes"
    file.write_text("kept")
    folder.mkdir()
    (folder / "a.txt").write_text("kept")
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for each in (file, folder, dangling, pipe):
        for again in ({}, {"resume": True}, {"overwrite": True}):
            refused("is there, and is no map of onebyone", picture, sliding, each, **again)
    refused("leads to no folder|cannot be written", picture, sliding, circle)
    refused("leads to no folder", picture, sliding, "a\0b")
    refused("its folder .*absent does not exist", picture, sliding, tmp_path / "absent/map.zarr")
    refused("does not exist|cannot be written", picture, sliding, file / "map.zarr")
    refused("resume and overwrite exclude", picture, sliding, tmp_path / "m", resume=True, overwrite=True)  # fmt: skip # noqa: E501
    assert file.read_text() == (folder / "a.txt").read_text() == "kept"


def test_a_map_that_is_there_is_not_lost(tiles, sliding, picture, tmp_path):
    path = ob.scan(picture, sliding, tmp_path / "map.zarr").path
    before = digests(path)
    refused("is there; go on with it by --resume, or lose it", picture, sliding, path)
    assert digests(path) == before


@pytest.mark.parametrize("again", ["resume", "overwrite"])
def test_a_link_to_a_map_stays_one(tiles, sliding, picture, tmp_path, again):
    (tmp_path / "disk").mkdir()
    path = ob.scan(picture, sliding, tmp_path / "disk/map.zarr").path
    before = digests(path)
    link = tmp_path / "link"
    link.symlink_to(path)
    ob.scan(picture, sliding, link, **{again: True})
    assert link.is_symlink()
    assert digests(path) == before
    assert [p.name for p in Path(tmp_path / "disk").iterdir()] == ["map.zarr"]


def test_the_image_is_not_written_into(tiles, sliding, picture, tmp_path):
    import zarr

    image = tmp_path / "image.zarr"
    zarr.save_array(image, picture)
    for to in (image, image / "map.zarr", tmp_path / "x" / ".." / "image.zarr"):
        refused("which is read, or holds it|does not exist|no map", image, sliding, to, overwrite=True)  # fmt: skip # noqa: E501
    refused("which is read, or holds it", image, sliding, tmp_path, overwrite=True)
    assert (zarr.load(image) == picture).all()


def test_images_without_room_for_a_window(tiles, sliding, tmp_path):
    to = tmp_path / "map.zarr"
    for shape in ((1, 5, 9), (1, 1, 1), (1, 1, 300)):
        refused("a window of 6 pixels is larger than the image", np.zeros(shape, np.uint8), sliding, to)  # fmt: skip # noqa: E501
    for shape in ((1, 0, 9), (1, 0, 0), (0, 9, 9)):
        with pytest.raises(ob.InputError):
            ob.scan(np.zeros(shape, np.uint8), sliding, to)
    refused("channels", np.zeros((300, 9, 9), np.uint8), sliding, to)
    run = ob.scan(np.zeros((1, 1, 1), np.uint8), sliding, to, edge="pad")
    assert run.grid == (1, 1)
    assert ob.scan(np.zeros((1, 6, 6), np.uint8), sliding, tmp_path / "b.zarr").grid == (1, 1)


def test_masks_that_do_not_fit(tiles, sliding, picture, tmp_path):
    to = tmp_path / "map.zarr"
    refused("no foreground", picture, sliding, to, mask=np.zeros((15, 19)))
    refused("another aspect", picture, sliding, to, mask=np.ones((19, 15)))
    refused("does not cover", picture, sliding, to, mask=np.ones((3, 15, 19)))
    refused("does not cover", picture, sliding, to, mask=np.ones((0, 0)))
    refused("tissue is looked for in colours", picture, sliding, to, mask="tissue")
    refused("no such file|absent", picture, sliding, to, mask=tmp_path / "absent.png")


@pytest.mark.parametrize("executor", [0, -1, True, 1.5, [], object()])
def test_executors_that_are_none(tiles, sliding, picture, tmp_path, executor):
    refused("^executor=.*must be a number of threads", picture, sliding, tmp_path / "m", executor=executor)  # fmt: skip # noqa: E501


def test_other_arguments_that_do_not_fit(tiles, sliding, picture, tmp_path):
    to = tmp_path / "map.zarr"
    refused("memory=0: give bytes", picture, sliding, to, memory=0)
    refused("memory=-1: give bytes", picture, sliding, to, memory=-1)
    refused("2 names, and the model gives 3 scores", picture, sliding, to, classes=["a", "b"])
    refused("values='best'", picture, sliding, to, values="best")
    refused("dtype='int8'", picture, sliding, to, dtype="int8")
    refused("edge='wrap' is unknown", picture, sliding, to, edge="wrap")
    refused("select", array_source(picture, {}, 2), sliding, to, select={"C": 0})
    outputs = nn.ModuleList([nn.Linear(36, 2), nn.Linear(36, 3)])

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = outputs

        def forward(self, x):
            return tuple(part(x.flatten(1)) for part in self.parts)

    refused("a map holds one output", picture, ob.slide(Two().eval(), (1, 6, 6), 2, scale=1), to)


def test_names_of_all_the_world(tiles, sliding, picture, tmp_path):
    for name in ("Gewebe ü 組織.zarr", "a b [c]*?.zarr", "-", "é" * 100, ".hidden"):
        path = tmp_path / name
        before = digests(ob.scan(picture, sliding, path).path)
        ob.scan(picture, sliding, path, overwrite=True)
        assert digests(path) == before
    assert not list(tmp_path.glob(".*.partial"))


def test_a_network_of_float64(tiles, picture, tmp_path):
    sliding = ob.slide(scan_runs.network().double(), (1, 6, 6), 2, scale=1 / 255)
    found = ob.scan(picture, sliding, tmp_path / "map.zarr").open()
    assert found.scores[0].dtype == np.float32
    assert not np.isnan(found.scores[0][:]).any()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_errors_that_would_meet_every_tile_end_the_scan(
    undisturbed, sliding, picture, tmp_path, error
):
    class Broken(ArraySource):
        reads = 0

        def read(self, level, start, size):
            self.reads += 1
            if self.reads > 20:
                raise error("all of it")
            return super().read(level, start, size)

    source = Broken(picture, {}, 2)
    source.reads = 0
    with pytest.raises(error):
        ob.scan(source, sliding, tmp_path / "map.zarr", executor=2)
    assert not [t for t in threading.enumerate() if t.name.startswith("onebyone-scan")]
    source.reads = -1000
    run = ob.scan(source, sliding, tmp_path / "map.zarr", resume=True)
    assert 0 < run.before < run.tiles
    name = {"zarr.json": ""}
    assert digests(run.path) | name == undisturbed | name


def test_an_interrupt_between_tiles_leaves_what_is_done(undisturbed, sliding, picture, tmp_path):
    def interrupt(progress):
        if progress.tiles == 7:
            raise KeyboardInterrupt

    path = tmp_path / "map.zarr"
    with pytest.raises(KeyboardInterrupt):
        ob.scan(picture, sliding, path, executor=2, progress=interrupt)
    assert not (path / ".lock").exists()
    run = ob.scan(picture, sliding, path, resume=True)
    assert run.before >= 7
    assert digests(path) == undisturbed


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_executors_of_others_give_the_same_bytes_and_stay_open(
    tiles, sliding, picture, tmp_path, executor, monkeypatch
):
    from onebyone.scans import layout

    monkeypatch.setattr(layout, "_COARSEST", 512)  # processes do not know of smaller ones
    plain = ob.scan(picture, sliding, tmp_path / "plain.zarr", executor=1)
    kinds = {
        "threads": lambda: ThreadPoolExecutor(2),
        "processes": lambda: ProcessPoolExecutor(1, get_context("spawn")),
    }
    with kinds[executor]() as pool:
        run = ob.scan(picture, sliding, tmp_path / "map.zarr", executor=pool)
        assert pool.submit(abs, -1).result() == 1
        assert digests(run.path) == digests(plain.path)
        assert not list(run.path.glob(".*"))
        if executor == "processes":
            deadly = Deadly(picture, (32, 64))
            with pytest.raises(ob.InputError, match=r"the executor takes no calls .*--resume"):
                ob.scan(deadly, sliding, tmp_path / "b.zarr", executor=pool)
    with pytest.raises(ob.InputError, match=r"the executor takes no calls .*--resume"):
        ob.scan(picture, sliding, tmp_path / "c.zarr", executor=pool)


def test_what_cannot_leave_the_process_is_named(tiles, sliding, picture, tmp_path):
    source = array_source(picture, {}, 2)
    source.held = threading.Lock()
    with (
        ProcessPoolExecutor(1, get_context("spawn")) as pool,
        pytest.raises(ob.InputError, match=r"cannot be given to other processes .*; use threads"),
    ):
        ob.scan(source, sliding, tmp_path / "map.zarr", executor=pool)


@pytest.fixture
def interruptible():
    """A shell has jobs in the background ignore Control-C, and what they start ignores it, too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_the_command_line_is_interrupted(tmp_path):
    """Control-C in the middle ends with status 130 and one line, and the rest is gone on with."""
    from PIL import Image

    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1500, 1500), np.uint8)).save(
        tmp_path / "page.png"
    )
    words = [sys.executable, "-m", "onebyone", "scan", "page.png", "--model", "nin-digits",
             "--stride", "2", "--to", "map.zarr", "--threads", "1"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    options = {"cwd": tmp_path, "env": environment, "text": True, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, stdout=subprocess.PIPE, **options) as process:
        while process.poll() is None and not (tmp_path / "map.zarr/state/c").exists():
            threading.Event().wait(0.05)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=100)
    assert (process.returncode, told) == (130, "onebyone: interrupted\n")
    assert not (tmp_path / "map.zarr/.lock").exists()
