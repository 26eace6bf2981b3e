"""The explanation says why: costs, lattices, pieces, windows at a time, backend."""

import json
import re

import pytest
from rich.console import Console
from torch import Tensor, nn

import onebyone as ob
from helpers.targets import on_target
from onebyone.windows.explanation import Explanation


class Gate(nn.Module):
    """Squeeze and excitation without weights: it needs the whole window."""

    def forward(self, x: Tensor) -> Tensor:
        return x * x.mean((2, 3), keepdim=True).sigmoid()


def padded() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), Gate(),
        nn.Conv2d(4, 2, 3), nn.Flatten(), nn.Linear(32, 3),
    ).eval()  # fmt: skip


def explained(sliding: ob.SlidingModel, *size: int) -> Explanation:
    found = sliding.report(*size, explain=True).explanation
    assert found is not None
    return found


def test_only_when_asked_for() -> None:
    assert ob.slide(padded(), (1, 16, 16), 4).report(32, 40).explanation is None


def test_runs_tell_of_every_operator_once() -> None:
    sliding = ob.slide(padded(), (1, 16, 16), 4)
    plan, runs = sliding.plan(32, 40), explained(sliding, 32, 40).runs
    assert sum(run.operators for run in runs) == len(plan.sharing.multiply_adds)
    written = sum(plan.sharing.elements.values())
    assert sum(run.here for run in runs) == plan.multiply_adds + written
    assert [run.first for run in runs] == sorted(run.first for run in runs)
    # All is computed from the first operator: ending sharing there leaves the crops.
    assert runs[0].cost_of_ending == sum(run.crops - run.here for run in runs)


def test_a_run_s_lattice_and_positions() -> None:
    first, second, *_ = explained(ob.slide(padded(), (1, 16, 16), 4), 32, 40).runs
    assert (first.shared, first.positions) == (((1, 15),) * 2, (16, 16))
    assert (first.windows_apart, first.dilation) == ((4, 4), (1, 1))
    assert (second.windows_apart, second.dilation) == ((2, 2), (1, 1))
    odd = explained(ob.slide(padded(), (1, 16, 16), 3), 32, 40).runs[1]
    assert (odd.windows_apart, odd.dilation) == ((3, 3), (2, 2))
    assert first.why.startswith("ending it here would cost")


def test_where_an_operator_ends_sharing() -> None:
    runs = explained(ob.slide(padded(), (1, 16, 16), 4), 32, 40).runs
    (end,) = [run for run in runs if run.ended]
    assert (end.first, end.why) == ("3", "sharing ends: joins a map with a value for each window")
    assert runs[-1].here == runs[-1].crops


def test_where_sharing_does_not_pay() -> None:
    # Windows that lie far apart: a common map would hold what no window looks at.
    runs = explained(ob.slide(padded(), (1, 16, 16), 40), 176, 176).runs
    assert runs[0].why == "sharing ends: costs more than it saves"
    assert runs[0].shared_work > runs[0].crops == runs[0].here


@pytest.mark.parametrize(
    ("memory", "pattern"),
    [
        (None, r"Pieces: one; it takes about [\d.]+ MiB, and 2 GiB are allowed by default"),
        (
            200_000,
            r"Pieces: (\d+) of .* each; the whole image .* 195.3 KiB are allowed as asked for",
        ),
    ],
)
def test_pieces(memory: int | None, pattern: str) -> None:
    sliding = ob.slide(padded(), (1, 16, 16), 4, memory=memory)
    found = re.fullmatch(pattern, explained(sliding, 96, 96).pieces)
    assert found is not None
    assert [int(n) for n in found.groups()] == [sliding.plan(96, 96).pieces][: len(found.groups())]


def test_shifts() -> None:
    sliding = ob.slide(padded(), (1, 16, 16), 1, padding="image")
    assert "4 shifts of the image" in explained(sliding, 32, 40).pieces


def test_windows_at_a_time_are_those_of_the_schedule() -> None:
    sliding = ob.slide(padded(), (1, 16, 16), 4)
    assert "all 13×13" in explained(sliding, 64, 64).at_a_time
    on_target(sliding, cached=3000, per_block=0)
    bands, rows, columns = sliding.plan(64, 64).schedule.loops
    assert rows.most < 13
    found = explained(sliding, 64, 64)
    assert re.search(rf": {rows.most}×{columns.most} of \d+×13", found.at_a_time)
    assert found.bands.startswith(f"Bands: {len(bands.turns)}, of ")


def test_bands() -> None:
    sliding = ob.slide(padded(), (1, 16, 16), 4)
    assert explained(sliding, 64, 64).bands == "Bands: one, of all 13 windows along the first axis"


def test_backend() -> None:
    sliding = ob.slide(padded(), (1, 16, 16), 4)
    assert explained(sliding, 32, 40).backend == "Backend: torch, as asked for"
    chosen = ob.slide(padded(), (1, 16, 16), 4, backend="auto")
    assert explained(chosen, 32, 40).backend == "Backend: auto, not yet chosen"


@pytest.mark.parametrize("width", [80, 120])
def test_as_text_and_as_data(width: int) -> None:
    report = ob.slide(padded(), (1, 16, 16), 4).report(32, 40, explain=True)
    console = Console(width=width)
    with console.capture() as captured:
        console.print(report)
    assert max(map(len, captured.get().splitlines())) <= width
    assert "Pieces: one" in captured.get()
    data = json.loads(json.dumps(report.to_dict()))
    assert data["explanation"]["runs"][0]["first"] == "0"


def test_one_axis() -> None:
    signal = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(12, 2)).eval()
    assert explained(ob.slide(signal, (1, 8), 1), 32).runs[0].windows_apart == (1,)
