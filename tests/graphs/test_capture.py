"""What can be captured, and what is refused or run as crops."""

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim, export

from onebyone.errors import InputError
from onebyone.graphs.capture import NotCaptured, capture
from onebyone.graphs.fixed_batch import fixed_batch
from onebyone.models.pieces import InPieces

WINDOW = (2, 8, 8)


def _network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(108, 4)).eval()


def test_a_program_for_any_batch_is_captured() -> None:
    program = export(_network(), (torch.zeros(3, *WINDOW),), dynamic_shapes=({0: Dim("batch")},))
    assert fixed_batch(program) is None
    assert all(node.op != "call_module" for node in capture(program, WINDOW).graph.nodes)


class Tokens(nn.Module):
    """A class token, attention and reshapes that hold the batch in several axes."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(2, 8, 2, 2)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[0]
        tokens = self.patches(x).reshape(n, 8, 16).permute(0, 2, 1)
        tokens = torch.cat([self.token.expand(n, -1, -1), tokens], 1)
        found, _ = self.attend(tokens, tokens, tokens, need_weights=False)
        windows = found[:, 1:].view(n, 2, 2, 2, 2, 8).permute(0, 1, 3, 2, 4, 5).reshape(4 * n, 4, 8)
        return windows.mean(1).view(n, -1)


@pytest.mark.parametrize("make", [_network, lambda: Tokens().eval()], ids=["reshapes", "tokens"])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_program_for_one_batch_is_freed(make: Callable[[], nn.Module], batch: int) -> None:
    model = make()
    program = export(model, (torch.zeros(batch, *WINDOW),))
    assert fixed_batch(program) == batch
    found = capture(program, WINDOW)
    assert all(node.op != "call_module" for node in found.graph.nodes)
    x = torch.randn(7, *WINDOW)
    torch.testing.assert_close(found.model(x), model(x))


class Reversed(nn.Module):
    """Windows of a batch change places."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)).flip(0)


def test_a_program_that_cannot_be_freed_runs_in_pieces() -> None:
    program = export(Reversed().eval(), (torch.zeros(3, *WINDOW),))
    with pytest.warns(NotCaptured, match=r"the exported program cannot .* dynamic_shapes=\(\{0:"):
        found = capture(program, WINDOW)
    assert isinstance(found.model, InPieces)
    x = torch.randn(6, *WINDOW)
    expected = torch.cat([Reversed()(x[:3]), Reversed()(x[3:])])
    torch.testing.assert_close(found.model(x), expected)


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


class Counted(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        return x.mean((2, 3)), x.shape[0]


def test_a_number_that_follows_from_the_batch_is_no_output() -> None:
    program = export(Counted(), (torch.zeros(3, *WINDOW),), dynamic_shapes=({0: Dim("batch")},))
    for model in (Counted(), program):
        with pytest.raises(InputError, match="output 1 is a number that follows from the batch"):
            capture(model, WINDOW)


@pytest.mark.parametrize("batch", [{0: Dim("batch")}, None], ids=["any", "one"])
def test_a_program_trains_and_evaluates_as_modules_do(batch: dict[int, Dim] | None) -> None:
    for model in (_network(), Reversed()):
        program = export(model, (torch.zeros(3, *WINDOW),), dynamic_shapes=(batch,))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotCaptured)
            assert capture(program, WINDOW).model.train().eval().training is False
