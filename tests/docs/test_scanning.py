"""The page on scanning: its code runs, and so do its commands, on small images of every kind."""

import doctest
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import rasterio
import tifffile
import torch
import zarr
from skimage import data
from torch import nn

from onebyone.cli import main
from onebyone.demos.scan_images import write_slide

PAGE = Path(__file__).parents[2] / "docs" / "scanning.md"
TEXT = PAGE.read_text("utf-8")
BLOCKS = [(kind, body) for kind, body in re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)]
COMMANDS = [
    line
    for kind, body in BLOCKS
    if kind == "sh"
    for line in body.replace("\\\n", " ").splitlines()
    if line.startswith("onebyone")
]
SCRIPTS = [body for kind, body in BLOCKS if kind == "python" and ">>>" not in body]


def network(*window: int, classes: int = 3) -> nn.Module:
    channels, *space = window
    convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(space) - 1](channels, 4, 3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        last = nn.Linear(4, classes)
    pool = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[len(space) - 1](1)
    return nn.Sequential(convolution, nn.ReLU(), pool, nn.Flatten(), last).eval()


def write_models() -> None:
    for name, window in {
        "net": (3, 32, 32), "bands": (4, 32, 32), "two": (2, 24, 24), "volume": (1, 8, 16, 16),
        "signal": (2, 256),
    }.items():  # fmt: skip
        model = network(*window)
        torch.export.save(torch.export.export(model, (torch.zeros(1, *window),)), f"{name}.pt2")


def write_images() -> None:
    tissue, rng = data.immunohistochemistry(), np.random.default_rng(0)
    micrometres = {"resolution": (1e4 / 0.25, 1e4 / 0.25), "resolutionunit": "centimeter"}
    with tifffile.TiffWriter("slide.tif") as file:
        for number, level in enumerate((tissue, tissue[::2, ::2])):
            file.write(
                level, tile=(128, 128), photometric="rgb", compression="jpeg", metadata=None,
                subfiletype=number, **(micrometres if number == 0 else {}),
            )  # fmt: skip
    write_slide(Path("slide-2.tif"), tissue[:300, :256])
    Path("classes.txt").write_text("tumour\nstroma\nbackground\n")
    retina = data.retina()[::6, ::6].transpose(2, 0, 1).astype(np.uint16) * 40
    scene = np.concatenate([retina, retina[:1] + 1]) + 1
    scene[:, :, :60] = 0
    options = {
        "driver": "GTiff", "count": 4, "height": scene.shape[1], "width": scene.shape[2],
        "dtype": "uint16", "crs": "EPSG:32632", "nodata": 0, "tiled": True,
        "blockxsize": 64, "blockysize": 64, "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6),
    }  # fmt: skip
    with rasterio.open("scene.tif", "w", **options) as file:
        file.write(scene)
    cells = rng.integers(0, 2**16, (3, 4, 96, 120), dtype=np.uint16)
    tifffile.imwrite("cells.ome.tif", cells, metadata={"axes": "CZYX"})
    stack = rng.integers(0, 256, (24, 48, 64), dtype=np.uint8)
    zarr.create_array("stack.zarr", data=stack, chunks=(8, 32, 32))
    np.save("signal.npy", rng.normal(size=(2, 10_000)).astype(np.float32))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONEBYONE_CACHE", "")
    write_models()
    write_images()
    return tmp_path


def test_examples_run_and_print_what_they_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert tried > 10
    assert failed == 0


def test_every_command_ends_well(folder, capsys):
    """In the page's order, as later ones read what earlier ones have written."""
    assert len(COMMANDS) > 12
    for command in COMMANDS:
        if "--dask" in command or "demo" in command:
            continue
        assert main(shlex.split(command)[1:]) == 0, (command, capsys.readouterr().err)
    with rasterio.open("classes.tif") as file:
        assert file.crs.to_epsg() == 32632
        assert file.count == 3
    assert zarr.open_group("tissue.zarr", mode="r")["state"][:].max() == 2
    found = zarr.open_group("scene.zarr", mode="r")
    assert found["state"][0, 0] == 2  # all of it is no data
    assert zarr.open_group("stack-map.zarr", mode="r")["scores"].ndim == 4
    assert {path.name for path in Path("maps").iterdir()} == {
        "slide.tif.zarr", "slide-2.tif.zarr"
    }  # fmt: skip


def test_processes_of_dask_give_the_same_map(folder):
    (command,) = [command for command in COMMANDS if "--dask" in command]
    assert main(shlex.split(command)[1:]) == 0
    first = next(command for command in COMMANDS if "--to map.zarr" in command)
    assert main(shlex.split(first)[1:]) == 0
    maps = [zarr.open_group(name, mode="r")["scores"][:] for name in ("local.zarr", "map.zarr")]
    assert maps[0].tobytes() == maps[1].tobytes()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda text: text.split()[1])
def test_scripts_run(folder, script, monkeypatch):
    """Clusters that are not here are Dask's processes of this machine."""
    from distributed import LocalCluster

    class Cluster:
        def __init__(self, **_):
            self.local = LocalCluster(
                n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0"
            )
            self.scheduler_address, self.close = self.local.scheduler_address, self.local.close

        def scale(self, jobs):
            pass

    for name in ("dask_jobqueue", "dask_kubernetes", "dask_kubernetes.operator"):
        module = ModuleType(name)
        module.SLURMCluster = module.KubeCluster = Cluster
        monkeypatch.setitem(sys.modules, name, module)
    exec(script, {})
    (made,) = re.findall(r'"(\w+\.zarr)"', script)
    assert (zarr.open_group(made, mode="r")["state"][:] == 1).all()
