"""The harness on tiny cases: turns, extrapolation, comparison, JSON, files."""

import json
import time
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import torch
from PIL import Image
from torch import nn

from onebyone.bench import run, saving, sides
from onebyone.bench.by_hand import fully_convolutional
from onebyone.bench.cases import Case
from onebyone.bench.chart import chart
from onebyone.bench.constant_folding import folded
from onebyone.bench.machine import Machine, matmul_peak, run_noting_memory
from onebyone.bench.results import CaseResult, Results
from onebyone.bench.table import markdown, rows
from onebyone.bench.timing import Timing
from onebyone.errors import InputError
from onebyone.graphs.capture import capture
from onebyone.turns import by_turns

MACHINE = Machine("a processor", 2, "2.13", "3.11", 1e11)


def padded() -> nn.Module:
    layers = [nn.Conv1d(2, 4, 3, padding=1), nn.BatchNorm1d(4), nn.ReLU(), nn.MaxPool1d(2)]
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(16, 3)).eval()
    network[1].running_mean.add_(0.3)
    network[1].running_var.mul_(2)
    return network


TINY = Case("tiny-60-s2", padded, (2, 8), 2, (60,))


@pytest.fixture(scope="module")
def measured() -> CaseResult:
    torch.manual_seed(0)
    return run.run_case(TINY, rounds=3, backends=("torch", "openvino"), seconds=0.01)


def test_a_side_over_its_budget_runs_fewer_rounds() -> None:
    times = by_turns({"slow": lambda: time.sleep(0.05), "fast": lambda: None}, 3, each=0.04)
    assert [len(seconds) for seconds in times.values()] == [1, 3]
    timed = Timing("slow", "torch", "crops", tuple(times["slow"]), 1)
    case = CaseResult("a", (1, 8), 2, (26,), (10,), 1000, 100, (timed,))
    page = markdown(Results("2026-01-01", "onebyone bench", MACHINE, 3, (case,)))
    assert "- a: slow (torch): only 1 rounds, for time" in page


def test_all_windows_are_extrapolated_from_the_median_round() -> None:
    timed = Timing("crops", "torch", "crops", (9.0, 1.0, 2.0), windows=50)
    assert timed.median(100) == 4.0
    assert Timing("crops", "torch", "crops", skipped="why").median(100) == float("inf")


def result(**timings: tuple[str, str, float]) -> CaseResult:
    found = [Timing(k, b, kind, (s, s, s), 10) for k, (b, kind, s) in timings.items()]
    return CaseResult("a", (1, 8), 2, (26,), (10,), 1000, 100, tuple(found))


def test_speedup_and_share_are_on_one_backend_or_the_best_of_each() -> None:
    case = result(
        eager=("torch", "crops", 8.0),
        folded=("torch", "crops", 6.0),
        crops=("openvino", "crops", 2.0),
        onebyone=("torch", "onebyone", 1.0),
        fast=("openvino", "onebyone", 0.5),
    )
    assert case.ratio == 10
    assert case.speedup("torch") == 6
    assert case.share("torch") == pytest.approx(0.6)
    assert case.speedup("openvino") == 4
    assert case.speedup() == 4
    assert case.speedup("inductor") is None


def test_every_side_of_a_tiny_case_gives_the_scores_of_crops(measured: CaseResult) -> None:
    assert not [t.skipped for t in measured.timings if t.skipped]
    names = {(t.name, t.backend) for t in measured.timings}
    assert names >= {("crops, eager", "torch"), ("crops", "openvino"), ("onebyone", "openvino")}
    for timed in measured.timings:
        assert len(timed.seconds) == 3
        assert 0 < timed.windows <= measured.windows
        if timed.kind in ("crops", "onebyone"):
            assert timed.difference is not None
            assert timed.difference < 1e-5
        if timed.kind in ("image", "converted"):
            assert timed.difference is not None
            assert timed.difference > 1e-2
    assert measured.ratio == measured.crops / measured.here > 1


def test_the_whole_image_twice_as_wide_as_the_stride_is_shifted() -> None:
    case = Case("tiny-60-s1", padded, (2, 8), 1, (60,))
    found = run.run_case(case, rounds=1, backends=("torch",), seconds=0.01)
    whole = next(t for t in found.timings if t.kind == "converted")
    assert whole.windows == 53
    assert whole.difference is None


def test_a_stride_beyond_the_networks_own_takes_some_of_the_whole_map() -> None:
    case = Case("tiny-60-s4", padded, (2, 8), 4, (60,))
    found = run.run_case(case, rounds=1, backends=("torch",), seconds=0.01)
    whole, image = (next(t for t in found.timings if t.kind == k) for k in ("converted", "image"))
    assert whole.difference == pytest.approx(image.difference, rel=1e-3)


def test_what_cannot_be_measured_says_why() -> None:
    def missing() -> nn.Module:
        raise InputError("no such package")

    whole = run.run_case(Case("a", missing, (1, 8), 2, (20,)), rounds=1)
    assert whole.skipped == "no such package"
    uneven = Case("b", padded, (2, 8), 3, (60,))
    found = run.run_case(uneven, rounds=1, backends=("torch",), seconds=0.01)
    reasons = {t.name: t.skipped for t in found.timings if t.skipped}
    assert "does not divide" in reasons["fully convolutional, not equal"]
    page = markdown(Results("2026-01-01", "onebyone bench", MACHINE, 1, (whole, found)))
    assert "- a: no such package" in page
    assert "does not divide" in page


def test_a_batch_of_crops_is_as_large_as_pays_and_fits() -> None:
    subject = sides.prepare(TINY, 0.01)
    assert all(len(batch) == len(subject.crops[0]) for batch in subject.crops)
    assert sum(map(len, subject.crops)) == len(subject.expected) <= 27
    assert len(set(zip(*(p.tolist() for p in subject.places), strict=True))) == len(
        subject.expected
    )


@pytest.mark.parametrize(
    ("grid", "count", "part"),
    [((7, 9), 1000, (7, 9)), ((7, 9), 20, (2, 9)), ((7, 9), 4, (1, 4)), ((7,), 3, (3,))],
)
def test_part_of_a_grid_of_windows(grid, count, part) -> None:
    assert sides._part(grid, count) == part


def test_folding_changes_nothing_but_the_batch_norm() -> None:
    network, x = padded(), torch.randn(3, 2, 8)
    graph = folded(capture(network, (2, 8)))
    with torch.no_grad():
        torch.testing.assert_close(graph(x)[0], network(x))
    targets = {str(n.target) for n in graph.graph.nodes if n.op == "call_function"}
    assert not [t for t in targets if "norm" in t or "sqrt" in t]
    assert sum(n.op == "call_function" for n in graph.graph.nodes) <= 6


def test_a_converted_network_gives_the_scores_of_one_window() -> None:
    network = padded()
    whole = fully_convolutional(network, (2, 8))
    x = torch.randn(1, 2, 8)
    with torch.no_grad():
        torch.testing.assert_close(whole(x)[..., 0], network(x))
        assert whole(torch.randn(1, 2, 60)).shape == (1, 3, 27)
    with pytest.raises(InputError, match="Bilinear is not converted"):
        fully_convolutional(nn.Bilinear(2, 2, 2), (2, 8))


def test_results_survive_json(measured: CaseResult) -> None:
    left_out = CaseResult("b", (1, 8), 2, (20,), skipped="why")
    results = Results("2026-01-01", "onebyone bench", MACHINE, 3, (measured, left_out))
    assert Results.from_json(results.to_json()) == results


def test_the_files_hold_the_figures(measured: CaseResult, tmp_path) -> None:
    results = Results("2026-01-01", "onebyone bench --quick", MACHINE, 3, (measured,))
    page = tmp_path / "speed.md"
    page.write_text(f"before\n\n{saving.START}\nold\n{saving.END}\n\nbehind\n", "utf-8")
    saving.save(page, results)
    text = page.read_text("utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nbehind\n")
    assert "old" not in text
    assert "(speed.svg)" in text
    headings, cells = rows(results)
    assert cells[0][headings.index("speed-up")] in text
    assert "`onebyone bench --quick`: 2026-01-01, a processor, 2 threads" in text
    assert json.loads(page.with_suffix(".json").read_text("utf-8"))["rounds"] == 3
    words = "".join(ElementTree.fromstring(chart(results).svg).itertext())
    assert "tiny-60-s2" in words
    assert "2026-01-01" in words
    with Image.open(page.with_suffix(".png")) as picture:
        assert picture.width == 2 * 760
        assert len(picture.convert("RGB").getcolors(10**6)) > 10
    saving.save(tmp_path / "new.md", results)
    assert (tmp_path / "new.md").read_text("utf-8").startswith(saving.START)


@pytest.mark.parametrize(
    ("name", "reason"), [("x.txt", "ends in .md"), ("no/x.md", "does not exist"), ("x.md", "lines")]
)
def test_a_page_without_a_place_is_refused_before_the_work(tmp_path, name, reason) -> None:
    (tmp_path / "x.md").write_text("no marks\n", "utf-8")
    with pytest.raises(InputError, match=reason):
        saving.check_page(tmp_path / name)


def test_files_of_the_same_name_are_not_lost(measured: CaseResult, tmp_path) -> None:
    """Only those of an earlier run are replaced, which the page shows."""
    page, picture = tmp_path / "speed.md", tmp_path / "speed.png"
    picture.write_bytes(b"a photo")
    for text in (None, f"{saving.START}\n{saving.END}\n"):
        if text is not None:
            page.write_text(text, "utf-8")
        with pytest.raises(InputError, match=r"speed\.png is there and not of an earlier run"):
            saving.check_page(page)
    picture.unlink()
    for _ in range(2):
        saving.check_page(page)
        saving.save(page, Results("2026-01-01", "onebyone bench", MACHINE, 3, (measured,)))


def test_peak_memory_is_that_of_the_block() -> None:
    _, peak = run_noting_memory(lambda: torch.ones(32 * 2**20))
    if peak is not None:  # None where the kernel does not tell
        assert 100 * 2**20 < peak < 400 * 2**20
    assert matmul_peak() > 1e8


def test_training_cases_take_the_gradients_of_the_same_scores(monkeypatch) -> None:
    taken = []
    plain = torch.autograd.grad

    def noted(loss, weights):
        taken.append((len(weights), plain(loss, weights)))
        return taken[-1][1]

    monkeypatch.setattr(torch.autograd, "grad", noted)
    torch.manual_seed(0)
    case = replace(TINY, training=True)
    found = run.run_case(case, rounds=2, seconds=0.01)
    assert [(t.kind, t.name) for t in found.timings] == [
        ("crops", "crops, eager"),
        ("image", 'onebyone, padding="image", not equal'),
        ("onebyone", "onebyone"),
    ]
    assert all(len(t.seconds) == 2 and not t.skipped for t in found.timings)
    assert found.timings[2].difference < 1e-5 < found.timings[1].difference
    assert {count for count, _ in taken} == {6}
    assert all(g.abs().sum() > 0 for _, gradients in taken for g in gradients)
