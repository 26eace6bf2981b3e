"""The bar chart says what the comparison says."""

from xml.etree import ElementTree

import pytest

from onebyone.figures import bars
from onebyone.figures.bars import ALIKE, OTHER
from onebyone.layers import Comparison
from onebyone.layers.comparison import FormRow
from onebyone.wording import si

SVG = "{http://www.w3.org/2000/svg}"
ROWS = (
    FormRow("dense", 10**9, 2 * 10**9, 4 * 10**9, "4×6 only", False),
    FormRow("local", 3600, 7200, 15000, "4×6 only", False, 4e-4, (3.5e-4, 5e-4)),
    FormRow("convolution", 150, 7200, 1000, "any", True, 1e-4, (0.9e-4, 1.2e-4)),
    FormRow("linear", 150, 7200, 1000, "any", True, 5e-5, (4e-5, 6e-5)),
)


@pytest.fixture
def comparison() -> Comparison:
    return Comparison("a 1×1 convolution", (3, 4, 6), (5, 4, 6), 2, "cpu", 1, 9, ROWS)


def test_bars_are_as_long_as_the_times(comparison):
    root = ElementTree.fromstring(bars(comparison).svg)
    found = [r for r in root.iter(f"{SVG}rect") if r.get("fill") in (ALIKE, OTHER)][: len(ROWS) - 1]
    timed = [row for row in ROWS if row.seconds is not None]
    scale = float(found[0].get("width")) / timed[0].seconds
    for bar, row in zip(found, timed, strict=True):
        assert float(bar.get("width")) == pytest.approx(scale * row.seconds, abs=0.01)
        assert bar.get("fill") == (ALIKE if row.trains_alike else OTHER)


def test_numbers_and_advice_are_written(comparison):
    root = ElementTree.fromstring(bars(comparison).svg)
    texts = [element.text for element in root.iter(f"{SVG}text")]
    for row in ROWS:
        assert row.form in texts
        assert si(row.weights) in texts
        assert row.seconds is None or f"{si(row.seconds)}s" in texts
    assert texts.count("too large to run here") == 1
    assert "Take linear: the fastest" in " ".join(texts)
    bold = [e.text for e in root.iter(f"{SVG}text") if e.get("font-weight") == "600"]
    assert bold == ["A 1×1 convolution", "linear", "50 µs"]
    times = [e for e in root.iter(f"{SVG}text") if (e.text or "").endswith("s") and " " in e.text]
    assert max(float(e.get("x")) for e in times if e.text[0].isdigit()) + 60 < 640 - 40
    width = float(root.get("width"))
    for element in root.iter(f"{SVG}rect"):
        assert float(element.get("x")) + float(element.get("width")) <= width


def test_it_saves_and_shows_in_a_notebook(comparison, tmp_path):
    still = bars(comparison)
    still.save(tmp_path / "bars.svg")
    assert (tmp_path / "bars.svg").read_text(encoding="utf-8") == still.svg + "\n"
    assert still._repr_svg_() == still.svg
    still.save(tmp_path / "bars.png")
    assert (tmp_path / "bars.png").read_bytes() == still.png
