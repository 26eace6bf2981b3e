"""Parts run on fewer threads while others compute, and leave PyTorch's threads alone."""

import threading
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import onebyone as ob
from helpers.oracle import assert_equal_crops
from helpers.targets import on_target
from onebyone.windows import SlidingModel, threads
from onebyone.windows.same_bits import FewerThreads

WINDOW = (3, 16, 16)
pytestmark = pytest.mark.usefixtures("two_threads")


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many threads each run has had beside others, where they compute always."""
    counts: list[int] = []

    class Counted(FewerThreads):
        def __enter__(self) -> FewerThreads:
            found = super().__enter__()
            counts.append(torch.get_num_threads())
            return found

    class Always(threads.Pace):
        def fewer(self, threads: int) -> int:
            return threads - 1

    monkeypatch.setattr(threads, "Pace", Always)
    monkeypatch.setattr(threads, "FewerThreads", Counted)
    return counts


def padded() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 4),
    ).eval()  # fmt: skip


def sliding(model: nn.Module, cached: int = 1500) -> SlidingModel:
    """A plan of several bands and turns."""
    made = ob.slide(model, WINDOW, 2, verify=0)
    return on_target(made, cached=cached, per_block=0, per_weight=10**6)


@pytest.mark.parametrize("size", [(30, 36), (63, 44)])
@pytest.mark.parametrize("cached", [300, 1500])
def test_fewer_threads_give_crops(size: tuple[int, int], cached: int, busy: list[int]) -> None:
    model, x = padded().double(), torch.randn(2, 3, *size).double()
    made = sliding(model, cached)
    with torch.no_grad():
        y = made(x)
    assert set(busy) == {1}
    assert_equal_crops(y, model, x, WINDOW, 2)


def test_threads_are_as_before(busy: list[int]) -> None:
    with torch.no_grad():
        sliding(padded())(torch.randn(1, 3, 40, 40))
    assert busy
    found = [torch.get_num_threads()]
    new = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    new.start()
    new.join()
    assert found == [2, 2]


def test_other_numbers_of_threads_are_seen(busy: list[int]) -> None:
    made, x = sliding(padded()), torch.randn(1, 3, 40, 40)
    with torch.no_grad():
        for count in (2, 3, 4):
            torch.set_num_threads(count)
            made(x)
    assert sorted(set(busy)) == [1, 2, 3]


def test_gradients_and_modes_stay_in_the_thread(busy: list[int]) -> None:
    made, x = sliding(padded()), torch.randn(1, 3, 40, 40, requires_grad=True)
    (gradient,) = torch.autograd.grad(made(x).sum(), x)
    assert gradient.abs().sum() > 0
    with torch.inference_mode():
        assert made(x.detach()).is_inference()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        made(x)
    assert counter.get_total_flops() > 0
    assert set(busy) == {1}


def test_one_thread_and_autocast_stay(busy: list[int]) -> None:
    made, x = sliding(padded()), torch.randn(1, 3, 40, 40)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        made(x)
    torch.set_num_threads(1)
    made(x)
    assert not busy


def test_exported_and_compiled_whole(busy: list[int]) -> None:
    adapted = threads.Adapted(nn.Identity(), sliding(padded()).plan(40, 40).module)
    x = torch.randn(1, 3, 40, 40)
    with torch.no_grad():
        y = adapted(x)[0]
        busy.clear()
        exported = torch.export.export(adapted, (x,)).module()
        compiled = torch.compile(adapted, backend="aot_eager", fullgraph=True)
        for run in (exported, compiled):
            torch.testing.assert_close(run(x)[0], y)
    assert not busy


def test_several_users_at_once(busy: list[int]) -> None:
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
    assert busy
    assert all(torch.equal(found[place], y) for place, y in enumerate(expected))


def test_fewer_where_processors_are_missed_twice_and_back() -> None:
    pace, taken = threads.Pace(), []
    busy = [(1.0, 0.95), (3.0, 0.7), (1.0, 0.9), (3.0, 0.7), (3.0, 0.7), *[(1.8, 0.5)] * 4]
    for seconds, share in (*busy, (1.0, 0.95), (1.0, 0.95)):
        pace.note(seconds, share)
        taken.append(pace.fewer(8))
    assert taken == [8, 8, 8, 8, 5, 5, 5, 5, 8, 8, 8]


def test_all_are_tried_again_less_and_less_often() -> None:
    pace, trials = threads.Pace(), []
    for run in range(300):
        if pace.fewer(2) == 2:
            trials.append(run)
            pace.note(3.0, 0.7)
        else:
            pace.note(1.8, 0.5)
    gaps = [b - a for a, b in pairwise(trials)]
    assert gaps[:5] == [1, 5, 9, 17, 33]
    assert max(gaps) == 65


def test_fewer_in_vain_are_left_at_once() -> None:
    pace, taken = threads.Pace(), 0
    for _ in range(300):  # Python leaves threads without work, on a quiet machine
        fewer = pace.fewer(2) == 1
        taken += fewer
        pace.note(1.9 if fewer else 1.0, 0.5 if fewer else 0.6)
    assert taken < 10


def test_one_processor_is_the_least() -> None:
    pace = threads.Pace()
    for _ in range(2):
        pace.note(1.0, 0.01)
    assert pace.fewer(2) == 1
