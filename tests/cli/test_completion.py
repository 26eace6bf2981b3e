"""What shells complete: asked as their scripts ask, and by bash itself."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from onebyone.cli import completion, main
from onebyone.models import listing

MAPS = (".html", ".npy", ".npz", ".png")
COMMANDS = {"slide", "scan", "export", "models", "equal", "train", "bench", "demo"}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    for name in ("home", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def bash(monkeypatch, capsys, words, status=0):
    """What bash is given where the last of the words is begun, which it has broken itself."""
    monkeypatch.setenv("COMP_WORDS", "\n".join(["onebyone", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    monkeypatch.setenv(completion.VARIABLE, "complete_bash")
    assert main([]) == status
    out, err = capsys.readouterr()
    assert err == ""
    return out.split("\n")[:-1] if out.strip() else []


def test_commands_and_options(monkeypatch, capsys):
    assert {*bash(monkeypatch, capsys, [""])} >= COMMANDS
    assert bash(monkeypatch, capsys, ["sl"]) == ["slide"]
    assert {*bash(monkeypatch, capsys, ["slide", "--c"])} == {"--classes", "--crops", "--compare"}
    assert "--help" in bash(monkeypatch, capsys, ["slide", "-"])


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["slide", "--backend", "o"], ["onnxruntime", "openvino"]),
        (["slide", "--padding", ""], ["crop", "image"]),
        (["scan", "x", "--edge", "c"], ["cover"]),
        (["scan", "x", "--values", "top"], ["top:"]),
        (["convert", "x", "--to", "l"], ["local", "linear"]),
        (["rewrite", "x", "y", "--layout", "BC"], ["BCS1", "BC1S", "BCHW"]),
        (["slide", "--model", "nin"], ["nin-digits", "nin-digits-padded"]),
        (["slide", "--model", "timm", ":", "resnet18"], ["resnet18", "resnet18d"]),
        (["slide", "--model", "=", "torchvision", ":", "vgg19"], ["vgg19", "vgg19_bn"]),
        (["slide", "--model", "torchvision", ":", "alex"], ["alexnet"]),
        (["slide", "--model", "nobody", ":", "x"], []),
        (["slide", "x.png", "--out", "map.h"], ["map.html"]),
        (["slide", "x.png", "--out", "a/map"], [f"a/map{s}" for s in MAPS]),
        (["slide", "x.png", "--out", "map.v2"], [f"map.v2{s}" for s in MAPS]),
        (["export", "map.zarr", "x.o"], ["x.ome.tif"]),
        (["slide", "x.png", "--out", ""], []),
        (["slide", ""], []),
    ],
)  # fmt: skip
def test_values(monkeypatch, capsys, words, found):
    assert bash(monkeypatch, capsys, words) == found


def test_files_that_are_there(monkeypatch, capsys, here):
    for name in ("net.onnx", "net.txt", "network.pt2", ".hidden.pt2"):
        (here / name).touch()
    (here / "nets").mkdir()
    (here / "nets" / "a b.pt2").touch()
    assert bash(monkeypatch, capsys, ["slide", "--model", "net"]) == [
        "net.onnx", "nets/", "network.pt2"
    ]  # fmt: skip
    assert bash(monkeypatch, capsys, ["slide", "--model", "nets/"]) == ["nets/a b.pt2"]
    every = bash(monkeypatch, capsys, ["slide", "--model", ""])
    assert every[:4] == ["nin-digits", "nin-digits-padded", "timm:", "torchvision:"]
    assert every[4:] == ["net.onnx", "nets/", "network.pt2"]
    assert bash(monkeypatch, capsys, ["slide", "--model", "none/"]) == []


@pytest.mark.parametrize("package", ["timm", "torchvision"])
def test_names_of_packages_are_those_that_they_list(package):
    """The source is read as text; what the package says when it is imported is the truth."""
    found = set(completion.models(f"{package}:"))
    listed = {named.name for named in listing.named(f"{package}:")}
    assert found <= listed
    assert len(found) > 0.95 * len({name.partition(".")[0] for name in listed})


def test_bundled_names_are_all():
    assert [*completion.BUNDLED] == listing._names("bundled")


def test_packages_that_are_not_there(monkeypatch):
    monkeypatch.setattr(completion, "find_spec", lambda name: None)
    assert completion.models("") == [*completion.BUNDLED]
    assert completion.models("timm:res") == []


@pytest.mark.parametrize(
    ("shell", "line", "found"),
    [
        ("zsh", "onebyone slide --model timm:resnet18", '"timm\\\\:resnet18"'),
        ("zsh", "onebyone sl", '"slide"'),
        ("fish", "onebyone slide --backend open", "openvino"),
    ],
)
def test_other_shells(monkeypatch, capsys, shell, line, found):
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    monkeypatch.setenv(completion.VARIABLE, f"complete_{shell}")
    assert main([]) == 0
    assert found in capsys.readouterr().out


def test_fish_is_told_where_files_are_meant(monkeypatch, capsys):
    monkeypatch.setenv(completion.VARIABLE, "complete_fish")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "is-args")
    for line, status in (("onebyone slide ", 1), ("onebyone slide --backend ", 0)):
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
        assert main([]) == status
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_shown_and_installed(monkeypatch, capsys, here, shell):
    monkeypatch.setattr("typer._completion_shared._get_shell_name", lambda: shell)
    monkeypatch.setattr("typer.completion._get_shell_name", lambda: shell)
    assert main(["--show-completion"]) == 0
    assert f"complete_{shell}" in (script := capsys.readouterr().out)
    assert main(["--install-completion"]) == 0
    out, err = capsys.readouterr()
    assert f"{shell} completion installed in {here.parent / 'home'}" in out
    assert err == ""
    written = [path for path in (here.parent / "home").rglob("*onebyone*") if path.is_file()]
    assert [path.read_text().strip() for path in written] == [script.strip()]


def test_a_shell_that_is_not_known_is_one_line_and_status_2(monkeypatch, capsys):
    monkeypatch.setattr("typer._completion_shared._get_shell_name", lambda: None)
    monkeypatch.setattr("typer.completion._get_shell_name", lambda: None)
    for option in completion.OPTIONS:
        assert main([option]) == 2
        assert f"onebyone: {option}: run it in the shell itself" in capsys.readouterr().err


def test_bash_itself_completes(here, capsys, monkeypatch):
    """The script in a real bash, which breaks the line into words as it does at a prompt."""
    monkeypatch.setattr("typer.completion._get_shell_name", lambda: "bash")
    main(["--show-completion"])
    (here / "script.sh").write_text(capsys.readouterr().out)
    program = here / "onebyone"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m onebyone "$@"\n')
    program.chmod(0o755)
    code = """
        source script.sh
        COMP_WORDS=(onebyone slide --model timm : resnet18) COMP_CWORD=5
        _onebyone_completion onebyone
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    path = f"{here}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", code], env=os.environ | {"PATH": path}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["resnet18", "resnet18d"]
    assert done.stderr == ""


def test_no_answer_imports_torch():
    code = (
        "import sys; from onebyone.cli import main; status = main([]);"
        "sys.exit(status or 'torch' in sys.modules)"
    )
    asked = {"COMP_WORDS": "onebyone\nslide\n--model\ntimm\n:\nresnet1", "COMP_CWORD": "5"}
    variables = os.environ | asked | {completion.VARIABLE: "complete_bash"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "resnet18" in done.stdout.splitlines()


def test_every_suffix_that_is_completed_is_written():
    from onebyone.cli.maps import SUFFIXES
    from onebyone.scans.exports.dispatch import SHOWN

    completed = {Path(name).name for name in completion.ending(*SUFFIXES)("map")}
    assert completed == {f"map{suffix}" for suffix in SUFFIXES}
    from onebyone.cli.export import SUFFIXES as exported

    assert {*exported} == {*SHOWN}
