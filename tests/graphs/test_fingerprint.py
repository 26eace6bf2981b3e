"""Networks whose graphs may differ have different fingerprints, or none."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.torchvision_offline import FAMILIES
from onebyone.graphs.fingerprint import NoFingerprint, fingerprint


def helper(x: Tensor) -> Tensor:
    return x.relu()


SLOPE = 0.1


class Network(nn.Module):
    """A convolution, and attributes that decide what `forward` does."""

    label = "a"

    def __init__(self, channels: int = 4, **attributes: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3)
        vars(self).update(attributes)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(helper(self.conv(x)), SLOPE)


def changed(**methods: Any) -> type[nn.Module]:
    """The class again, as if its source had been edited."""
    namespace = {**vars(Network), **methods}
    namespace.pop("__dict__", None)
    namespace.pop("__weakref__", None)
    made = type("Network", (nn.Module,), namespace)
    made.__init__ = _initialise  # type: ignore[misc]  # `super` needs the old class
    return made


def _initialise(module: nn.Module) -> None:
    nn.Module.__init__(module)
    module.conv = nn.Conv2d(3, 4, 3)


def edited(self: nn.Module, x: Tensor) -> Tensor:
    return F.leaky_relu(helper(self.conv(x)), -SLOPE)


SOURCE = """
class Written(nn.Module):
    def forward(self, x):
        def inner(y):
            return y.relu() * 2
        return inner(x) + 1
"""


def written(old: str = "", new: str = "") -> nn.Module:
    """A network whose class was edited in one place."""
    namespace = {"nn": nn, "__name__": __name__}
    exec(SOURCE.replace(old, new), namespace)
    return namespace["Written"]()


@pytest.mark.parametrize("edit", [("+ 1", "+ 2"), ("+ 1", "- 1"), ("* 2", "* 3"), ("relu", "tanh")])
def test_an_edited_source(edit: tuple[str, str]) -> None:
    assert fingerprint(written()) == fingerprint(written())
    assert fingerprint(written(*edit)) != fingerprint(written())


def test_code_without_a_module_is_read_too() -> None:
    found = []
    for slope in (1, 2):
        namespace: dict[str, Any] = {}
        exec(f"def function(x): return x * {slope}", namespace)
        found.append(fingerprint(Network(a=namespace["function"])))
    assert found[0] != found[1]


def test_equal_structures_have_one() -> None:
    assert fingerprint(Network()) == fingerprint(changed()())
    assert fingerprint(Network()) == fingerprint(Network())
    assert fingerprint(Network(a=[1, (2.0, "x")])) == fingerprint(Network(a=[1, (2.0, "x")]))


@pytest.mark.parametrize(
    "other",
    [
        lambda: Network(5),
        lambda: Network(a=1),
        lambda: Network(a=1.0),
        lambda: Network(a=True),
        lambda: Network(a={"b": [1]}),
        lambda: Network(a={"b": (1,)}),
        lambda: Network(a=F.relu),
        lambda: Network(a=F.gelu),
        lambda: Network(a=helper),
        lambda: Network(a=nn.ReLU),
        lambda: Network(a=partial(nn.ReLU, inplace=True)),
        lambda: Network(a=partial(nn.ReLU, inplace=False)),
        lambda: Network().double(),
        lambda: Network().to(memory_format=torch.channels_last),
        lambda: Network().eval(),
        changed(label="b"),
        changed(forward=edited),
        lambda: nn.Sequential(Network()),
        lambda: nn.Sequential(Network(), Network()),
        lambda: nn.Sequential(*[Network()] * 2),
    ],
)
def test_a_difference_is_seen(other: Callable[[], nn.Module]) -> None:
    found = fingerprint(other())
    assert found == fingerprint(other())
    assert found != fingerprint(Network())


def test_all_of_these_differ_from_each_other() -> None:
    pairs = [
        (Network(a=1), Network(a=True)),
        (Network(a=[1]), Network(a=(1,))),
        (Network(a=F.relu), Network(a=F.gelu)),
        (Network(a=partial(nn.ReLU, True)), Network(a=partial(nn.ReLU, False))),
        (nn.Sequential(Network(), Network()), nn.Sequential(*[Network()] * 2)),
        (changed(label="c")(), changed(label="b")()),
        (nn.Conv2d(3, 4, 3, stride=1), nn.Conv2d(3, 4, 3, stride=2)),
    ]
    for a, b in pairs:
        assert fingerprint(a) != fingerprint(b)


def test_what_a_method_names_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(Network())
    monkeypatch.setitem(globals(), "SLOPE", 0.2)
    slope = fingerprint(Network())
    monkeypatch.setitem(globals(), "helper", lambda x: x.tanh())
    assert len({before, slope, fingerprint(Network())}) == 3


def test_a_forward_of_pytorch_s_that_was_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(Network())
    monkeypatch.setattr(nn.Conv2d, "forward", edited)
    assert fingerprint(Network()) != before


def test_state_outside_the_network_is_seen() -> None:
    before = fingerprint(Network())
    with torch.autocast("cpu", torch.bfloat16):
        assert fingerprint(Network()) != before


class Setting:
    """Something that is no plain data."""


class Sub(Tensor):
    """Another kind of tensor."""


@pytest.mark.parametrize(
    "attribute",
    [Setting(), torch.zeros(2), nn.ReLU().forward, [nn.ReLU()], iter([]), object()],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_followed_has_none(attribute: Any) -> None:
    with pytest.raises(NoFingerprint):
        fingerprint(Network(a=attribute))


def test_hooks_and_other_tensors_have_none() -> None:
    for register in ("register_forward_hook", "register_forward_pre_hook"):
        model = Network()
        getattr(model.conv, register)(lambda *_: None)
        with pytest.raises(NoFingerprint, match="hooks"):
            fingerprint(model)
    model = Network()
    model.register_buffer("other", torch.zeros(2).as_subclass(Sub))
    with pytest.raises(NoFingerprint, match="other is a Sub"):
        fingerprint(model)
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        with pytest.raises(NoFingerprint, match="all modules"):
            fingerprint(Network())
    finally:
        handle.remove()


def enclosing(value: Any) -> type[nn.Module]:
    class Enclosing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * value

    return Enclosing


def test_enclosed_values_are_followed() -> None:
    assert fingerprint(enclosing(1)()) != fingerprint(enclosing(2)())
    with pytest.raises(NoFingerprint):
        fingerprint(enclosing(Setting())())


def test_networks_at_hand_have_one() -> None:
    names = ("resnet", "googlenet", "efficientnet")
    networks = [family.as_built() for family in FAMILIES if family.name in names]
    assert len({fingerprint(network) for network in networks}) == len(networks)
