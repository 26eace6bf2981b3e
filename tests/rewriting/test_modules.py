import copy
import io

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune
from transformers.pytorch_utils import Conv1D

import onebyone as ob
from helpers import torchvision_offline  # defines what transformers' models import as well
from helpers.tied import Tied
from onebyone.rewriting.forms import ConvolutionByLinear, LinearByConvolution, adapted
from onebyone.rewriting.layouts import LAYOUTS

SPACE = (5, 4, 3)


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("leading", [(), (3,), (2, 3), (2, 3, 4), (2, 1, 3, 2), (0, 3)])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("make", [lambda: nn.Linear(6, 8), lambda: Conv1D(8, 6)])
def test_linear_layers_of_any_rank(make, layout, leading):
    layer = make()
    found = ob.rewrite(layer, "convolution", layout=layout)
    x = torch.randn(*leading, 6)
    close(found.model(x), layer(x))
    assert found.report.passed
    assert [check.name for check in found.report.checks] == ["structure", "integers", "numbers"]


def test_it_is_a_convolution():
    """The captured graph has the weight itself beside the operator."""
    kinds = {"conv1d": "conv1d", "BCS1": "conv2d", "BC1S": "conv2d", "BCHW": "conv2d"}
    for layout, operator in kinds.items():
        model = ob.rewrite(nn.Linear(6, 8), "convolution", layout=layout).model
        x = torch.randn(2, 3, 4, 6)
        program = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("n")},))
        calls = [n for n in program.graph.nodes if n.op == "call_function"]
        (conv,) = [n for n in calls if operator in str(n.target)]
        assert conv.args[1].op == "placeholder"
        assert not [n for n in calls if "linear" in str(n.target)]
        close(program.module()(torch.cat([x, x])), model(torch.cat([x, x])))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [{}, {"stride": 2}, {"groups": 2}, {"groups": 6, "bias": False}, {"dilation": 3},
     {"padding": "same"}, {"stride": 3, "groups": 3}],
)  # fmt: skip
def test_convolutions(rank, options):
    layer = getattr(nn, f"Conv{rank}d")(6, 12, 1, **options)
    found = ob.rewrite(layer, "linear")
    assert isinstance(found.model, ConvolutionByLinear)
    for batch in ((), (2,)):
        x = torch.randn(*batch, 6, *SPACE[:rank])
        close(found.model(x), layer(x))
    assert found.report.passed
    graph = torch.export.export(found.model, (x,)).graph
    targets = [str(n.target) for n in graph.nodes]
    assert not [t for t in targets if "conv" in t]
    assert [t for t in targets if ("matmul" if options.get("groups") else "linear") in t]


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 3])
def test_transposed_convolutions(rank, groups):
    layer = getattr(nn, f"ConvTranspose{rank}d")(6, 9, 1, groups=groups)
    found = ob.rewrite(layer, "linear")
    x = torch.randn(2, 6, *SPACE[:rank])
    close(found.model(x), layer(x))
    assert found.report.rewritten
    assert found.report.passed


def test_gradients_are_equal():
    model = Tied()
    new = ob.rewrite(model, "convolution").model
    x = torch.randint(11, (2, 5))
    for each in (model, new):
        each(x).square().sum().backward()
    for name, tensor in model.named_parameters():
        grad = new.get_parameter(name).grad
        layer = new.get_submodule(name.rpartition(".")[0])
        if name.endswith("weight") and isinstance(layer, LinearByConvolution):
            grad = adapted(layer.relabelling.inverse, grad)
        torch.testing.assert_close(grad, tensor.grad, rtol=1e-4, atol=1e-5)


def test_training_goes_the_same_way():
    old = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 4, 1, groups=2, stride=2))
    new = ob.rewrite(old, "linear").model
    x, y = torch.randn(4, 3, 6, 6), torch.randn(4, 4, 3, 3)
    for model in (old, new):
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
        for _ in range(5):
            optimizer.zero_grad()
            (model(x) - y).square().mean().backward()
            optimizer.step()
    close(new(x), old(x))


def test_tied_parameters_stay_tied():
    model = Tied()
    found = ob.rewrite(model, "convolution")
    new = found.model
    assert new.head.weight is new.embed.weight
    assert new.gate.weight is new.up.weight
    assert new.up.weight.shape == (8, 6, 1, 1)
    assert new.head.weight.shape == (11, 6)
    x = torch.randint(11, (2, 5))
    close(new(x), model(x))
    assert found.report.bytes_before == found.report.bytes_after
    became = {row.name: row.became for row in found.report.rows}
    assert "its weight viewed" in became["head"]
    assert "viewed" not in became["up"]


def test_a_tie_to_a_layer_that_is_skipped():
    model = Tied()
    new = ob.rewrite(model, "convolution", skip="gate").model
    assert new.gate.weight is new.up.weight
    assert new.up.weight.shape == (8, 6)
    x = torch.randint(11, (2, 5))
    close(new(x), model(x))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_there_and_back_is_the_same_model(layout):
    model = Tied()
    there = ob.rewrite(model, "convolution", layout=layout)
    back = ob.rewrite(there.model, "linear")
    assert repr(back.model) == repr(model)
    assert len(back.report.rewritten) == 4
    for name, tensor in model.named_parameters():
        assert torch.equal(back.model.get_parameter(name), tensor)
        assert back.model.get_parameter(name).stride() == tensor.stride()
    assert [vars(m).keys() for m in back.model.modules()] == [
        vars(m).keys() for m in model.modules()
    ]
    x = torch.randint(11, (2, 5))
    assert torch.equal(back.model(x), model(x))


def test_convolutions_there_and_back():
    model = nn.Sequential(nn.Conv2d(6, 4, 1, stride=2, groups=2), nn.ConvTranspose2d(4, 6, 1))
    back = ob.rewrite(ob.rewrite(model, "linear").model, "convolution").model
    assert repr(back) == repr(model)
    x = torch.randn(1, 6, 5, 5)
    assert torch.equal(back(x), model(x))


def test_hooks_flags_and_notes_are_kept():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5)).double()
    model[0].weight.requires_grad_(False)
    model[0].weight.no_decay = True
    model[1].eval()
    model[1].note = "mine"
    seen = []
    model[1].register_forward_hook(lambda _m, _x, y: seen.append(y.shape))
    new = ob.rewrite(model, "convolution", inplace=True).model  # PyTorch's copies lose notes
    new(torch.randn(2, 3).double())
    assert seen == [(2, 5)]  # the check itself calls nobody's hooks
    assert new[0].weight.no_decay
    assert [p.requires_grad for p in new.parameters()] == [False, True, True, True]
    assert [m.training for m in new] == [True, False]
    assert new[1].note == "mine"
    assert {p.dtype for p in new.parameters()} == {torch.float64}


def test_the_source_stays_as_it_was():
    model = Tied()
    before, state = repr(model), copy.deepcopy(model.state_dict())
    new = ob.rewrite(model, "convolution").model
    with torch.no_grad():
        for parameter in new.parameters():
            parameter.zero_()
    assert repr(model) == before
    assert all(
        torch.equal(a, b) for a, b in zip(model.state_dict().values(), state.values(), strict=True)
    )


def test_in_place():
    model = Tied()
    x = torch.randint(11, (2, 5))
    expected = model(x)
    expected.sum().backward()
    grad = model.up.weight.grad
    found = ob.rewrite(model, "convolution", inplace=True)
    assert found.model is model
    assert found.report.passed
    assert torch.equal(model.up.weight.grad.flatten(), grad.flatten())
    close(model(x), expected)
    layer = nn.Linear(2, 2)
    assert ob.rewrite(layer, "convolution", inplace=True).model is layer


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_types(dtype):
    found = ob.rewrite(nn.Linear(40, 8).to(dtype), "convolution")
    assert found.report.passed
    assert found.model(torch.randn(2, 3, 40, dtype=dtype)).dtype is dtype


def test_meta_device():
    with torch.device("meta"):
        model = nn.Linear(50, 8)
    found = ob.rewrite(model, "convolution")
    assert found.report.passed
    assert found.model.weight.is_meta


class Scaled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.asked = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        x = nn.functional.linear(x.to(self.asked.weight.dtype), self.inner.weight)
        return self.asked(x)


def pruned():
    layer = nn.Linear(3, 3)
    prune.l1_unstructured(layer, "weight", amount=1)
    return layer


def patched():
    layer = nn.Linear(3, 3)
    layer.forward = lambda x: x
    return layer


class Wrapped(nn.Parameter):
    pass


def subclass():
    layer = nn.Linear(3, 3)
    layer.weight = Wrapped(layer.weight.data)
    return layer


@pytest.mark.parametrize(
    ("make", "to", "reason"),
    [
        (lambda: Scaled(3, 3), "convolution", "its forward is not that of Linear"),
        (patched, "convolution", "its forward is not that of Linear"),
        (lambda: parametrizations.weight_norm(nn.Linear(3, 3)), "convolution", "at each call"),
        (lambda: parametrizations.weight_norm(nn.Conv2d(3, 3, 1)), "linear", "at each call"),
        (pruned, "convolution", "at each call"),
        (lambda: nn.LazyLinear(3), "convolution", "lazily"),
        (subclass, "convolution", "its weight is a Wrapped"),
        (lambda: torch.ao.nn.quantized.Linear(3, 3), "convolution", "in its own way"),
        (lambda: nn.MultiheadAttention(4, 2), "convolution", "MultiheadAttention.forward reads"),
        (lambda: nn.TransformerEncoderLayer(4, 2, 8), "convolution", "forward reads its weight"),
        (lambda: nn.Conv2d(3, 3, 3), "linear", "its kernel is 3×3"),
        (lambda: nn.Conv2d(3, 3, (1, 3)), "linear", "its kernel is 1×3"),
        (lambda: nn.Conv2d(3, 3, 1, padding=1), "linear", "bias alone at the border"),
        (lambda: nn.ConvTranspose2d(3, 3, 1, stride=2), "linear", "between the others"),
        (lambda: nn.ConvTranspose2d(3, 3, 1, dilation=2, output_padding=1), "linear", "between"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature:UserWarning")
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_layers_that_are_left(make, to, reason):
    model = nn.Sequential(make())
    found = ob.rewrite(model, to, inplace=True)
    assert found.report.rows
    assert all(reason in row.reason and not row.became for row in found.report.rows)
    assert not found.report.rewritten


def test_a_rewritten_layer_that_was_pruned_since():
    model = ob.rewrite(nn.Sequential(nn.Linear(3, 3)), "convolution").model
    prune.l1_unstructured(model[0], "weight", amount=1)
    (row,) = ob.rewrite(model, "linear", inplace=True).report.rows
    assert "at each call" in row.reason


def test_a_weight_that_another_module_computes_with():
    report = ob.rewrite(Reader(), "convolution").report
    assert {row.name: row.reason for row in report.rows} == {
        "inner": "Reader.forward reads its weight itself",
        "asked": "",
    }


def test_where_and_skip():
    model = nn.ModuleDict({f"block{i}": nn.Sequential(nn.Linear(2, 2)) for i in range(4)})
    found = ob.rewrite(model, "convolution", where="block[12]", skip="2")
    assert [row.name for row in found.report.rewritten] == ["block1.0"]
    assert [row.reason for row in found.report.left] == ["not in where", "in skip", "not in where"]


def test_a_model_that_cannot_be_copied():
    layer = nn.Linear(3, 3)
    layer.note = (i for i in range(3))
    with pytest.raises(ob.InputError, match="inplace=True"):
        ob.rewrite(layer, "convolution")
    assert ob.rewrite(layer, "convolution", inplace=True).report.passed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"to": "conv"}, "to='conv' is unknown; use one of convolution, linear"),
        ({"to": "linear", "layout": "NHWC"}, "layout='NHWC' is unknown"),
        ({"to": "linear", "check": "some"}, "check='some' is unknown"),
        (
            {"to": "convolution", "where": "head"},
            "where='head' finds nothing; .* could be meant: 0, 2",
        ),
        ({"to": "linear", "where": "head"}, "there are no layers"),
        ({"to": "convolution", "where": "("}, r"where='\(' is no regular expression"),
        ({"to": "convolution", "out": "x.pt2"}, "out=x.pt2 goes with a file"),
    ],
)
def test_bad_arguments(arguments, message):
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    with pytest.raises(ob.InputError, match=message):
        ob.rewrite(model, **arguments)


@pytest.mark.filterwarnings("ignore::FutureWarning:copyreg")
def test_onnx_has_the_weight_itself():
    model = nn.Sequential(nn.Linear(300, 20), nn.ReLU(), nn.Linear(20, 5)).eval()
    new = ob.rewrite(model, "convolution", layout="BC1S").model
    x = torch.randn(2, 7, 300)
    program = torch.onnx.export(
        new, (x,), dynamo=True, verbose=False, dynamic_shapes=({0: torch.export.Dim("n")},)
    )
    operators = [node.op_type for node in program.model.graph]
    assert operators.count("Conv") == 2
    assert not {"MatMul", "Gemm"} & set(operators)
    for node in program.model.graph:
        if node.op_type == "Conv":
            assert node.inputs[1].name in program.model.graph.initializers
    file = io.BytesIO()
    program.save(file)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    x = torch.randn(5, 7, 300)
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    np.testing.assert_allclose(found, model(x).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_networks_that_people_have():
    """Language models of transformers, and what torchvision's own forward reads is left."""
    from transformers import GPT2Config, GPT2LMHeadModel, T5Config, T5ForConditionalGeneration

    words = torch.randint(90, (2, 7))
    gpt = GPT2Config(vocab_size=100, n_embd=24, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)
    t5 = T5Config(vocab_size=100, d_model=24, d_kv=6, num_layers=1, num_heads=4, d_ff=32)
    for model, inputs, count in [
        (GPT2LMHeadModel(gpt), {"input_ids": words}, 9),
        (T5ForConditionalGeneration(t5), {"input_ids": words, "decoder_input_ids": words}, 17),
    ]:
        found = ob.rewrite(model.eval(), "convolution", layout="conv1d")
        assert len(found.report.rewritten) == count
        assert found.report.passed
        with torch.no_grad():
            close(found.model(**inputs).logits, model(**inputs).logits)
    swin = torchvision_offline.models.swin_t(weights=None)
    report = ob.rewrite(swin, "convolution", check="off", inplace=True).report
    reasons = {row.reason for row in report.left}
    assert reasons == {"ShiftedWindowAttention.forward reads its weight itself"}
    with torch.no_grad():
        assert swin.eval()(torch.randn(1, 3, 32, 32)).shape == (1, 1000)
