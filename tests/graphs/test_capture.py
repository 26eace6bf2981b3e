"""What can be captured, and what is refused or run as crops."""

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim, export

from onebyone.errors import InputError
from onebyone.graphs.capture import NotCaptured, capture
from onebyone.graphs.fixed_batch import InPieces, fixed_batch

WINDOW = (2, 8, 8)


def _network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(108, 4)).eval()


def test_a_program_for_any_batch_is_captured() -> None:
    program = export(_network(), (torch.zeros(3, *WINDOW),), dynamic_shapes=({0: Dim("batch")},))
    assert fixed_batch(program) is None
    assert all(node.op != "call_module" for node in capture(program, WINDOW).graph.nodes)


def test_a_program_for_one_batch_runs_in_pieces_of_it() -> None:
    model = _network()
    program = export(model, (torch.zeros(3, *WINDOW),))
    assert fixed_batch(program) == 3
    x = torch.randn(7, *WINDOW)
    torch.testing.assert_close(InPieces(program, 3)(x), model(x))
    with pytest.warns(NotCaptured, match="exported for a batch of 3"):
        capture(program, WINDOW)


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls.add_(1)
        return x.mean((2, 3)) + self.calls


def test_a_network_that_keeps_a_state_is_refused() -> None:
    with pytest.raises(InputError, match="changes its own tensors calls"):
        capture(Counter().eval(), WINDOW)


def test_a_network_that_does_not_run_on_the_window_is_refused() -> None:
    with pytest.raises(InputError, match=r"does not run on windows of shape \(2, 9, 9\)"):
        capture(_network(), (2, 9, 9))


class Total(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sum()


def test_an_output_without_the_batch_is_refused() -> None:
    with pytest.raises(InputError, match="first dimension must be the batch"):
        capture(Total(), WINDOW)
