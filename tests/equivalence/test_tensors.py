import pytest
import torch
from safetensors.torch import save_file

from onebyone.equivalence.tensors import check_safetensors


def weights():
    state = {f"{i}.weight": torch.randn(8, 6) for i in range(3)}
    return {**state, "0.bias": torch.randn(8), "conv.weight": torch.randn(4, 8, 3, 3)}


def planted(name, change):
    state = weights()
    state["0.weight"] = torch.arange(48.0).reshape(8, 6)
    before = {**state}
    state[name] = change(state[name])
    return before, state


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("0.weight", lambda w: w.reshape(8, 6, 1, 1), None),
        ("0.weight", lambda w: w.T.contiguous().reshape(8, 6, 1, 1), "other numbers"),
        ("0.weight", lambda w: w.T.contiguous()[..., None], "becomes"),
        ("0.weight", lambda w: w.reshape(8, 6, 1, 1).half(), "is F32 and becomes F16"),
        ("0.weight", lambda w: w.reshape(4, 12, 1, 1), "becomes"),
        ("0.weight", lambda w: w + (w == 5), "other numbers"),
        ("0.weight", lambda w: w * -1.0, "other numbers"),
        ("0.bias", lambda w: w.flip(0), "other numbers"),
        ("conv.weight", lambda w: w.transpose(2, 3).contiguous(), "other numbers"),
    ],
)
def test_planted_faults_are_found(tmp_path, name, change, fault):
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for state, path in zip(planted(name, change), paths, strict=True):
        save_file(state, path)
    check = check_safetensors(*paths)
    assert check.passed is (fault is None)
    assert (fault or "equal") in check.detail


def test_lost_and_added_tensors_and_metadata(tmp_path):
    a, b = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save_file(weights(), a, metadata={"x": "1"})
    for state, metadata, fault in [
        ({"0.weight": torch.zeros(8, 6)}, {"x": "1"}, "is in one file only"),
        ({**weights(), "new": torch.zeros(1)}, {"x": "1"}, "new is in one file only"),
        (weights(), {"x": "2"}, "the metadata differ"),
        (weights(), None, "the metadata differ"),
    ]:
        save_file(state, b, metadata=metadata)
        check = check_safetensors(a, b)
        assert not check.passed
        assert fault in check.detail
