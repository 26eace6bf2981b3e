import pytest

from onebyone.cli import main


def test_the_example_as_a_page_and_as_a_still(tmp_path, capsys):
    for name, begins in (("a.html", "<!doctype html>"), ("a.svg", "<svg ")):
        path = tmp_path / name
        assert main(["explain", "--out", str(path)]) == 0
        assert path.read_text(encoding="utf-8").startswith(begins)
        assert capsys.readouterr().out == f"{path}\n"
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert '"weight":[0.8,-0.5]' in page
    assert "{{" not in page.partition("importmap")[0]


def test_a_layer(tmp_path):
    path = tmp_path / "b.html"
    words = ["linear(8,4)", "--input", "2,2,2", "--output", "1,2,2", "--out", str(path)]
    assert main(["explain", *words]) == 0
    assert '"kind":"dense"' in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input", "2,2,2"], "LAYER is missing"),
        (["conv(2,1,1)"], "--input is missing"),
        (["--out", "a.png"], "ends in .svg or .html"),
        (["conv3d(1,1,1)", "--input", "1,2,2,2"], "up to 2 axes"),
        (["conv(8,8,3)", "--input", "8,5,5", "--out", "a.svg"], "save an .html"),
    ],
)
def test_bad_input_is_one_line_and_exits_with_2(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["explain", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert [*tmp_path.iterdir()] == []
