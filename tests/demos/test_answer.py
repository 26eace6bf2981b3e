import io
import re

from rich.console import Console

from onebyone.demos import answer


def printed(**options) -> str:
    stream = io.StringIO()
    answer.run(Console(file=stream, width=80, **options))
    return stream.getvalue()


def test_answers_the_question_on_one_screen():
    text = printed()
    assert "4×8: 8 connections, 2 weights" in text
    assert re.search(r"1×1 convolution +2 +8 +yes", text)
    assert re.search(r"4 fully connected layers +8 +8 +yes \(S2\)", text)
    assert re.search(r"1 fully connected layer +32 +32 +yes \(S2\)", text)
    assert "output (0, 0, 0) reads input (0, 0, 1); a 1×1 convolution cannot" in text
    assert text.count("yes") == 5
    assert len(text.splitlines()) <= 40
    assert max(map(len, text.splitlines())) <= 80


def test_shared_weights_have_one_colour():
    text = printed(force_terminal=True, color_system="truecolor")
    colours = dict(re.findall(r"48;2;([\d;]+)m +(-?0\.\d) +", text))
    assert len(colours) == 2
    assert set(colours.values()) == {"0.8", "-0.5"}


def test_figures_follow_from_the_weights(monkeypatch):
    before = re.search(r"is ([\d.]+) away", printed())[1]
    monkeypatch.setattr(answer, "KERNEL", (0.25, 0.75))
    monkeypatch.setattr(answer, "SEED", 1)
    text = printed()
    assert "0.25" in text
    assert re.search(r"is ([\d.]+) away", text)[1] != before
