"""`onebyone demo`: its parts in order, the paths of the pages last."""

from pathlib import Path

import pytest
from rich.console import Console

from onebyone.cli import main
from onebyone.demos import answer, digits, faces, photo


@pytest.fixture
def played(monkeypatch, tmp_path):
    """Parts that say their name and write nothing."""
    monkeypatch.chdir(tmp_path)

    def part(name: str):
        def run(console: Console, out_dir: Path) -> Path:
            console.print(f"playing {name}")
            return out_dir / f"{name}.html"

        return run

    monkeypatch.setattr(answer, "run", lambda console: console.print("playing answer"))
    monkeypatch.setattr(digits, "run", part("digits"))
    monkeypatch.setattr(faces, "run", part("faces"))
    monkeypatch.setattr(photo, "run", lambda console, out: [part("photo")(console, out)])


@pytest.mark.usefixtures("played")
def test_all_parts_in_order_and_the_pages_last(capsys, tmp_path):
    assert main(["demo"]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if "─" not in line]
    parts = ["answer", "digits", "faces", "photo"]
    pages = [f"onebyone-demo/{part}.html" for part in parts[1:]]
    assert said == [*(f"playing {part}" for part in parts), *pages]
    assert (tmp_path / "onebyone-demo").is_dir()


@pytest.mark.usefixtures("played")
def test_one_part_and_another_folder(capsys):
    assert main(["demo", "faces", "--out", "some/where"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["playing faces", "some/where/faces.html"]


@pytest.mark.usefixtures("played")
def test_a_folder_that_cannot_be_made(capsys, tmp_path):
    (tmp_path / "file").touch()
    assert main(["demo", "--out", "file"]) == 2
    assert "file" in capsys.readouterr().err
