import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_example_draws_the_picture_that_the_readme_shows(tmp_path, monkeypatch, capsys):
    picture = tmp_path / "answer.svg"
    monkeypatch.setattr(sys, "argv", ["answer.py", str(picture)])
    runpy.run_path(str(ROOT / "examples" / "answer.py"), run_name="__main__")
    assert "a 1×1 convolution cannot" in capsys.readouterr().out
    assert picture.read_bytes() == (ROOT / "docs" / "pictures" / "answer.svg").read_bytes()
