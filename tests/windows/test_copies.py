"""A sliding model can be copied, kept, put into another module, and called by threads."""

import copy
import io
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

import onebyone as ob
from helpers.modules import settle
from onebyone.errors import InputError
from onebyone.windows import sliding as sliding_module
from onebyone.windows.backends import compilers

WINDOW, STRIDE = (2, 12, 12), 3
X = torch.randn(1, 2, 27, 24)


def network() -> nn.Module:
    layers = [nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(True), nn.MaxPool2d(2)]
    return settle(nn.Sequential(*layers, nn.Flatten(), nn.Linear(144, 3)), 0)


def made() -> ob.SlidingModel:
    return ob.slide(network(), WINDOW, STRIDE, mean=[0.1, 0.2], std=2.0)


def saved(sliding: ob.SlidingModel) -> ob.SlidingModel:
    file = io.BytesIO()
    torch.save(sliding, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda sliding: pickle.loads(pickle.dumps(sliding)),
    "torch.save": saved,
}


@pytest.mark.parametrize("kind", COPIES)
@torch.no_grad()
def test_a_copy_gives_the_same_and_has_its_own_weights(kind: str) -> None:
    sliding = made()
    wanted = sliding(X)
    again: ob.SlidingModel = COPIES[kind](sliding)
    assert torch.equal(again(X), wanted)
    assert again.report(27, 24).summary == sliding.report(27, 24).summary
    again.model[0].weight.mul_(2)
    assert torch.equal(sliding(X), wanted)
    assert not torch.equal(again(X), wanted)


@torch.no_grad()
def test_within_another_module_it_stays_in_eval_mode() -> None:
    sliding = made()
    wanted = sliding(X)
    around = nn.Sequential(sliding, nn.Identity()).train()
    assert around.training
    assert not sliding.training
    assert not any(module.training for module in sliding.model.modules())
    assert torch.equal(around(X), wanted)
    assert around.eval() is around


def test_a_network_set_to_train_is_refused() -> None:
    sliding = made()
    sliding.model.train()
    with pytest.raises(InputError, match=r"training mode.*eval"):
        sliding(X)


@torch.no_grad()
def test_threads_share_a_sliding_model() -> None:
    sliding = made()
    images = [torch.randn(1, 2, 20 + 3 * (i % 3), 24) for i in range(9)]
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(torch.no_grad()(sliding), images))
    for x, y in zip(images, found, strict=True):
        torch.testing.assert_close(y, sliding(x))


def test_plans_of_the_last_sizes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sliding_module, "MOST", 2)
    sliding = made()
    tables = len(list(sliding.constants.buffers()))
    plans = [sliding.plan(20 + i, 24) for i in range(4)]
    assert sliding.plan(23, 24) is plans[-1]
    assert sliding.plan(20, 24) is not plans[0]
    assert len(list(sliding.constants.buffers())) == tables  # tables go with their plans


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@torch.no_grad()
def test_autocast_and_half_precision(dtype: torch.dtype) -> None:
    sliding = made()
    with torch.autocast("cpu", dtype):
        assert sliding(X).dtype == dtype
        inside = made()  # captured as the network is, whatever surrounds it
    assert torch.equal(inside(X), sliding(X))
    assert sliding.to(dtype)(X).dtype == dtype


def by_data(model: nn.Module) -> None:
    model[0].weight.data.mul_(2)


def by_numpy(model: nn.Module) -> None:
    model[5].bias.detach().numpy()[0] += 1


@pytest.mark.parametrize("change", [by_data, by_numpy])
@torch.no_grad()
def test_weights_that_are_constants_are_seen_to_change(
    change: Callable[[nn.Module], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the backend keeps a copy, as runtimes do."""

    def constant(module: nn.Module, x: Tensor) -> nn.Module:
        return copy.deepcopy(module)

    monkeypatch.setitem(compilers.COMPILERS, "openvino", constant)
    sliding = ob.slide(network(), WINDOW, STRIDE, backend="openvino", verify=0)
    plain = ob.slide(sliding.model, WINDOW, STRIDE)
    for _ in range(2):
        assert torch.equal(sliding(X), plain(X))
        change(sliding.model)
