"""What is recorded computes what the network does, for any batch; what is not sure is exported."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from helpers.torchvision_offline import FAMILIES, Family
from onebyone.graphs import capture as capture_module
from onebyone.graphs.capture import Captured, capture, example_windows
from onebyone.graphs.recording import NotRecorded, record
from onebyone.graphs.value import Batch
from onebyone.windows.levels import module_of

WINDOW = (3, 8, 8)


class Normed(nn.Module):
    """BatchNorms of all kinds, the last one for as many channels as are asked for."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        plain = nn.BatchNorm2d(3, affine=False, eps=0.5)
        self.norms = nn.Sequential(nn.BatchNorm2d(3), plain, nn.BatchNorm2d(channels))
        for p in (*self.norms.parameters(), *self.norms.buffers()):
            if p.is_floating_point():
                nn.init.uniform_(p, 0.5, 2)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norms(x)
        return normed.mean((2, 3))


class Network(nn.Module):
    """A convolution, and what a case does with its output."""

    def __init__(self, tail: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.conv, self.tail = nn.Conv2d(3, 4, 3, padding=1), tail

    def forward(self, x: Tensor) -> object:
        return self.tail(self.conv(x))


def flattened(h: Tensor) -> Tensor:
    return h.reshape(h.shape[0], -1)


def doubled(h: Tensor) -> Tensor:
    return h.reshape(h.size(0) * 2, 2, 8, 8).amax((2, 3)).reshape(h.size(0), 4)


def widened(h: Tensor) -> Tensor:
    return h.mean((2, 3)).to(torch.promote_types(h.dtype, torch.float64))


def between(h: Tensor) -> Tensor:
    extended = torch.cat([h, h[:1] * 0], 0)  # N + 1
    return extended.reshape(h.shape[0] + 1, -1)[: h.shape[0]]


def several(h: Tensor) -> dict[str, object]:
    a, b = h.chunk(2, 1)
    return {"a": a.mean((2, 3)), "more": [F.max_pool2d(b, 2), 3]}


def layers(h: Tensor) -> Tensor:
    h = F.interpolate(F.pad(h, [1, 0, 1, 0], "circular"), scale_factor=2)
    h = F.layer_norm(h.permute(0, 2, 3, 1), [4]) @ torch.eye(4, device=h.device)
    return F.adaptive_avg_pool2d(h.permute(0, 3, 1, 2), (None, 3))


def reshaped(h: Tensor) -> Tensor:
    """Two directions beside each other, which are copied for that except for one window."""
    both = torch.stack([h.flatten(2).permute(2, 0, 1), h.flatten(2).permute(2, 0, 1)], 1)
    return both.transpose(1, 2).reshape(both.shape[0], len(h), -1).mean(0)


RECORDED = (flattened, doubled, several, layers, reshaped, widened)


@pytest.mark.parametrize("tail", RECORDED, ids=lambda f: f.__name__)
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_recorded_networks_compute_the_same(tail: Callable[[Tensor], object], batch: int) -> None:
    model, x = Network(tail).eval(), torch.randn(batch, *WINDOW)
    found = _recorded(model)
    with torch.no_grad():
        got, want = _run(found, x), torch.utils._pytree.tree_leaves(model(x))
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b)


def test_batch_norms_are_recorded_whole() -> None:
    model, x = Normed().eval(), torch.randn(5, *WINDOW)
    found = _recorded(model)
    assert [n.target for n in found.graph.nodes].count(torch.ops.aten.batch_norm.default) == 3
    torch.testing.assert_close(_run(found, x)[0], model(x))


def test_sizes_follow_from_the_batch() -> None:
    graph, image, _ = record(Network(doubled).eval(), torch.zeros(2, *WINDOW))
    assert image.meta["val"].shape == (Batch(), *WINDOW)
    assert Batch(2) in [node.meta.get("val") for node in graph.nodes]


class Remembering(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        self.last = x
        return x.mean((2, 3))


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        return x.mean((2, 3)) + self.seen


class Loose(nn.Module):
    """Reads a tensor that is none of its parameters and buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = [torch.ones(3, 1, 1)]

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.tables[0]).mean((2, 3))


def _alone(x: Tensor) -> Tensor:
    return x.mean((2, 3)) if x.shape[0] > 1 else x.amax((2, 3))


def _squeezed(x: Tensor) -> Tensor:
    return x.mean((2, 3)).squeeze().reshape(-1, 3)


def _by_value(x: Tensor) -> Tensor:
    return x.mean((2, 3)) if x.abs().max() < 1e6 else x.sum((2, 3))


def _made_of_numbers(x: Tensor) -> Tensor:
    return (x * torch.tensor([1.0, 2.0, 3.0], device=x.device)[:, None, None]).mean((2, 3))


class Pooling(nn.Module):
    def __init__(self, pool: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x)


NOT_RECORDED: dict[str, Callable[[], nn.Module]] = {
    "remembering": Remembering, "loose": Loose, "norm_of_others": partial(Normed, 4),
    **{f.__name__.strip("_"): partial(Pooling, f)
       for f in (_alone, _squeezed, _by_value, _made_of_numbers)},
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_RECORDED)
def test_what_is_not_sure_is_not_recorded(name: str) -> None:
    model = NOT_RECORDED[name]().eval()
    before = dict(model.__dict__)
    with pytest.raises((NotRecorded, RuntimeError, NotImplementedError)):
        record(model, torch.zeros(2, *WINDOW))
    assert model.__dict__ == before


def test_buffers_stay_as_they_were() -> None:
    model = Counting().eval()
    assert capture_module._recorded(model, example_windows(model, WINDOW, 2)) is None
    assert model.seen == 0


def test_weights_and_hooks_are_left_alone() -> None:
    model = Network(flattened).eval()
    before = {name: id(t) for name, t in model.named_parameters()}
    record(model, torch.zeros(2, *WINDOW))
    assert {name: id(t) for name, t in model.named_parameters()} == before
    assert not torch.nn.modules.module._global_forward_hooks
    assert not torch.nn.modules.module._global_forward_pre_hooks


@pytest.mark.parametrize(
    "family",
    [pytest.param(f, marks=() if f.name in ("resnet", "squeezenet") else pytest.mark.slow)
     for f in FAMILIES if f.name not in ("vit", "maxvit", "swin", "swin_v2")],
    ids=lambda family: family.name,
)  # fmt: skip
def test_families_are_recorded_as_they_are_exported(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, window = family.as_built(), (3, family.window, family.window)
    found = _recorded(model, window)
    monkeypatch.setattr(capture_module, "_recorded", lambda *_: None)
    assert _operators(found) == _operators(capture(model, window))


def _operators(captured: Captured) -> Counter[str]:
    return Counter(f"{n.target} {n.meta.get('val')}" for n in captured.graph.nodes
                   if n.op == "call_function")  # fmt: skip


def _recorded(model: nn.Module, window: tuple[int, ...] = WINDOW) -> Captured:
    found = capture_module._recorded(model, example_windows(model, window, 2))
    assert found is not None
    return found


def _run(captured: Captured, x: Tensor) -> tuple[object, ...]:
    graph = fx.Graph()
    graph.output(graph.graph_copy(captured.graph, {}))
    found: tuple[object, ...] = module_of(graph, model=captured.model)(x)
    return found
