"""`onebyone bench` as a stranger uses it."""

import json

import pytest
from torch import nn

from onebyone.bench import cases
from onebyone.bench.cases import Case
from onebyone.cli import main


def network() -> nn.Module:
    return nn.Sequential(nn.Conv1d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)).eval()


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Two cases of no size, in an empty folder."""
    quick = frozenset({"default", "quick"})
    monkeypatch.setattr(
        cases,
        "CASES",
        (
            Case("one-40-s2", network, (1, 8), 2, (40,), quick),
            Case("two-30-s1", network, (1, 8), 1, (30,), quick),
        ),
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_cases_are_listed_with_their_tags(capsys):
    assert main(["bench", "--list"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "n4-256-s1  quick" in said
    assert "padded-256-s8  default quick" in said
    assert "vgg16-1024-s8" in said


def test_figures_as_a_table_and_as_files(tiny, capsys):
    assert main(["bench", "--quick", "--rounds", "2", "--threads", "1", "--save", "out.md"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""  # quiet in a pipe
    page = (tiny / "out.md").read_text("utf-8")
    assert "`onebyone bench --quick --rounds 2 --threads 1`" in page
    for name in ("one-40-s2", "two-30-s1"):
        assert f"| {name} |" in page
    assert {p.name for p in tiny.iterdir()} == {"out.md", "out.json", "out.svg", "out.png"}


def test_figures_as_json(tiny, capsys):
    assert (
        main(
            [
                "bench",
                "--quick",
                "--case",
                "^two",
                "--backends",
                "torch,openvino",
                "--rounds",
                "1",
                "--json",
            ]
        )
        == 0
    )
    read = json.loads(capsys.readouterr().out)
    assert [case["name"] for case in read["cases"]] == ["two-30-s1"]
    assert read["machine"]["peak"] > 0
    assert read["cases"][0]["crops"] > read["cases"][0]["here"] > 0
    ours = next(t for t in read["cases"][0]["timings"] if t["name"] == "onebyone")
    assert len(ours["seconds"]) == 1
    assert {t["backend"] for t in read["cases"][0]["timings"]} == {"torch", "openvino"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--case", "none such"], "no case matches; onebyone bench --list names them"),
        (["--case", "("], "is no regular expression"),
        (["--save", "table.txt"], "give a name that ends in .md"),
        (["--save", "absent/table.md"], "does not exist"),
        (["--rounds", "0"], "--rounds"),
        (["--backends", "torch,auto"], "'auto' is none of torch, inductor, onnxruntime, openvino"),
    ],
)
def test_bad_arguments_are_one_line_before_the_work(tiny, capsys, arguments, reason):
    assert main(["bench", *arguments]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1
