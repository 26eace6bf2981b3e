"""A scan gives what the network gives for crops, and the same bytes whoever runs which tile."""

import copy
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import onebyone as ob
from helpers import scan_runs
from helpers.scan_runs import digests
from onebyone.scans import fitting, layout
from onebyone.scans.maps import DONE, MASKED
from onebyone.scans.sources.arrays import array_source
from onebyone.scans.tiling import Tiling

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def network_of(rank, window, padding):
    torch.manual_seed(rank)
    conv = CONVOLUTIONS[rank](2, 3, 3, padding=padding)
    size = 3 * (window if padding else window - 2) ** rank
    return nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(size, 2)).eval()


def starts_of(length, window, stride, edge):
    """The first pixels of windows along an axis, as the words for edges say."""
    starts = list(range(0, length - window + 1, stride))
    if edge != "drop" and (not starts or starts[-1] + window < length):
        starts.append(len(starts) * stride if edge == "pad" else length - window)
    return starts


def crops_of(net, pixels, window, axes, dtype):
    """The scores of every window, cut out one by one."""
    reach = [max(starts) + window - n for starts, n in zip(axes, pixels.shape[1:], strict=True)]
    padded = np.pad(pixels, [(0, 0), *((0, max(n, 0)) for n in reach)], mode="edge")
    crops = [
        padded[(slice(None), *(slice(s, s + window) for s in place))] for place in product(*axes)
    ]
    with torch.no_grad():
        found = copy.deepcopy(net).to(dtype)(torch.from_numpy(np.stack(crops)).to(dtype))
    return found.T.reshape(-1, *map(len, axes)).double().numpy()


@st.composite
def cases(draw):
    rank = draw(st.sampled_from([1, 2, 2, 3]))
    window, stride = draw(st.integers(4, 7)), draw(st.integers(1, 4))
    most = {1: 90, 2: 34, 3: 15}[rank]
    size = [draw(st.integers(window, most)) for _ in range(rank)]
    return rank, window, stride, size


@settings(max_examples=15)
@given(
    case=cases(),
    edge=st.sampled_from(["drop", "pad", "cover"]),
    padding=st.sampled_from([0, 1]),
    masked=st.sampled_from(["", "mask", "nodata"]),
    threads=st.integers(1, 3),
)
def test_it_gives_what_crops_give(tmp_path_factory, case, edge, padding, masked, threads):
    rank, window, stride, size = case
    net = network_of(rank, window, padding)
    sliding = ob.slide(net, (2, *(window,) * rank), stride)
    random = np.random.default_rng(sum(size))
    pixels = random.random((2, *size), np.float32)
    mask, source = None, array_source(pixels, {}, rank)
    cells = random.random(size) < 0.05
    if masked == "mask" and cells.any():
        mask = cells
    if masked == "nodata":
        pixels[:, ~cells] = source.nodata = 7.0
    axes = [starts_of(n, window, stride, edge) for n in size]
    path = tmp_path_factory.mktemp("scan") / "map.zarr"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "_PIXELS", 12**rank)
        patch.setattr(fitting, "_HALOS", 1)
        run = ob.scan(source, sliding, path, mask=mask, edge=edge, executor=threads)
    found = run.open()
    truth = crops_of(net, pixels, window, axes, torch.float64)
    error = np.abs(crops_of(net, pixels, window, axes, torch.float32) - truth).max()
    scores, state = found.scores[0][:], found.state[:]
    if mask is None and masked != "nodata":
        assert (state == DONE).all()
    else:
        padded = np.pad(cells, [(0, window + stride)] * rank, mode="edge")
        wanted = np.array([
            padded[tuple(slice(s, s + window) for s in place)].any() for place in product(*axes)
        ]).reshape(state.shape)  # fmt: skip
        inside = tuple(
            slice(sum(s + window <= n for s in starts))
            for starts, n in zip(axes, size, strict=True)
        )
        assert (state[inside] == np.where(wanted, DONE, MASKED)[inside]).all()
    done = np.broadcast_to(state == DONE, scores.shape)
    assert np.isnan(scores[~done]).all()
    far = np.abs(scores - truth)[done].max(initial=0)
    assert far <= 4 * error + 1e-6 * np.abs(truth).max()


def test_padding_of_the_image_is_that_of_sliding_over_the_whole(tmp_path, monkeypatch):
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 3, 3, padding=1),
        nn.Flatten(), nn.Linear(48, 2),
    ).eval()  # fmt: skip
    monkeypatch.setattr(fitting, "_PIXELS", 24**2)
    monkeypatch.setattr(fitting, "_HALOS", 1)
    for stride in (2, 4):
        sliding = ob.slide(net, (1, 8, 8), stride, padding="image")
        pixels = np.random.default_rng(0).random((1, 83, 100), np.float32)
        run = ob.scan(pixels, sliding, tmp_path / f"{stride}.zarr", executor=1)
        assert run.tiles > 9
        with torch.no_grad():
            whole = sliding(torch.from_numpy(pixels)).numpy()
        np.testing.assert_allclose(run.open().scores[0][:], whole, rtol=0, atol=1e-5)


def test_bytes_depend_on_neither_threads_nor_order_nor_interruptions(
    undisturbed, sliding, picture, tmp_path, monkeypatch
):
    for executor in (2, 3, None):
        run = ob.scan(picture, sliding, tmp_path / f"{executor}.zarr", executor=executor)
        assert digests(run.path) == undisturbed
    monkeypatch.setattr(Tiling, "ordered", lambda self, numbers: numbers[::-1])
    assert digests(ob.scan(picture, sliding, tmp_path / "back.zarr").path) == undisturbed

    def stop(progress):
        raise KeyboardInterrupt

    path = tmp_path / "often.zarr"
    for _ in range(6):
        with pytest.raises(KeyboardInterrupt):
            ob.scan(picture, sliding, path, resume=True, progress=stop)
    ob.scan(picture, sliding, path, resume=True)
    assert digests(path) == undisturbed


@pytest.mark.parametrize("values", ["scores", "probabilities"])
def test_coarser_levels_are_means(tiles, sliding, picture, tmp_path, values):
    from helpers.scan_maps import halved

    mask = np.zeros((150, 190), bool)
    mask[40:100, 30:120] = True
    run = ob.scan(picture, sliding, tmp_path / "map.zarr", values=values, mask=mask)
    levels = [level[:] for level in run.open().scores]
    assert [level.shape for level in levels] == [(3, 73, 93), (3, 37, 47), (3, 19, 24)]
    for finer, coarser in pairwise(levels):
        np.testing.assert_allclose(coarser, halved(finer), atol=1e-6)
    assert layout._COARSEST == 32
    assert scan_runs.STRIDE == 2
