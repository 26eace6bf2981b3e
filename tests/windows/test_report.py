"""The report tells what is shared, where sharing ends and why, in text, data and notebooks."""

import json

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

import onebyone as ob
from onebyone.windows.report import Report


class Gate(nn.Module):
    """Squeeze and excitation without weights: it needs the whole window."""

    def forward(self, x: Tensor) -> Tensor:
        return x * x.mean((2, 3), keepdim=True).sigmoid()


@pytest.fixture(scope="module")
def report() -> Report:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), Gate(),
        nn.Conv2d(4, 2, 3), nn.Flatten(), nn.Linear(32, 3),
    )  # fmt: skip
    return ob.slide(model.eval(), (1, 16, 16), 4, costs=ob.Costs(1, 0)).report(32, 40)


def test_rows_say_what_is_shared(report: Report) -> None:
    rows = {row.layer: row for row in report.rows if row.crops}
    assert rows["0"].positions == (16, 16)
    assert rows["0"].shared == ((1, 15), (1, 15))
    assert rows["2"].shared == ((1, 5), (1, 5))
    assert rows["2"].here < rows["2"].crops
    assert rows["4"].here == rows["4"].crops


def test_the_end_of_sharing_has_its_reason(report: Report) -> None:
    (end,) = report.ends
    assert (end.layer, end.ended) == ("3", "joins a map with a value for each window")


def test_totals(report: Report) -> None:
    assert report.crops == sum(row.crops for row in report.rows)
    assert report.here == sum(row.here for row in report.rows)
    assert report.ratio == report.crops / report.here > 1
    assert report.grid == (5, 7)
    assert "5×7 windows of 16×16 at stride 4×4 on 32×40" in report.summary


def test_as_data_and_as_markup(report: Report) -> None:
    assert json.loads(json.dumps(report.to_dict()))["ratio"] == report.ratio
    assert "joins a map" in report._repr_html_()
    assert "joins a map" in str(report)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_fits_the_terminal(report: Report, width: int) -> None:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(report)
    assert max(map(len, captured.get().splitlines())) <= width
