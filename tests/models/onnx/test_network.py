"""A network of an ONNX file is a module like any other: copies, types, gradients, backends."""

import copy
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

import onebyone as ob
from helpers.onnx_files import WINDOW, classifier, ran, saved, windows
from onebyone.models import load


@pytest.fixture
def path(tmp_path: Path) -> str:
    return saved(tmp_path, classifier())


def test_copies_pickles_and_states(path: str) -> None:
    network, x = load(path).network, windows(3)
    wanted = network(x)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(other(x), wanted)
    state = network.state_dict()
    assert list(state) == ["Conv0.weight", "Conv0.bias", "Gemm4.weight", "Gemm4.bias"]
    changed = copy.deepcopy(network)
    changed.load_state_dict({name: tensor * 0 for name, tensor in state.items()})
    assert not changed(x).any()
    assert torch.equal(network(x), wanted)
    stored = io.BytesIO()
    torch.save(state, stored)
    stored.seek(0)
    changed.load_state_dict(torch.load(stored, weights_only=True))
    assert torch.equal(changed(x), wanted)


def test_other_types(path: str) -> None:
    network, x = load(path).network, windows(3)
    double = copy.deepcopy(network).to(torch.float64)
    assert double(x.double()).dtype == torch.float64
    torch.testing.assert_close(double(x.double()).float(), network(x), rtol=1e-5, atol=1e-6)
    sliding = ob.slide(double, window=WINDOW, stride=2)
    assert sliding(torch.rand(3, 12, 12, dtype=torch.float64)).dtype == torch.float64


def test_gradients_go_through_to_weights_and_images(path: str) -> None:
    network = load(path).network
    sliding = ob.slide(network, window=WINDOW, stride=2)
    image = torch.rand(3, 12, 12, requires_grad=True)
    sliding(image).square().sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    slid = [p.grad.clone() for p in network.parameters()]
    network.zero_grad()
    crops = image.detach().unfold(1, 8, 2).unfold(2, 8, 2).flatten(1, 2).movedim(1, 0)
    network(crops).square().sum().backward()
    for ours, p in zip(slid, network.parameters(), strict=True):
        torch.testing.assert_close(ours, p.grad, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "backend", ["onnxruntime", pytest.param("inductor", marks=pytest.mark.slow)]
)
def test_backends(path: str, backend: str) -> None:
    image = torch.rand(3, 16, 20)
    with torch.no_grad():
        found = ob.slide(path, stride=2, backend=backend)(image)
        wanted = ob.slide(path, stride=2)(image)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_the_report_has_the_file_s_own_names(path: str) -> None:
    rows = {row.layer: row.operator for row in ob.slide(path, stride=2).report(16, 16).rows}
    assert (rows["Conv0"], rows["Gemm4"]) == ("conv2d", "linear")
    assert set(rows) <= {node.name for node in classifier().graph.node}


def test_rewriting_the_network(path: str) -> None:
    network, x = load(path).network, windows(3)
    rewritten = ob.rewrite(network, "convolution").model
    assert isinstance(rewritten, torch.nn.Module)
    assert not [part for part in rewritten.modules() if isinstance(part, torch.nn.Linear)]
    found = rewritten(x).detach()
    np.testing.assert_allclose(found, ran(path, {"x": x})[0], rtol=1e-4, atol=1e-5)
