"""Costs are measured, kept for the machine, and decide where sharing ends."""

from pathlib import Path

import pytest
from torch import nn

import onebyone as ob
from onebyone.windows.costs import costs_file, known_costs


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ONEBYONE_CACHE", str(tmp_path))
    return tmp_path


def _network() -> nn.Module:
    """A depthwise convolution, whose arithmetic is less than its copies."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), *(nn.Conv2d(16, 16, 3, padding=1, groups=16),) * 3,
        nn.Flatten(), nn.Linear(16 * 144, 3),
    ).eval()  # fmt: skip


def test_typical_costs_where_nothing_was_measured(cache: Path) -> None:
    assert known_costs() == ob.Costs()
    assert not any(cache.iterdir())


def test_what_was_measured_is_used(cache: Path) -> None:
    found = ob.calibrate()
    assert found.written > 0
    assert found.joined > 0
    assert costs_file() == cache / "costs.json"
    assert known_costs() == found


def test_costs_of_another_machine_are_not_used(cache: Path) -> None:
    (cache / "costs.json").write_text('{"another": {"written": 1, "joined": 2}}')
    assert known_costs() == ob.Costs()
    found = ob.calibrate()  # and they stay
    assert known_costs() == found
    assert '"another"' in (cache / "costs.json").read_text()


@pytest.mark.parametrize("text", ["{", "[]", '{"a": {"red": 1}}'])
def test_a_damaged_file_is_named(cache: Path, text: str) -> None:
    (cache / "costs.json").write_text(text)
    with pytest.raises(ob.InputError, match=r"costs\.json does not hold costs .*; delete it"):
        known_costs()


def test_without_a_folder_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEBYONE_CACHE", "0")
    with pytest.raises(ob.InputError, match="ONEBYONE_CACHE is empty or 0"):
        ob.calibrate()
    assert known_costs() == ob.Costs()


def test_joins_that_cost_more_end_sharing_earlier() -> None:
    model = _network()
    cheap, dear = (
        ob.slide(model, (3, 12, 12), 3, verify=0, costs=ob.Costs(12, joined)).plan(24, 24)
        for joined in (0, 10_000)
    )
    assert not cheap.sharing.unpaid
    assert dear.sharing.unpaid
    assert dear.multiply_adds > cheap.multiply_adds


@pytest.mark.parametrize("costs", [ob.Costs(-1, 3), ob.Costs(3, -1)])
def test_negative_costs_are_refused(costs: ob.Costs) -> None:
    with pytest.raises(ob.InputError, match=r"costs=.* must be 0 or more"):
        ob.slide(_network(), (3, 12, 12), 3, costs=costs)
