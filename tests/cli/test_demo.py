"""`onebyone demo`: what is coming first, its parts in order, the best page last."""

from pathlib import Path

import pytest
from rich.console import Console

from onebyone.cli import main
from onebyone.demos import answer, digits, faces, photo
from onebyone.errors import InputError


@pytest.fixture
def played(monkeypatch, tmp_path):
    """Parts that say their name and write nothing."""
    monkeypatch.chdir(tmp_path)

    def part(name: str):
        def run(console: Console, out_dir: Path) -> list[Path]:
            console.print(f"playing {name}")
            return [] if name == "answer" else [out_dir / f"{name}.html"]

        return run

    for module in (answer, digits, faces, photo):
        monkeypatch.setattr(module, "run", part(module.__name__.rpartition(".")[2]))


@pytest.mark.usefixtures("played")
def test_all_parts_in_order_and_the_pages_last(capsys, tmp_path):
    assert main(["demo"]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if "─" not in line]
    parts = ["answer", "faces", "digits"]  # not photo, which takes longest
    for line, part in zip(said, parts, strict=False):
        assert line.startswith(part)
        assert line.endswith("seconds)")
    pages = [f"onebyone-demo/{part}.html" for part in parts[1:]]
    assert said[3:6] == [f"playing {part}" for part in parts]
    assert said[-3:] == ["Open in a browser, the last one first:", *pages]
    assert (tmp_path / "onebyone-demo").is_dir()


@pytest.mark.usefixtures("played")
def test_a_part_whose_extra_is_missing_is_named_and_left_out(capsys, monkeypatch):
    def missing(console, out_dir):
        raise InputError("the faces demo needs joblib: pip install onebyone[demo]")

    monkeypatch.setattr(faces, "run", missing)
    assert main(["demo"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "faces is left out: the faces demo needs joblib: pip install onebyone[demo]" in said
    assert said[-1] == "onebyone-demo/digits.html"
    assert main(["demo", "faces"]) == 2
    assert "pip install onebyone[demo]" in capsys.readouterr().err


@pytest.mark.usefixtures("played")
def test_one_part_and_another_folder(capsys):
    assert main(["demo", "faces", "--out", "some/where"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["Open it:", "some/where/faces.html"]


@pytest.mark.usefixtures("played")
@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("file", "--out file: is a file, or lies in one; give a folder"),
        ("file/in", "--out file/in: is a file, or lies in one; give a folder"),
        ("/proc/in", "--out /proc/in: the folder cannot be made"),
        ("x" * 300, "the folder cannot be made"),
        ("pages", "pages/digits.html: is a folder, give a file to write"),
    ],
)
def test_a_folder_that_cannot_be_written_to(out, said, capsys, tmp_path):
    (tmp_path / "file").write_text("what was there")
    (tmp_path / "pages" / "digits.html").mkdir(parents=True)
    assert main(["demo", "--out", out]) == 2
    printed, err = capsys.readouterr()
    assert (printed, err.count("\n")) == ("", 1)
    assert said in err
    assert (tmp_path / "file").read_text() == "what was there"


@pytest.mark.usefixtures("played")
def test_the_answer_needs_no_folder(tmp_path):
    (tmp_path / "file").touch()
    assert main(["demo", "answer", "--out", "file"]) == 0
    assert main(["demo", "answer"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
