"""Every argument that does not fit is refused by one line that names it.

Here types are checked when functions are called; people's programs do without, and so does this.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

import onebyone as ob

WINDOW = (2, 8, 8)

REFUSED = {
    "ob.slide(m, 32)": "window=32 must be (C, *space)",
    "ob.slide(m, (2, 8.0, 8))": "window=(2, 8.0, 8) must be",
    "ob.slide(m, '288')": "window='288' must be",
    "ob.slide(m, None)": "window=None must be",
    "ob.slide(m, W, 2.0)": "stride=2.0 must be a positive whole number",
    "ob.slide(m, W, '4')": "stride='4' must be",
    "ob.slide(m, W, (2, 2.5))": "stride=(2, 2.5) must be",
    "ob.slide(m, W, padding=['crop'])": "padding=['crop'] is unknown",
    "ob.slide(m, W, mean='a')": "mean='a' must be a number",
    "ob.slide(m, W, mean=math.nan)": "mean=nan must be finite",
    "ob.slide(m, W, std=[1, math.inf])": "std=[1, inf] must be finite",
    "ob.slide(m, W, scale='1/255')": "scale='1/255' must be a number",
    "ob.slide(m, W, memory='2GB')": "memory='2GB' must be 1 or more bytes, a whole number",
    "ob.slide(m, W, memory=2.5e9)": "memory=2500000000.0 must be",
    "ob.slide(m, W, verify=1.5)": "verify=1.5 must be 0 or more windows",
    "ob.slide(m, W, backend=3)": "backend=3 is unknown",
    "ob.slide(m, W, costs=(1, 2))": "costs=(1, 2) must be 0 or more operations, as Costs(1, 3)",
    "ob.slide(nn.ReLU, W)": "model=the class ReLU must be",
    "ob.slide('resnet18', W)": "model='resnet18': no such model; it may be nin-digits",
    "ob.convolutionalize(3, W)": "model=3 must be",
    "ob.convolutionalize(m, 8)": "window=8 must be",
    "s([1, 2])": "image=[1, 2] must be a tensor",
    "s(np.array([['a']]))": "image is an array of <U1",
    "s(x.to_sparse())": "image is float32, sparse_coo",
    "s(x + 1j)": "image is complex64",
    "s(x.to('meta'))": "image is on meta and the network on cpu",
    "s.grid(12.0, 10)": "size=(12.0, 10) must be 2 whole numbers",
    "s.report((12, 10))": "size=((12, 10)) must be",
    "s.choice('44')": "size=('44') must be",
    "s.deviation(x, 2.5)": "windows=2.5 must be 1 or more",
    "s.deviation(x[:0])": "image is an empty batch",
}

PROGRAM = """
import json, math, sys
import numpy as np, torch
from torch import nn
import onebyone as ob
m, W = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(108, 4)).eval(), (2, 8, 8)
s, x = ob.slide(m, W, 2), torch.rand(1, 2, 12, 10)
for call in json.load(sys.stdin):
    try:
        eval(call)
        print(json.dumps("nothing was raised"))
    except ob.InputError as error:
        print(json.dumps(str(error)))
    except Exception as error:
        print(json.dumps(repr(error)))
"""


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """What each call says."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps(list(REFUSED)),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(zip(REFUSED, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("call", REFUSED)
def test_refused(call: str, said: dict[str, str]) -> None:
    assert said[call].startswith(REFUSED[call])
    assert len(said[call].splitlines()) == 1


def test_numpy_images_and_empty_batches() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(108, 4)).eval()
    sliding, x = ob.slide(model, WINDOW, 2), torch.rand(1, 2, 12, 10)
    array, frozen = x.numpy().copy(), x.numpy().copy()
    frozen.flags.writeable = False
    with torch.no_grad():
        wanted = sliding(x)
        for same in (array, frozen, np.asfortranarray(array)):
            assert torch.equal(sliding(same), wanted)
        assert torch.equal(sliding(array[:, :, ::-1]), sliding(x.flip(2)))
        assert sliding(x[:0]).shape == (0, 4, 3, 2)
