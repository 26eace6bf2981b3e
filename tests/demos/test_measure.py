import time

import pytest
import torch
from rich.console import Console
from torch import nn

from onebyone import nin
from onebyone.demos.measure import MOST_TURNS, Measurement, figures_table, measure, method
from onebyone.windows import slide


def test_windows_are_counted_and_compared_with_their_own_crops() -> None:
    torch.manual_seed(0)
    model = nin.digits().eval()
    sliding = slide(model, window=(1, 28, 28), stride=(4, 8))
    result = measure(sliding, model, torch.rand(1, 40, 52), sample=10)
    assert result.scores.shape == (11, 4, 4)
    assert (result.windows, result.sampled) == (16, 10)
    assert result.difference < 1e-5
    assert result.ratio > 1
    assert all(min(turn) > 0 for turn in result.turns)
    assert len(result.turns) == MOST_TURNS


def test_a_wrong_map_shows_as_a_difference() -> None:
    torch.manual_seed(0)
    model, other = nin.digits().eval(), nin.digits().eval()
    sliding = slide(model, window=(1, 28, 28), stride=4)
    assert measure(sliding, other, torch.rand(1, 40, 40), sample=16).difference > 0.01


def test_rates_and_speedup_follow_from_the_times() -> None:
    turns = ((2.0, 0.1), (20.0, 0.8), (1.0, 0.06))  # the second was slow for both
    result = Measurement(1000, 10, turns, 1.0, 18.0, 1e-7, torch.ones(11, 2, 2))
    assert result.speedups == pytest.approx((4, 5, 6))
    assert result.windows_per_second_sliding == 500
    assert result.windows_per_second_crops == pytest.approx(100)
    assert result.speedup == pytest.approx(5)
    console = Console(record=True, width=80)
    console.print(figures_table("title", {"one": result, "two": result}))
    printed = console.export_text()
    for figure in ("1,000", "500", "5.0×", "3: 4–6×", "18.0×", "1.0e-07"):
        assert printed.count(figure) >= 2


def test_a_busy_machine_is_confessed() -> None:
    turns = ((2.0, 0.1), (2.2, 0.1))
    quiet = Measurement(1000, 10, turns, 1.0, 18.0, 0.0, torch.ones(11, 2, 2))
    for noisy in (quiet._replace(turns=((2.0, 0.1), (2.0, 0.3))), quiet._replace(had=0.6)):
        assert "Other work is running" not in method({"a": quiet})
        assert "Other work is running" in method({"a": quiet, "b": noisy})
        console = Console(record=True, width=80)
        console.print(figures_table("title", {"one": quiet, "two": noisy}))
        assert console.export_text().count("~") == 3  # both rates, and their ratio


def test_a_thread_that_waits_for_a_processor_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stalled(nn.Module):
        def forward(self, x):
            time.sleep(0.05)
            return x.mean((2, 3))

    monkeypatch.setattr("onebyone.demos.measure.ENOUGH_SECONDS", 0.0)
    model = Stalled().eval()
    assert measure(slide(model, (1, 8, 8), 4), model, torch.rand(1, 20, 20)).disturbed


def test_a_long_turn_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onebyone.demos.measure.ENOUGH_SECONDS", 0.0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    sliding = slide(model, window=(1, 8, 8), stride=4)
    assert len(measure(sliding, model, torch.rand(1, 20, 20)).turns) == 1


def test_signals_are_measured_too() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(2, 3, 5), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4)).eval()
    sliding = slide(model, window=(2, 8), stride=2)
    result = measure(sliding, model, torch.rand(2, 31), sample=5)
    assert result.windows == 12
    assert result.difference < 1e-6
