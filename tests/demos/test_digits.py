import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from onebyone import nin
from onebyone.demos import digits
from onebyone.demos.make_page import DATA, make_page
from onebyone.windows import slide


def test_bundled_page_is_the_one_its_script_makes(tmp_path: Path) -> None:
    make_page(tmp_path)
    made, kept = (np.asarray(Image.open(folder / "digits.png")) for folder in (tmp_path, DATA))
    assert kept.dtype == np.uint8
    assert np.array_equal(made, kept)
    for folder in (tmp_path, DATA):
        lines = json.loads((folder / "digits.json").read_text("utf-8"))["lines"]
        assert lines == nin.held_out_page().text


def test_unpadded_network_reads_the_bundled_page() -> None:
    image, true = digits.load_page()
    sliding = slide(nin.load("nin-digits"), window=digits.WINDOW, stride=digits.STRIDE)
    with torch.inference_mode():
        scores = sliding(torch.from_numpy(image)[None] / 255)
    read = nin.read_lines(scores.numpy())
    assert len(read) == len(true)
    assert nin.share_right(read, true) >= 0.97


def test_demonstration_on_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, true = digits.load_page()
    monkeypatch.setattr(digits, "load_page", lambda: (image[:44, :280], true[:1]))
    console = Console(record=True, width=120)
    (path,) = digits.run(console, tmp_path)
    printed = console.export_text()
    assert f"true  {true[0]}" in printed
    for name in nin.BUNDLED:
        assert f"{name} reads" in printed
    assert path.read_text("utf-8").startswith("<!")
