"""Bands keep the memory asked for, and what does not fit is refused."""

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import onebyone as ob
from onebyone.windows import bands, memory


class Peak(TorchDispatchMode):
    """The most bytes that tensors made under this mode held at one time."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, int] = {}
        self.bytes = self.peak = 0

    def __torch_dispatch__(
        self, call: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = call(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._note(tensor)
        return out

    def _note(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        place, size = storage.data_ptr(), storage.nbytes()
        if place not in self.alive:
            self.bytes += size
            self.alive[place] = 0
        self.alive[place] += 1
        self.peak = max(self.peak, self.bytes)
        weakref.finalize(tensor, self._forget, place, size)

    def _forget(self, place: int, size: int) -> None:
        self.alive[place] -= 1
        if self.alive[place] == 0:
            del self.alive[place]
            self.bytes -= size


def _network(*middle: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), *middle,
        nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(16 * 64, 5),
    ).eval()  # fmt: skip


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "shared": _network,
    "not shared": lambda: _network(nn.GroupNorm(1, 16)),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("memory", [1_200_000, 3_000_000])
def test_intermediate_results_stay_within_the_memory(name: str, memory: int) -> None:
    sliding = ob.slide(NETWORKS[name](), (3, 32, 32), 4, memory=memory, verify=0)
    x = torch.rand(1, 3, 128, 128)
    plan = sliding.plan(128, 128)
    assert plan.pieces > 1
    with torch.no_grad(), Peak() as peak:
        plan.module(x)
    # Weights folded or permuted at call time are not in the estimate; a fifth is room for them.
    assert peak.peak <= 1.2 * memory


def test_more_memory_means_fewer_pieces() -> None:
    model = _network()
    pieces = [
        ob.slide(model, (3, 32, 32), 4, memory=memory).plan(128, 128).pieces
        for memory in (1_000_000, 3_000_000, 2**30)
    ]
    assert pieces[0] > pieces[1] > pieces[2] == 1


def test_memory_for_less_than_one_window_is_refused() -> None:
    sliding = ob.slide(_network(), (3, 32, 32), 4, memory=1000)
    with pytest.raises(ob.InputError, match=r"memory=1000 bytes is too little: one window needs"):
        sliding.plan(128, 128)


def test_sizes_are_planned_once() -> None:
    sliding = ob.slide(_network(), (3, 32, 32), 4)
    assert sliding.plan(64, 64) is sliding.plan(64, 64)


def test_more_windows_at_a_time_where_operators_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    def largest() -> int:
        module = ob.slide(_network(), (3, 32, 32), 4).plan(128, 128).module
        return max(int(name.removeprefix("some")) for name, _ in module.named_children()
                   if name.startswith("some"))  # fmt: skip

    monkeypatch.setattr(memory, "CACHED", 20_000)
    monkeypatch.setattr(bands, "PER_WEIGHT", 10**6)
    monkeypatch.setattr(memory, "PER_BLOCK", 0)
    few = largest()
    monkeypatch.setattr(memory, "PER_BLOCK", 10**9)
    assert few < largest() <= 4 * (few + 1)
