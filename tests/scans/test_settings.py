"""What makes a scan the one that it is, and how it is compared."""

import json

import pytest
import torch
from torch import nn

import onebyone as ob
from helpers import scan_runs
from onebyone.errors import InputError
from onebyone.scans.settings import _digest_of_weights, machine, of_model, refuse_changed


@pytest.mark.parametrize(
    "options",
    [{}, {"scale": None}, {"scale": 1}, {"mean": 0.1, "std": 0.3}, {"padding": "image"}],
    ids=str,
)
def test_they_are_the_same_when_they_are_read_from_a_file(options):
    sliding = scan_runs.sliding_model(**options)
    for told in (of_model(sliding), machine(sliding)):
        assert json.loads(json.dumps(told)) == told
        assert told == (of_model if "weights" in told else machine)(sliding)


class Held(nn.Module):
    """A network that holds tensors."""

    def __init__(self, **tensors):
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)


def digest(module):
    return _digest_of_weights(module, nn.Module())


NUMBERS = torch.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    "other",
    [
        {"a": NUMBERS.reshape(3, 2), "b": torch.tensor(1)},
        {"a": NUMBERS.double(), "b": torch.tensor(1)},
        {"a": NUMBERS, "c": torch.tensor(1)},
        {"a": NUMBERS, "b": torch.tensor(2)},
        {"a": torch.where(NUMBERS == 0, -0.0, NUMBERS), "b": torch.tensor(1)},
        {"a": NUMBERS.view(torch.int32), "b": torch.tensor(1)},
        {"a": NUMBERS},
    ],
    ids=["shape", "type", "name", "number", "sign of zero", "type, same bytes", "one less"],
)
def test_weights_that_differ_have_other_digests(other):
    plain = digest(Held(a=NUMBERS, b=torch.tensor(1)))
    assert digest(Held(**other)) != plain


def test_equal_weights_have_one_digest_however_they_lie_in_memory():
    plain = digest(Held(a=NUMBERS, b=torch.tensor(1)))
    apart = torch.stack([NUMBERS, NUMBERS], -1)[..., 0]
    assert not apart.is_contiguous()
    assert digest(Held(b=torch.tensor(1), a=apart)) == plain


def test_weights_of_every_type_have_digests():
    types = [torch.bfloat16, torch.float16, torch.int64, torch.bool, torch.complex64, torch.uint8]
    digests = {digest(Held(a=torch.zeros(2, dtype=each))) for each in types}
    digests |= {digest(Held(a=torch.zeros(0))), digest(Held())}
    assert len(digests) == len(types) + 2


def test_statistics_of_batchnorm_are_weights():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(32, 2))
    before = of_model(ob.slide(net.eval(), (1, 6, 6), 2))["weights"]
    net[1].running_mean += 1
    assert of_model(ob.slide(net, (1, 6, 6), 2))["weights"] != before


class Scaled(nn.Module):
    """A network with tensors that its state does not hold."""

    def __init__(self, buffer, attribute):
        super().__init__()
        torch.manual_seed(0)
        self.line = nn.Linear(36, 2)
        self.register_buffer("buffer", torch.tensor([buffer, 1.0]), persistent=False)
        self.attribute = torch.tensor([attribute, 1.0])

    def forward(self, x):
        return self.line(x.flatten(1)) * self.buffer + self.attribute

    def get_extra_state(self):
        return {"no": "tensor"}

    def set_extra_state(self, state):
        pass


def test_tensors_that_are_not_saved_with_the_network_are_weights_too():
    seen = set()
    for numbers in ((1, 2), (1, 3), (4, 2)):
        sliding = ob.slide(Scaled(*map(float, numbers)).eval(), (1, 6, 6), 2)
        told = of_model(sliding)
        sliding(torch.zeros(1, 1, 20, 30))
        assert of_model(sliding) == told
        seen.add(told["weights"])
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("begun", "asked", "told"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, "another b: 2, now 3;"),
        ({"a": 1, "b": 2}, {"b": 3, "a": 2}, "another a: 1, now 2;"),
        ({"a": 1}, {"a": 1, "new_one": 2}, "another new one: None, now 2;"),
        ({"a": 1, "old": 2}, {"a": 1}, "another old: 2, now None;"),
        ({"a": "\x1b[2J\n", "b": 2}, {"b": 2}, "another a: ?[2J?, now None;"),
        ({"\x1b": 1}, {}, "another ?: 1, now None;"),
        ({"a": "x" * 40}, {"a": "y" * 41}, f"another a: {'x' * 40}, now {'y' * 16}…;"),
    ],
)
def test_the_first_that_differs_is_named(tmp_path, begun, asked, told):
    with pytest.raises(InputError) as caught:
        refuse_changed(tmp_path, begun, asked)
    assert str(caught.value) == (
        f"{tmp_path}: was begun with {told} go on with the same, or begin again with --overwrite"
    )


def test_the_same_in_another_order_is_not_refused(tmp_path):
    refuse_changed(tmp_path, {"a": [1, 2.5], "b": None}, {"b": None, "a": [1, 2.5]})
