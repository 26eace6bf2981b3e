"""Inputs of ONNX files beside the windows: each has one value for all."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import onebyone as ob
from helpers.onnx_files import BODY, arrays, classifier, ran, saved, windows
from helpers.onnx_pairs import model
from onebyone.models import load
from onebyone.models.pieces import InPieces

STATE = np.arange(2, 7, dtype=np.float32)


def joined(batch: int | str, state: str) -> onnx.ModelProto:
    """Joins a state to what it takes of a window, times a rate."""
    text = f"net (float[{batch},3,8,8] x, float[{state}] s, int64 sr) => (float[{batch},7] o) "
    body = BODY + "k = Concat<axis=1>(y, s) q = Cast<to=1>(sr) o = Mul(k, q)"
    return model(f"{text}{{{body}}}", arrays())


@pytest.mark.filterwarnings("ignore:.*as was asked")
@pytest.mark.parametrize("state", [2, 0.5, STATE[None], torch.from_numpy(STATE)[None]])
@pytest.mark.parametrize("batch", ["N", 1])
def test_values_are_repeated_for_every_window(
    tmp_path: Path, batch: int | str, state: object
) -> None:
    path = saved(tmp_path, joined(batch, f"{batch},5"))
    found = load(path, inputs={"s": state, "sr": 16})
    assert not isinstance(found.network, InPieces)
    x = windows(4)
    full = np.broadcast_to(np.asarray(state, np.float32), (1, 5))
    wanted = [ran(path, {"x": one[None], "s": full, "sr": np.int64(16)})[0] for one in x]
    np.testing.assert_allclose(found.network(x).detach(), np.concatenate(wanted), rtol=1e-4)
    image = torch.rand(3, 12, 16)
    sliding = ob.slide(path, stride=4, inputs={"s": state, "sr": 16})
    crops = ob.slide(path, stride=4, inputs={"s": state, "sr": 16}, crops=True)
    torch.testing.assert_close(sliding(image), crops(image), rtol=1e-4, atol=1e-4)


def test_what_is_shared_is_as_without_them(tmp_path: Path) -> None:
    path, plain = saved(tmp_path, joined("N", "N,5")), saved(tmp_path, classifier(), "plain.onnx")
    sliding = ob.slide(path, stride=1, inputs={"s": 1.0, "sr": 2}), ob.slide(plain, stride=1)
    (row,), (wanted,) = (
        [row for row in one.report(20, 20).rows if row.operator == "conv2d"] for one in sliding
    )
    assert (row.layer, row.positions, row.here) == ("Conv0", wanted.positions, wanted.here)
    assert row.here < row.crops


def test_a_batch_that_a_value_holds_by_itself(tmp_path: Path) -> None:
    path = saved(tmp_path, joined(2, "2,5"))
    rows = np.stack([STATE, STATE + 1])
    found = load(path, inputs={"s": rows, "sr": 1})
    assert isinstance(found.network, InPieces)
    x = windows(4)
    feeds = ({"x": x[k : k + 2], "s": rows, "sr": np.int64(1)} for k in (0, 2))
    wanted = np.concatenate([ran(path, one)[0] for one in feeds])
    np.testing.assert_allclose(found.network(x).detach(), wanted, rtol=1e-4)


def test_axes_of_the_batch_are_found_by_their_name(tmp_path: Path) -> None:
    text = "net (float[N,3,8,8] x, float[2,N,1] s) => (float[2,N,3] y) "
    body = "{ p = GlobalAveragePool(x) f = Flatten(p) y = Add(f, s) }"
    path = saved(tmp_path, model(text + body, {}))
    x = windows(5)
    found = load(path, inputs={"s": 0.25}).network(x)
    wanted = ran(path, {"x": x, "s": np.full((2, 5, 1), 0.25, np.float32)})[0]
    np.testing.assert_allclose(found, wanted.transpose(1, 0, 2), rtol=1e-5, atol=1e-6)


REFUSED = {
    "none": ({}, r"takes 3 inputs that have no value; its inputs are x \[N, 3, 8, 8\], s \[N, 5\], "
             r"sr \[\]; one is for windows: give each other a value, inputs="),
    "one": ({"sr": 1}, "takes 2 inputs that have no value"),
    "all": ({"sr": 1, "s": 1, "x": 1}, "takes 0 inputs that have no value; the one for windows"),
    "unknown": ({"sr": 1, "s": 1, "t": 1}, r"has no input 't'; its inputs are x \[N"),
    "sizes": ({"sr": 1, "s": STATE}, r"input s \[N, 5\] cannot be \[5\], with 1 for the batch"),
    "batch": ({"sr": 1, "s": np.ones((2, 5))}, r"input s \[N, 5\] cannot be \[2, 5\], with 1 for"),
    "text": ({"sr": "a", "s": 1}, "input 'sr' is given 'a'; give a number or an array"),
    "whole": ({"sr": 0.5, "s": 1}, "input 'sr' is of int64, which does not have the numbers"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_values_that_do_not_fit(tmp_path: Path, case: str) -> None:
    path = saved(tmp_path, joined("N", "N,5"))
    given, message = REFUSED[case]
    with pytest.raises(ob.InputError, match=rf"^\S*net.onnx: {message}") as caught:
        load(path, inputs=given)
    assert "\n" not in str(caught.value)


def test_open_sizes_need_an_array(tmp_path: Path) -> None:
    path = saved(tmp_path, joined("N", "N,L"))
    with pytest.raises(ob.InputError, match=r"input s \[N, L\] has open sizes: give it an array"):
        load(path, inputs={"sr": 1, "s": 0.0})
    assert load(path, inputs={"sr": 1, "s": STATE[None]}).network(windows(3)).shape == (3, 7)
