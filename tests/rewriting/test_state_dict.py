import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers.pytorch_utils import Conv1D

import onebyone as ob


def network() -> nn.Module:
    return nn.Sequential(
        nn.Linear(6, 8), Conv1D(4, 8), nn.Unflatten(1, (4, 1, 1)),
        nn.Conv2d(4, 6, 1, groups=2), nn.ConvTranspose2d(6, 2, 1, groups=2),
    )  # fmt: skip


def both(model):
    new = ob.rewrite(model, "convolution").model
    return ob.rewrite(new, "linear", where="[34]").model


def test_the_state_dict_is_that_of_the_old_model():
    model = network()
    old, new = model.state_dict(), both(model).state_dict()
    assert list(old) == list(new)
    for name, tensor in old.items():
        assert torch.equal(tensor, new[name])
        assert new[name].is_contiguous()


def test_checkpoints_go_both_ways(tmp_path):
    model, x = network(), torch.randn(3, 6)
    new = both(model)
    other = network()
    expected = other(x)
    save_file(other.state_dict(), tmp_path / "old.safetensors")
    assert not any(new.load_state_dict(load_file(tmp_path / "old.safetensors")))
    torch.testing.assert_close(new(x), expected)
    save_file(new.state_dict(), tmp_path / "new.safetensors")
    model.load_state_dict(load_file(tmp_path / "new.safetensors"))
    assert torch.equal(model(x), expected)
    assert (tmp_path / "old.safetensors").read_bytes() == (
        tmp_path / "new.safetensors"
    ).read_bytes()


def test_parameters_are_copied_into(tmp_path):
    """The parameters themselves stay, so that an optimizer's references hold."""
    new = both(network())
    before = list(new.parameters())
    new.load_state_dict(network().state_dict())
    assert all(a is b for a, b in zip(before, new.parameters(), strict=True))


def test_the_caller_keeps_his_dict():
    new, state = both(network()), network().state_dict()
    shapes = {name: tensor.shape for name, tensor in state.items()}
    new.load_state_dict(state)
    assert {name: tensor.shape for name, tensor in state.items()} == shapes


def test_converted_weights_load_as_well():
    model = nn.Linear(6, 8)
    new = ob.rewrite(model, "convolution").model
    other = nn.Conv2d(6, 8, 1)
    new.load_state_dict(other.state_dict())
    x = torch.randn(2, 6)
    torch.testing.assert_close(new(x), other(x[..., None, None])[..., 0, 0])


def test_state_of_a_weight_that_is_viewed():
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Embedding(5, 3), nn.Linear(3, 5)
            self.head.weight = self.embed.weight

    model, other = Tied(), Tied()
    new = ob.rewrite(model, "convolution").model
    new.load_state_dict(other.state_dict())
    assert new.head.weight is new.embed.weight
    assert torch.equal(new.embed.weight, other.embed.weight)
    assert new.state_dict()["head.weight"].shape == (5, 3)


def test_assigned_weights():
    new, other = both(network()), network()
    new.load_state_dict(other.state_dict(), assign=True)
    x = torch.randn(3, 6)
    torch.testing.assert_close(new(x), other(x))


def test_a_checkpoint_of_another_network():
    new = ob.rewrite(nn.Linear(6, 8), "convolution").model
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        new.load_state_dict(nn.Linear(7, 8).state_dict())
    with pytest.raises(RuntimeError, match="Missing key"):
        new.load_state_dict({"bias": torch.zeros(8)})


def test_prefixes_and_pickles():
    model = nn.ModuleDict({"a": nn.Sequential(nn.Linear(2, 3))})
    new = pickle.loads(pickle.dumps(ob.rewrite(model, "convolution").model))
    assert {k: tuple(v.shape) for k, v in new.state_dict().items()} == {
        "a.0.weight": (3, 2), "a.0.bias": (3,)
    }  # fmt: skip
    assert new["a"][0].state_dict(keep_vars=True)["weight"].requires_grad
