"""The one call: files of every kind, programs, layers, and what it refuses."""

import copy

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import onebyone as ob
from helpers.onnx_pairs import floats, model, shape

W = floats(np.random.default_rng(0), 4, 3)
HEAD = "m (float[N,4] x) => (float[N,3] o) { "


class Net(nn.Module):
    def __init__(self, last: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(4, 3), last())

    def forward(self, x):
        return self.layers(x)


def exported(network: nn.Module, x: torch.Tensor | None = None) -> torch.export.ExportedProgram:
    return torch.export.export(network.eval(), (torch.zeros(2, 4) if x is None else x,))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Files of each kind: one, the same written otherwise, and another."""
    monkeypatch.chdir(tmp_path)
    onnx.save(model(HEAD + "o = MatMul(x, w) }", {"w": W}), "a.onnx")
    convolution = HEAD + "u = Unsqueeze(x, two) v = Conv(u, k) o = Squeeze(v, two) }"
    onnx.save(model(convolution, {"k": W.T[..., None].copy(), "two": shape(2)}), "b.onnx")
    onnx.save(model(HEAD + "o = MatMul(x, w) }", {"w": W + 1}), "c.onnx")
    program = exported(Net())
    torch.export.save(program, "a.pt2")
    torch.export.save(ob.rewrite(program, "convolution").model, "b.pt2")
    torch.export.save(exported(Net(nn.Tanh)), "c.pt2")
    weight = torch.from_numpy(W)
    for name, held in (("a", weight), ("b", weight[..., None, None]), ("c", weight + 1)):
        save_file({"weight": held}, f"{name}.safetensors")
    return tmp_path


RUNGS = ["structure", "integers", "numbers"]
KINDS = {".onnx": RUNGS, ".pt2": RUNGS, ".safetensors": RUNGS[:1]}


@pytest.mark.parametrize("kind", KINDS)
def test_equal_files(folder, kind):
    found = ob.equal(f"a{kind}", folder / f"b{kind}")
    assert found
    assert found.equal is True
    assert [check.name for check in found.checks] == KINDS[kind]
    assert found.reason.startswith("equal")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_and_itself(folder, kind):
    found = ob.equal(f"a{kind}", f"a{kind}")
    assert found
    known = {
        ".onnx": "equal for every input (the same nodes and constants; nothing needs to be "
        "understood or run)",
        ".pt2": "equal for every input (the same operators and constants); no part differs; equal "
        "up to rounding on 1 input",
        ".safetensors": "equal: 1 tensors are equal bit for bit",
    }
    assert found.reason == known[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_other_files(folder, kind):
    found = ob.equal(f"a{kind}", f"c{kind}")
    assert not found
    assert found.reason.startswith("not equal")
    assert not found.checks[0].passed


def test_the_sentences(folder):
    equal = ob.equal("a.onnx", "b.onnx")
    inputs = equal.checks[2].inputs
    assert equal.reason == (
        "equal for every input (in real arithmetic); 1 of 1 parts that differ are equal on "
        f"integers; equal up to rounding on {inputs} inputs"
    )
    assert inputs > 3
    assert ob.equal("a.onnx", "b.onnx", level="structure").reason == (
        "equal for every input (in real arithmetic)"
    )
    other = ob.equal("a.onnx", "c.onnx")
    assert other.reason.startswith("not equal: output o: element 0 of 12 is ")
    assert "; largest difference " in other.reason
    assert str(other).splitlines()[1].startswith("structure: NOT EQUAL; output o: element 0 of 12")
    assert ob.equal("a.onnx", "c.onnx", level="structure").reason.startswith(
        "not equal in structure: output o: element 0 of 12"
    )
    assert ob.equal("a.safetensors", "c.safetensors").reason == (
        "not equal in structure: weight holds other numbers"
    )


def test_another_order_of_the_sums_is_not_known_for_every_input(folder):
    onnx.save(model(HEAD + "o = MatMul(x, w) }", {"w": W * 3}), "product.onnx")
    onnx.save(model(HEAD + "a = MatMul(x, w) b = Add(a, a) o = Add(b, a) }", {"w": W}), "sum.onnx")
    found = ob.equal("product.onnx", "sum.onnx")
    assert not found
    assert found.reason.startswith("not known to be equal for every input: output o: expected sum")
    assert found.reason.endswith(f"equal up to rounding on {found.checks[2].inputs} inputs")


def test_outputs_of_other_names_are_not_no_part_that_differs(folder):
    named = model("m (float[N,4] x) => (float[N,3] p) { p = MatMul(x, w) }", {"w": W})
    onnx.save(named, "named.onnx")
    found = ob.equal("a.onnx", "named.onnx")
    assert found.reason == "not equal: outputs ['o'] before, ['p'] after"
    assert not any(check.passed for check in found.checks)


def test_what_cannot_be_told_says_so_and_what_is_known_all_the_same(folder):
    branches = "o = If (c) <then_branch = g () => (float[N,4] a) {{ a = Relu({0}) }}, "
    branches += "else_branch = k () => (float[N,4] b) {{ b = Neg(x) }}> }}"
    head = "m (float[N,4] x, bool c) => (float[N,4] o, float[N,4] p) { p = Relu(x) y = Abs(x) "
    onnx.save(model(head + branches.format("y"), {}), "a.onnx")
    head = head.replace("p = Relu(x) y", "i = Relu(x) p = Identity(i) v")
    onnx.save(model(head + branches.format("v"), {}), "b.onnx")
    found = ob.equal("a.onnx", "b.onnx")
    assert not found
    assert found.reason.startswith("undecided by integers: in the then_branch")
    assert "; but equal for every input (in real arithmetic); equal up to" in found.reason


def test_programs(folder):
    program = exported(Net())
    assert ob.equal(program, ob.rewrite(program, "convolution").model)
    assert ob.equal(program, "a.pt2")
    assert not ob.equal("c.pt2", program, level="structure")


@pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning")
def test_names_of_values_do_not_matter(folder):
    """A linear layer and the product that PyTorch makes of it."""
    network = nn.Sequential(Net(), nn.Linear(3, 3), nn.Sigmoid())
    program = exported(network)
    written = program.run_decompositions()
    names = [{node.name for node in each.graph.nodes} for each in (program, written)]
    assert not names[0] >= names[1]
    assert ob.equal(program, written)
    other = copy.deepcopy(network)
    other[1].weight.data[1, 2] += 1
    assert "another matrix" in ob.equal(program, exported(other).run_decompositions()).reason


class Outputs(nn.Module):
    def __init__(self, pick) -> None:
        super().__init__()
        self.pick = pick

    def forward(self, x):
        return self.pick(torch.relu(x), torch.tanh(x))


def test_outputs_are_compared_in_order():
    first, *others = (
        exported(Outputs(pick))
        for pick in (
            lambda y, z: (y, z, y), lambda y, z: (y, z, z), lambda y, z: (z, y, y),
            lambda y, z: (y, z), lambda y, z: (y, z, None), lambda y, z: (y, z, y, 1),
        )
    )  # fmt: skip
    assert ob.equal(first, first)
    for other in others:
        assert not ob.equal(first, other)
        assert not ob.equal(other, first)


def test_programs_for_other_inputs_are_others():
    one = exported(nn.ReLU())
    other = exported(nn.ReLU(), torch.zeros(2, 4, dtype=torch.float64))
    assert ob.equal(one, exported(nn.ReLU()))
    assert "input input is torch.float32 [2, 4] before" in ob.equal(one, other).reason


def test_kernels_that_slide_are_not_read_as_matrices():
    """Of weights of another convolution, the corner alone would say nothing."""
    x, torch_conv = torch.zeros(1, 2, 6, 6), nn.Conv2d(2, 2, 3, padding=1)
    first = exported(torch_conv, x)
    same = exported(nn.Conv2d(2, 2, 3, padding="same"), x)
    weight = torch_conv.weight.detach().clone()
    weight[0, 0, 1, 1] += 1
    same.state_dict["weight"] = nn.Parameter(weight)
    same.state_dict["bias"] = torch_conv.bias
    found = ob.equal(first, same, level="structure")
    assert not found
    assert not found.checks[0].decided


class Branches(nn.Module):
    def __init__(self, other) -> None:
        super().__init__()
        self.other = other

    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: x + 1, self.other, (x,))


def test_graphs_within_programs_are_compared():
    def plus_two(x):
        return x + 2

    def twice(x):
        return x * 2

    first, same, other = (exported(Branches(each)) for each in (plus_two, plus_two, twice))
    assert ob.equal(first, same)
    assert not ob.equal(first, other)


def test_layers_stay_what_they_were():
    conv = nn.Conv2d(2, 1, 1)
    verdict = ob.equal(conv, ob.convert(conv, "dense", (2, 2, 2)), (2, 2, 2))
    assert isinstance(verdict, ob.Verdict)
    assert verdict.reason == "equal for every input (S2: M = W ⊗ I over 4 positions)"


@pytest.mark.parametrize(
    ("a", "b", "options", "message"),
    [
        ("a.onnx", nn.ReLU(), {}, "a=a.onnx, b=ReLU: give two layers, or two files"),
        (nn.ReLU(), 3, {"input": (1,)}, "a=ReLU, b=int: give two layers"),
        (3, "a.onnx", {}, "3: give a layer, a file or an exported program"),
        ("a.onnx", "a.pt2", {}, "a.onnx and a.pt2 are files of different kinds"),
        ("a.onnx", "none.onnx", {}, "none.onnx: no such file"),
        ("a.onnx", "a.txt", {}, "a.txt: give one of .onnx, .pt2, .safetensors"),
        ("a.onnx", "folder.onnx", {}, "folder.onnx: no such file"),
        ("a.onnx", "broken.onnx", {}, "broken.onnx: is not an ONNX file"),
        ("broken.pt2", "a.pt2", {}, "broken.pt2: not a readable .pt2 archive"),
        ("a.safetensors", "broken.safetensors", {}, "broken.safetensors: cannot be read"),
        ("a.onnx", "b.onnx", {"level": "off"}, "level='off' is unknown; use one of full, struct"),
        ("a.onnx", "b.onnx", {"input": (4,)}, "input, output and tol go with layers"),
        (nn.ReLU(), nn.ReLU(), {"input": (1,), "trust": True}, "level and trust go with files"),
        (nn.Linear(2, 2), nn.Linear(2, 2), {}, "input=None: give the layers' input grid"),
    ],
)
def test_what_is_refused(folder, a, b, options, message):
    (folder / "folder.onnx").mkdir()
    for kind in KINDS:
        (folder / f"broken{kind}").write_bytes(b"nonsense")
    with pytest.raises(ob.InputError) as caught:
        ob.equal(a, b, **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
