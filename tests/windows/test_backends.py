"""Backends: within the contract of exactness, fresh weights, clear refusals, and the fastest."""

import sys
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

import onebyone as ob
from helpers.modules import Residual, settle
from helpers.oracle import assert_contract
from onebyone.errors import InputError
from onebyone.graphs.aten import aten
from onebyone.windows.backends import compilers
from onebyone.windows.backends.exporting import exported

COMPILED = ("inductor", "onnxruntime", "openvino")
RUNTIMES = ("onnxruntime", "openvino")


def signal() -> nn.Module:
    layers = [nn.Conv1d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten()]
    return settle(nn.Sequential(*layers, nn.Linear(16, 3)), 0)


def padded() -> nn.Module:
    block = Residual(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.SiLU()))
    layers = [nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), block]
    return settle(nn.Sequential(*layers, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 3)), 0)


def volume() -> nn.Module:
    layers = [nn.Conv3d(1, 4, 2, bias=False), nn.PReLU(4), nn.MaxPool3d(2), nn.Flatten()]
    return settle(nn.Sequential(*layers, nn.Linear(32, 3)), 0)


CASES = {
    "signal": (signal, (2, 8), 2, (25,)),
    "padded": (padded, (2, 12, 12), 3, (29, 26)),
    "volume": (volume, (1, 5, 5, 5), 1, (8, 7, 9)),
}


def check(name: str, **settings) -> ob.SlidingModel:
    """Hold one case to the contract, and again with the batch, the weights and mode changed."""
    build, window, stride, size = CASES[name]
    model = build()
    sliding = ob.slide(model, window, stride, **settings)
    x = torch.randn(1, window[0], *size)
    with torch.no_grad():
        assert_contract(sliding(x), model, x, window, stride)
        model[0].weight.mul_(1.5)
        assert_contract(sliding(x), model, x, window, stride)
    return sliding


@pytest.mark.parametrize("name", ["signal", "volume"])
@pytest.mark.parametrize("backend", RUNTIMES)
def test_runtimes_keep_the_contract(backend: str, name: str) -> None:
    check(name, backend=backend)


@pytest.mark.slow
def test_inductor_keeps_the_contract() -> None:
    check("signal", backend="inductor")


@pytest.mark.slow  # compiling the nine blocks takes a minute
@pytest.mark.parametrize("backend", COMPILED)
def test_every_backend_keeps_the_contract_with_padding_on_two_axes(backend: str) -> None:
    check("padded", backend=backend)


@pytest.mark.slow  # compiles once for each piece, batch and state
@pytest.mark.parametrize("backend", COMPILED)
def test_both_paddings_bands_and_batches(backend: str) -> None:
    _, window, stride, size = CASES["volume"]
    banded = check("volume", backend=backend, memory=20000)
    assert banded.plan(*size).pieces > 1
    with torch.inference_mode():
        x = torch.randn(3, window[0], *size)
        assert_contract(banded(x), banded.model, x, window, stride)
        build, window, _, size = CASES["signal"]
        model, x = build(), torch.randn(3, window[0], *size)
        whole = ob.slide(model, window, 3, padding="image", backend=backend)
        assert whole.plan(*size).pieces > 1
        wanted = ob.slide(model, window, 3, padding="image")(x)
        torch.testing.assert_close(whole(x), wanted, rtol=1e-4, atol=1e-5)


class Twice(nn.Module):
    """A score, a constant and a map."""

    def forward(self, x: Tensor) -> dict[str, object]:
        return {"score": x.mean((1, 2)), "kind": 7, "map": x * 2}


def test_structure_and_constants_come_through() -> None:
    x = torch.randn(2, 1, 9)
    with torch.no_grad():
        given = ob.slide(Twice().eval(), (1, 4), 1, backend="onnxruntime")(x)
        wanted = ob.slide(Twice().eval(), (1, 4), 1)(x)
    assert given["kind"] == 7
    for key in ("score", "map"):
        torch.testing.assert_close(given[key], wanted[key])


@pytest.mark.parametrize("backend", [*COMPILED, "auto"])
def test_gradients_are_refused(backend: str) -> None:
    sliding = ob.slide(signal(), (2, 8), 2, backend=backend)
    with pytest.raises(InputError, match=r"cannot give gradients.*no_grad"):
        sliding(torch.randn(1, 2, 25))


def test_a_sliding_model_on_a_backend_is_not_exported() -> None:
    sliding = ob.slide(signal(), (2, 8), 2, backend="openvino")
    with torch.no_grad(), pytest.raises(InputError, match="cannot be compiled or exported"):
        torch.export.export(sliding, (torch.randn(1, 2, 25),), strict=False)


@pytest.mark.parametrize("backend", RUNTIMES)
def test_double_precision_is_refused(backend: str) -> None:
    sliding = ob.slide(signal().double(), (2, 8), 2, backend=backend)
    with torch.no_grad(), pytest.raises(InputError, match=r"float32 networks.*float64 on cpu"):
        sliding(torch.randn(1, 2, 25))


@pytest.mark.parametrize(
    ("backend", "package", "extra"),
    [
        ("onnxruntime", "onnxruntime", "onnx"),
        ("onnxruntime", "onnxscript", "onnx"),
        ("openvino", "openvino", "openvino"),
    ],
)
def test_a_missing_extra_is_named(monkeypatch, backend: str, package: str, extra: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    sliding = ob.slide(signal(), (2, 8), 2, backend=backend)
    with torch.no_grad(), pytest.raises(InputError, match=rf"pip install 'onebyone\[{extra}\]'"):
        sliding(torch.randn(1, 2, 25))


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(InputError, match="backend='tensorrt' is unknown; use one of torch, induc"):
        ob.slide(signal(), (2, 8), 2, backend="tensorrt")


class Bessel(nn.Module):
    """An operator that runtimes do not have."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.special.bessel_j0(x).sum((1, 2))


@pytest.mark.parametrize("backend", RUNTIMES)
def test_an_operator_that_a_backend_lacks_is_named(backend: str) -> None:
    sliding = ob.slide(Bessel().eval(), (1, 4), 1, backend=backend)
    message = f'backend="{backend}" cannot take this network: .*bessel_j0.*; use backend="torch"'
    with torch.no_grad(), pytest.raises(InputError, match=message) as caught:
        sliding(torch.rand(1, 9))
    assert "\n" not in str(caught.value)


def slowed(seconds: float):
    """A backend that takes its time."""

    def compile_slowly(module: fx.GraphModule, x: Tensor):
        import time

        def run(x: Tensor) -> Sequence[Tensor]:
            time.sleep(seconds)
            return module(x)

        return run

    return compile_slowly


def missing(module: fx.GraphModule, x: Tensor):
    raise InputError("it is not installed")


def test_auto_keeps_the_fastest_and_says_which(monkeypatch) -> None:
    monkeypatch.setitem(compilers.COMPILERS, "torch", slowed(0.2))
    monkeypatch.setitem(compilers.COMPILERS, "inductor", slowed(0.001))
    monkeypatch.setitem(compilers.COMPILERS, "onnxruntime", slowed(0.1))
    monkeypatch.setitem(compilers.COMPILERS, "openvino", missing)
    size = CASES["volume"][3]
    sliding = check("volume", backend="auto", memory=20000)
    assert sliding.plan(*size).pieces > 1
    choice = sliding.choice(*size)
    assert choice.name == "inductor"
    assert min(choice.seconds, key=choice.seconds.get) == "inductor"
    assert set(choice.seconds) == {"torch", "inductor", "onnxruntime"}
    assert choice.refused == {"openvino": "it is not installed"}
    said = " ".join(str(sliding.report(*size)).split())
    assert "Backend: inductor, the fastest on the first piece (torch 2" in said
    assert "it is not installed" in said


def test_the_graph_is_compiled_once_until_weights_or_threads_change(monkeypatch) -> None:
    compiled = []

    def count(module: fx.GraphModule, x: Tensor):
        compiled.append(tuple(x.shape))
        return module

    monkeypatch.setitem(compilers.COMPILERS, "openvino", count)
    model = signal()
    sliding = ob.slide(model, (2, 8), 2, backend="openvino")
    small, large = torch.randn(1, 2, 25), torch.randn(3, 2, 25)
    with torch.no_grad():
        for x in (small, small, large, small):
            sliding(x)
        assert compiled == [(1, 2, 25), (3, 2, 25)]
        model[0].bias.add_(1)
        sliding(small)
        assert len(compiled) == 3
        model[0].weight = nn.Parameter(2 * model[0].weight)
        sliding(small)
        assert len(compiled) == 4
        monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
        sliding(small)
        assert len(compiled) == 5


of_copies = pytest.mark.filterwarnings(  # of PyTorch's own copies
    "ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning"
)


@of_copies
def test_runtimes_are_given_plain_convolutions() -> None:
    module = ob.slide(volume(), (1, 5, 5, 5), 1, verify=0).plan(8, 7, 9).module
    x = torch.randn(1, 1, 8, 7, 9)

    def read(graph: fx.Graph) -> set[tuple[int, int]]:
        """Batch and channels of what 3-D convolutions read."""
        nodes = graph.find_nodes(op="call_function", target=aten.conv3d.default)
        return {tuple(node.args[0].meta["val"].shape[:2]) for node in nodes}

    formed = read(torch.export.export(module, (x,), strict=False).graph)
    plain = read(exported(module, x, "onnxruntime", formed=(aten.conv2d.default,)).graph)
    assert (2, 2) in formed  # halves whose channels are what two taps see
    assert (1, 1) in plain
    assert {batch for batch, _ in plain} == {1}
    assert read(exported(module, x, "openvino", formed=(aten.conv3d.default,)).graph) == formed


@of_copies
def test_runtimes_are_given_edges_as_one_read() -> None:
    """A view of windows costs PyTorch nothing; runtimes would copy it, and again in its order."""
    module = ob.slide(padded(), (2, 12, 12), 2, verify=0).plan(20, 20).module
    x = torch.randn(1, 2, 20, 20)

    def used(program: ExportedProgram) -> set[Any]:
        return {node.target for node in program.graph.nodes}

    assert aten.unfold.default in used(torch.export.export(module, (x,), strict=False))
    plain = used(exported(module, x, "openvino"))
    assert aten.unfold.default not in plain
    assert aten.index_select.default in plain


@of_copies
def test_a_backend_keeps_the_forms_that_it_names() -> None:
    model = nn.Sequential(nn.Conv1d(2, 3, 3, padding=1), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten())
    module = ob.slide(model.eval(), (2, 8), 2, verify=0).plan(20).module
    x = torch.randn(1, 2, 20)
    targets = [
        {node.target for node in exported(module, x, "openvino", formed=formed).graph.nodes}
        for formed in ((), (aten.max_pool1d.default,))
    ]
    assert aten.max_pool1d.default in targets[0]
    assert aten.max_pool1d.default not in targets[1]
    assert aten.conv2d.default not in targets[0] | targets[1]
