"""No command writes over a file that it reads, by whatever name the file goes."""

import os
import resource
import sys
import typing
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file

from onebyone.cli import main
from onebyone.cli.app import app

GRID = ["--input", "2,2,2"]

# Every option that names a file to write: how the name ends, command lines, and what each reads.
OUTPUTS = {
    ("slide", "out"): (
        ".npz",
        [
            (["photo.png", "--model", "net:make", "--weights", "w.pth"], "photo.png net.py w.pth"),
            (["photo.png", "--model", "package:make"], "package/__init__.py"),
            (["photo.npz", "--model", "net.pt2"], "photo.npz net.pt2"),
        ],
    ),
    ("slide", "report"): (
        ".html",
        [(["photo.png", "--model", "net.pt2", "--out", "map.npz"], "photo.png net.pt2")],
    ),
    ("convert", "out"): (
        ".safetensors",
        [
            (["dense(conv(2,1,1))", *GRID, "--to", "dense", "--weights", "w.npy"], "w.npy"),
            (["conv('w.safetensors')", *GRID, "--to", "dense"], "w.safetensors"),
            (["dense(local('w (1).npy'))", *GRID, "--to", "dense"], "w (1).npy"),
        ],
    ),
    ("nearest", "out"): (
        ".safetensors",
        [(["dense(net.pt2:features.0)", *GRID, "--to", "pointwise"], "net.pt2")],
    ),
    ("identify", "out"): (
        ".safetensors",
        [(["net:make:features.0", *GRID, "--weights", "w.npy"], "w.npy net.py")],
    ),
    ("compare", "out"): (".svg", [(["conv('w.npy')", *GRID], "w.npy")]),
    ("explain", "out"): (
        ".png",
        [
            (["conv('w.npy')", *GRID], "w.npy"),
            (["--model", "net.pt2", "--layer", "conv1"], "net.pt2"),
            (["digits.safetensors", "--maps", "photo.png"], "photo.png digits.safetensors"),
        ],
    ),
    ("rewrite", "report"): (
        ".json",
        [(["in.onnx", "out.onnx", "--to", "linear"], "in.onnx out.onnx in.weights")],
    ),
    ("scan", "report"): (
        ".json",
        [
            (
                [
                    "photo.png",
                    "--model",
                    "net.pt2",
                    "--to",
                    "map.zarr",
                    "--mask",
                    "mask.png",
                    "--names",
                    "names.txt",
                ],
                "photo.png net.pt2 mask.png names.txt",
            )
        ],
    ),
    ("train", "out"): (
        ".safetensors",
        [
            (["set.npz"], "set.npz"),
            (["faces"], "faces/a/1.png faces/t10k-labels.idx1-ubyte.gz"),
            (["parted"], "parted/train/a/1.png parted/test/a/1.png"),
        ],
    ),
    ("train", "curve"): (".png", [(["faces", "--out", "x.safetensors"], "faces/a/1.png")]),
}

# And the other files and folders: `bench` reads no file but the page that it completes, `demo`
# none at all, and `ob.rewrite` compares IN and OUT, which `--check-only` reads both.
NOT_OUTPUTS = {
    "slide": {"image", "weights", "names"},
    "scan": {"to", "weights", "names", "mask"},
    "export": {"map", "out"},
    "convert": {"weights"},
    "nearest": {"weights"},
    "identify": {"weights"},
    "compare": {"weights"},
    "explain": {"weights", "maps"},
    "matrix": {"weights"},
    "equal": {"weights_a", "weights_b"},
    "rewrite": {"source", "out"},
    "bench": {"save"},
    "demo": {"out"},
}

CASES = [
    pytest.param(command, option, suffix, words, read, id=f"{command} {option} {read}")
    for (command, option), (suffix, lines) in OUTPUTS.items()
    for words, reads in lines
    for read in ([reads] if "(" in reads else reads.split())
]


def test_every_option_that_names_a_file_is_known_here():
    for command in (registered.callback for registered in app.registered_commands):
        hints = typing.get_type_hints(command)
        files = {name for name, hint in hints.items() if Path in (hint, *typing.get_args(hint))}
        outputs = {option for owner, option in OUTPUTS if owner == command.__name__}
        assert files == outputs | NOT_OUTPUTS.get(command.__name__, set()), command


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Files of these names, whose contents do not matter: no command comes to reading them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for *_, reads in (line for _, lines in OUTPUTS.values() for line in lines):
        for name in [reads] if "(" in reads else reads.split():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(b"what was there")
    return tmp_path


def save_model(path: Path, **options) -> None:
    """Write an ONNX file of one fully connected layer."""
    weight = numpy_helper.from_array(np.ones((4, 3), np.float32), "w")
    sizes = {"x": 3, "y": 4}
    values = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])
        for name, size in sizes.items()
    )
    nodes = [helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)]
    graph = helper.make_graph(nodes, "g", [next(values)], [next(values)], [weight])
    onnx.save(helper.make_model(graph), path, **options)


@pytest.fixture
def external(folder):
    """An ONNX file whose weights are in another."""
    Path("in.weights").unlink()
    external = {"save_as_external_data": True, "location": "in.weights", "size_threshold": 0}
    save_model(Path("in.onnx"), **external)


def symbolic(link: Path, read: Path) -> None:
    link.symlink_to(read)


def chained(link: Path, read: Path) -> None:
    middle = link.with_name("middle")
    middle.symlink_to(read)
    link.symlink_to(middle.name)


def hard(link: Path, read: Path) -> None:
    os.link(read, link)


@pytest.mark.parametrize("linked", [symbolic, chained, hard])
@pytest.mark.parametrize(("command", "option", "suffix", "words", "read"), CASES)
def test_an_input_is_never_written_over(
    command, option, suffix, words, read, linked, external, folder, capsys
):
    before = Path(read).read_bytes()
    linked(Path(f"link{suffix}"), Path(read))
    assert main([command, *words, f"--{option}", f"link{suffix}"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"link{suffix}: is a file that is read" in line
    assert Path(read).read_bytes() == before


@pytest.mark.parametrize(
    ("command", "option", "suffix", "words", "read"),
    [case for case in CASES if Path(case.values[4]).suffix == case.values[2]],
)
def test_an_input_is_known_by_another_spelling(
    command, option, suffix, words, read, folder, capsys
):
    for spelling in (read, f"./{read}", f"../{folder.name}/{read}", str(folder / read)):
        assert main([command, *words, f"--{option}", spelling]) == 2
        assert "is a file that is read" in capsys.readouterr().err
    assert Path(read).read_bytes() == b"what was there"


def test_two_outputs_are_two_files(folder, capsys):
    Path("curve.png").symlink_to("x.safetensors")
    words = ["train", "set.npz", "--out", "x.safetensors", "--curve", "curve.png"]
    for _ in range(2):
        assert main(words) == 2
        assert "--curve curve.png: is the file of --out, too" in capsys.readouterr().err
        Path("x.safetensors").touch()


@pytest.mark.parametrize("name", ["report.onnx", "report", "in.weights", "report.txt"])
def test_a_report_is_json(name, external, capsys):
    before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    assert main(["rewrite", "in.onnx", "new.onnx", "--to", "convolution", "--report", name]) == 2
    assert f"--report {name}: give a name that ends in .json" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before


def test_names_that_are_no_files(folder, capsys):
    """Long words and words with a NUL are compared with an output like all others."""
    Path("bars.svg").touch()
    for word in ("x" * 5000, "a\0b", "", "(", ":", "a:b:c", ".:f"):
        assert main(["compare", word, *GRID, "--out", "bars.svg"]) == 2
        assert "read; give another" not in capsys.readouterr().err


@pytest.mark.parametrize("read", ["in.onnx", "in.weights"])
@pytest.mark.parametrize("linked", [symbolic, chained, hard])
def test_what_is_rewritten_stays(read, linked, external, folder, capsys):
    before = Path(read).read_bytes()
    linked(Path("link.onnx"), Path(read))
    assert main(["rewrite", "in.onnx", "link.onnx", "--to", "convolution"]) == 2
    assert "link.onnx: is a file that is read" in capsys.readouterr().err
    assert Path(read).read_bytes() == before


@contextmanager
def full_disk():
    """Let no file grow beyond 64 bytes: writers fail as they do on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    "words",
    [
        ["convert", "conv(2,1,1)", *GRID, "--to", "dense", "--out", "out.safetensors"],
        ["explain", "--out", "out.html"],
        ["explain", "--out", "out.svg"],
        ["explain", "--out", "out.png"],
        ["rewrite", "in.onnx", "out.onnx", "--to", "convolution", "--check", "off"],
        ["rewrite", "in.pt2", "out.pt2", "--to", "convolution", "--check", "off"],
        ["rewrite", "in.safetensors", "out.safetensors", "--to", "convolution"],
        ["slide", "in.npy", "--model", "nin-digits", "--out", "out.npy"],
        ["slide", "in.npy", "--model", "nin-digits", "--out", "out.npz"],
        ["slide", "in.npy", "--model", "nin-digits", "--out", "out.png"],
        ["slide", "in.npy", "--model", "nin-digits", "--out", "out.html"],
    ],
    ids=lambda words: next(word for word in words if word.startswith("out.")),
)
def test_a_disk_that_is_full(words, tmp_path, monkeypatch, capsys):
    """The file is named, and what was there stays."""
    monkeypatch.chdir(tmp_path)
    model = torch.nn.Sequential(torch.nn.Linear(8, 8)).eval()
    if "in.pt2" in words:
        torch.export.save(torch.export.export(model, (torch.rand(1, 8),)), "in.pt2")
    save_file(model.state_dict(), "in.safetensors")
    save_model(Path("in.onnx"))
    np.save("in.npy", np.zeros((1, 40, 40), np.float32))
    (out,) = (word for word in words if word.startswith("out."))
    Path(out).write_bytes(b"what was there")
    before = set(tmp_path.iterdir())
    with full_disk():
        assert main(words) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "File too large" in line
    assert out in line
    assert Path(out).read_bytes() == b"what was there"
    assert set(tmp_path.iterdir()) == before
