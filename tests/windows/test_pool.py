"""Turns in threads of their own give the same bits as in sequence, and leave threads alone."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import onebyone as ob
from helpers.oracle import assert_equal_crops
from helpers.targets import on_target
from onebyone.windows import SlidingModel, looping, pool

WINDOW = (3, 16, 16)


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many turns each loop has run in threads."""
    counts: list[int] = []

    def counted(tasks: Sequence[Callable[[], Any]]) -> list[Any]:
        counts.append(len(tasks))
        return pool.run_all(tasks)

    class Always(pool.Way):
        def _note(self, seconds: float, share: float) -> None:
            self.in_threads = True

        def __init__(self) -> None:
            super().__init__()
            self.in_threads = True

    monkeypatch.setattr(looping, "run_all", counted)
    monkeypatch.setattr(looping, "Way", Always)
    return counts


def padded() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 4),
    ).eval()  # fmt: skip


def sliding(model: nn.Module, **target: int) -> SlidingModel:
    made = ob.slide(model, WINDOW, 2, verify=0)
    several_turns = {"threads": 2, "cached": 1500, "per_block": 0, "per_weight": 10**6}
    return on_target(made, **{**several_turns, **target})


@pytest.mark.parametrize("size", [(30, 36), (63, 44), (47, 80)])
@pytest.mark.parametrize("cached", [300, 1500])
def test_same_bits_as_in_sequence(
    size: tuple[int, int], cached: int, in_threads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x = padded().double(), torch.randn(2, 3, *size).double()
    made = sliding(model, cached=cached)
    with torch.no_grad():
        together = made(x)
        assert in_threads
        monkeypatch.setattr(looping, "may_run", lambda args: False)
        assert torch.equal(made(x), together)
        assert_equal_crops(together, model, x, WINDOW, 2)


def test_inference_mode_reaches_the_threads(in_threads: list[int]) -> None:
    with torch.inference_mode():
        y = sliding(padded())(torch.randn(1, 3, 40, 40))
    assert in_threads
    assert y.is_inference()


def test_threads_are_as_before(in_threads: list[int]) -> None:
    with torch.no_grad():
        sliding(padded())(torch.randn(1, 3, 40, 40))
    assert in_threads
    found = [torch.get_num_threads()]
    new = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    new.start()
    new.join()
    assert found == [2, 2]


def test_gradients_modes_and_single_threads_run_in_sequence(in_threads: list[int]) -> None:
    made, x = sliding(padded()), torch.randn(1, 3, 40, 40, requires_grad=True)
    (gradient,) = torch.autograd.grad(made(x).sum(), x)
    assert gradient.abs().sum() > 0
    with torch.no_grad():
        with FlopCounterMode(display=False) as counter:
            made(x)
        assert counter.get_total_flops() > 0
        with torch.autocast("cpu", torch.bfloat16):
            made(x)
        torch.set_num_threads(1)
        made(x)
    assert not in_threads


def test_plans_with_threads_are_exported_and_compiled_whole(in_threads: list[int]) -> None:
    made, x = sliding(padded()), torch.randn(1, 3, 40, 40)
    module = made.plan(40, 40).module
    assert any(loop.parallel for loop in made.plan(40, 40).schedule.loops)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    with torch.no_grad():
        exported = torch.export.export(module, (x,)).module()
        found = [run(x)[0] for run in (exported, compiled)]
        assert not in_threads
        for y in found:
            torch.testing.assert_close(y, module(x)[0])


def test_what_a_turn_raises_is_raised() -> None:
    def bad() -> Tensor:
        raise ValueError("a turn")

    with torch.no_grad(), pytest.raises(ValueError, match="a turn"):
        pool.run_all([lambda: torch.ones(1), bad, lambda: torch.ones(1)])


def test_several_users_at_once(in_threads: list[int]) -> None:
    made, images = sliding(padded()), torch.randn(6, 1, 3, 40, 40)
    with torch.no_grad():
        expected = [made(x) for x in images]
    found: dict[int, Tensor] = {}

    def use(place: int) -> None:
        with torch.no_grad():
            found[place] = made(images[place])

    users = [threading.Thread(target=use, args=(place,)) for place in range(len(images))]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert in_threads
    assert all(torch.equal(found[place], y) for place, y in enumerate(expected))


def test_one_thread_plans_as_before() -> None:
    loops = sliding(padded(), threads=1).plan(64, 64).schedule.loops
    assert not any(loop.parallel for loop in loops)


def test_threads_where_processors_are_missed_and_back() -> None:
    way = pool.Way()
    ways = []
    for seconds, share in ((1.0, 0.9), (1.0, 0.95), (3.0, 0.7), (2.0, 0.7), (1.1, 0.9), (1.0, 0.9)):
        way._note(seconds, share)
        ways.append(way.in_threads)
    assert ways == [False, False, True, True, False, False]


def test_what_was_tried_in_vain_is_tried_less_and_less() -> None:
    way, trials = pool.Way(), []
    for run in range(200):
        in_threads = way.in_threads
        trials += [run] * in_threads
        # Python leaves threads without work here, on a quiet machine: in sequence it is faster.
        way._note(1.1 if in_threads else 1.0, 0.95 if in_threads else 0.6)
    assert 3 < len(trials) < 10
    assert trials[-1] - trials[-2] > 2 * (trials[1] - trials[0])
