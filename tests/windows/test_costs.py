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


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'{"a": {"red": 1}}',
        b'{"a": {"written": "12", "joined": 20}}',
        b'{"a": {"written": -1, "joined": 20}}',
        b'{"a": {"written": NaN, "joined": 20}}',
        b"[" * 10**5,
        b"\xff",
        b"",
        None,
    ],
)
def test_a_damaged_file_is_named_once_and_typical_costs_are_used(
    cache: Path, content: bytes | None
) -> None:
    if content is None:
        (cache / "costs.json").mkdir()
    else:
        (cache / "costs.json").write_bytes(content)
    with pytest.warns(UserWarning, match=r"costs\.json does not hold costs .*: typical ones"):
        assert known_costs() == ob.Costs()
    assert known_costs() == ob.Costs()  # where a warning would be an error
    if content is not None:
        assert known_costs() != ob.calibrate() == known_costs()


def test_a_file_in_the_place_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ONEBYONE_CACHE", str(tmp_path / "file"))
    assert known_costs() == ob.Costs()
    with pytest.raises(OSError, match="file"):
        ob.calibrate()


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(_uid: int) -> None:
        raise KeyError

    monkeypatch.delenv("ONEBYONE_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", no_home)
    assert costs_file() is None
    assert known_costs() == ob.Costs()


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
    assert not cheap.sharing.ended
    assert dear.sharing.ended
    assert dear.multiply_adds > cheap.multiply_adds


@pytest.mark.parametrize("costs", [ob.Costs(-1, 3), ob.Costs(3, -1)])
def test_negative_costs_are_refused(costs: ob.Costs) -> None:
    with pytest.raises(ob.InputError, match=r"costs=.* must be 0 or more"):
        ob.slide(_network(), (3, 12, 12), 3, costs=costs)
