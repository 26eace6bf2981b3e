import copy
import io
from functools import cache

import pytest
import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.utils import _pytree as pytree

import onebyone as ob
from helpers.tied import Tied
from onebyone.equivalence.programs import check_programs
from onebyone.rewriting.layouts import LAYOUTS

aten = torch.ops.aten
pytestmark = pytest.mark.filterwarnings(  # of PyTorch's own copies
    "ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning"
)


class Products(nn.Module):
    """Constants beside every operator that multiplies."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(2, 3, 4))
        self.v, self.u = nn.Parameter(torch.randn(3, 4)), nn.Parameter(torch.randn(4, 3))
        self.register_buffer("s", torch.randn(3, 3))

    def forward(self, x, y):
        return {"b": torch.bmm(x, self.w), "v": y @ self.v, "u": (y @ self.u.T, y @ self.s)}


class Left(nn.Module):
    """Constants on the left of maps and of matrices; one of them transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.v = nn.Parameter(torch.randn(3, 4)), nn.Parameter(torch.randn(3, 5))
        self.u = nn.Parameter(torch.randn(2, 5))

    def forward(self, x, y):
        y = self.v.T @ torch.relu(self.w @ y)
        return self.u @ y, self.w @ x


class Language(Tied):
    """The same with the tokens of all sentences in one batch."""

    def forward(self, x):
        return super().forward(x).view(-1, 11)


def convolutions():
    return nn.Sequential(
        nn.Conv2d(4, 4, 1, stride=2, groups=2), nn.ConvTranspose2d(4, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(2, 4, 1, groups=2), nn.Conv2d(4, 4, 3, padding=1),
        nn.Conv2d(4, 4, 1, padding="same"), nn.Flatten(),
    )  # fmt: skip


CASES = {
    "products": (Products, (torch.randn(2, 6, 3), torch.randn(7, 5, 3)), ({}, {0: Dim("n")})),
    "left": (Left, (torch.randn(4, 3), torch.randn(2, 7, 4, 3)), ({}, {0: Dim("n")})),
    "language": (Language, (torch.randint(11, (3, 5)),), ({0: Dim("n"), 1: Dim("s")},)),
    "convolutions": (convolutions, (torch.randn(3, 4, 6, 5),), ({0: Dim("n")},)),
}


@cache
def exported(case: str, decomposed: bool) -> ExportedProgram:
    torch.manual_seed(0)
    make, inputs, shapes = CASES[case]
    program = torch.export.export(make().eval(), inputs, dynamic_shapes=shapes)
    return program.run_decompositions() if decomposed else program


def other_inputs(inputs):
    """More of the batch, where it is dynamic: PyTorch takes another kernel from 16 on."""
    return (*inputs[:-1], torch.cat([inputs[-1]] * 12))


def close(a, b):
    for x, y in zip(pytree.tree_leaves(a), pytree.tree_leaves(b), strict=True):
        torch.testing.assert_close(x, y)
        assert x.stride() == y.stride()


@pytest.mark.parametrize(
    ("case", "layout", "decomposed"),
    [*(("language", layout, False) for layout in LAYOUTS), ("products", "conv1d", False),
     *(("left", layout, False) for layout in LAYOUTS), ("left", "BCHW", True),
     ("products", "BCS1", False), ("products", "BCHW", True), ("language", "BCHW", True),
     ("convolutions", "BCHW", False), ("convolutions", "BCHW", True)],
)  # fmt: skip
def test_programs(case, layout, decomposed):
    program = exported(case, decomposed)
    to = "linear" if case == "convolutions" else "convolution"
    found = ob.rewrite(program, to, layout=layout)
    new = found.model
    assert found.report.passed
    assert [check.name for check in found.report.checks] == ["structure", "integers", "numbers"]
    inputs = other_inputs(CASES[case][1])
    close(program.module()(*inputs), new.module()(*inputs))
    assert str(new.graph_signature) == str(program.graph_signature)
    gone = {aten.linear.default, aten.mm.default, aten.addmm.default, aten.bmm.default,
            aten.matmul.default}  # fmt: skip
    targets = [node.target for node in new.graph.nodes]
    assert to == "linear" or not gone & set(targets)
    assert len([t for t in targets if "conv" in str(t)]) == (1 if to == "linear" else 4)


@pytest.mark.parametrize("case", ["language", "convolutions"])
def test_files(case, tmp_path):
    program = exported(case, False)
    torch.export.save(program, tmp_path / "in.pt2")
    to = "linear" if case == "convolutions" else "convolution"
    found = ob.rewrite(tmp_path / "in.pt2", to, out=tmp_path / "out.pt2")
    assert found.report.passed
    assert len(found.report.checks) == 3
    again = torch.export.load(tmp_path / "out.pt2")
    inputs = other_inputs(CASES[case][1])
    close(program.module()(*inputs), again.module()(*inputs))
    core = again.run_decompositions()
    close(program.module()(*inputs), core.module()(*inputs))


def test_weights_are_stored_as_the_operator_reads_them():
    program = exported("language", False)
    new = ob.rewrite(program, "convolution").model
    shapes = {name: tuple(t.shape) for name, t in new.state_dict.items()}
    assert shapes["up.weight"] == shapes["gate.weight"] == (8, 6, 1, 1)
    assert shapes["down.weight"] == (6, 8, 1, 1)
    assert shapes["head.weight"] == shapes["embed.weight"] == (11, 6)
    assert new.state_dict["up.weight"] is new.state_dict["gate.weight"]
    for node in new.graph.nodes:
        if "conv2d" in str(node.target) and "head" not in str(node.meta["nn_module_stack"]):
            assert node.args[1].op == "placeholder"
            kept = new.state_dict[node.args[1].name.removeprefix("p_").replace("_", ".")]
            assert node.args[1].meta["val"].shape == kept.shape
    assert program.state_dict["up.weight"].shape == (8, 6)  # the source stays as it was


def test_rows_selection_and_reasons():
    program = exported("convolutions", False)
    report = ob.rewrite(program, "linear", skip="^5").report
    rows = {row.name: row.became or row.reason for row in report.rows}
    assert rows["1"] == "Linear 2×4"
    assert "its kernel is 3×3" in rows["4"]
    assert rows["5"] == "in skip"
    rows = {
        row.name: row for row in ob.rewrite(exported("language", False), "convolution").report.rows
    }
    assert list(rows) == ["up", "gate", "down", "head"]
    assert "its weight viewed" in rows["head"].became
    with pytest.raises(ob.InputError, match="where='tail' finds nothing"):
        ob.rewrite(program, "linear", where="tail")
    with pytest.raises(ob.InputError, match="inplace=True goes with a module"):
        ob.rewrite(program, "linear", inplace=True)
    with pytest.raises(ob.InputError, match=r"out=x\.pt2 goes with a file"):
        ob.rewrite(program, "linear", out="x.pt2")


class Odd(nn.Module):
    """Products that no 1×1 convolution takes over."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.b = nn.Parameter(torch.randn(3, 3)), nn.Parameter(torch.randn(5, 3))

    def forward(self, x):
        scaled = torch.addmm(self.b[0], x, self.w, beta=2)
        each = torch.addmm(self.b, x, self.w)
        left = torch.addmm(self.b[0], self.w, x.T[:, :3])
        free = x @ x.T
        computed = x @ (self.w * 2)
        return scaled, each, left, free, computed


def test_products_that_are_left():
    program = torch.export.export(Odd().eval(), (torch.randn(5, 3),))
    found = ob.rewrite(program, "convolution")
    assert [row.reason for row in found.report.rows] == [
        "it scales its product or its bias (alpha, beta)",
        "its bias is another one for each row",
        "its constant is on the left, and of no plain product",
    ]
    assert found.report.passed


def changed(program: ExportedProgram, name: str, change) -> ExportedProgram:
    """The program with another tensor under a name; its graph is a copy."""
    other = copy.copy(program)
    state = {n: change(t.detach()) if n == name else t for n, t in program.state_dict.items()}
    other._state_dict = state
    return other


def edited(program: ExportedProgram, edit) -> ExportedProgram:
    """The program with another graph."""
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    other = torch.export.load(file)
    edit({node.name: node for node in other.graph.nodes})
    return other


def swap(weight):
    weight = weight.clone()
    weight[[0, 1]] = weight[[1, 0]]
    return weight


def one(weight):
    weight = weight.clone()
    weight.view(-1)[3] += 1e-7
    return weight


FAULTS = {
    "one weight": ("down.weight", one),
    "two outputs exchanged": ("down.weight", swap),
    "inputs reversed": ("down.weight", lambda w: w.flip(1)),
    "negated": ("down.weight", lambda w: -w),
    "rows and columns": ("square.weight", lambda w: w.transpose(0, 1)),
    "zeros": ("down.weight", torch.zeros_like),
    "bias": ("square.bias", lambda b: b.flip(0)),
    "embedding": ("embed.weight", swap),
    "type": ("down.bias", lambda b: b.double()),
}


class WithSquare(Language):
    def __init__(self) -> None:
        super().__init__()
        self.square = nn.Linear(6, 6)

    def forward(self, x):
        x = self.square(self.embed(x))
        return self.head(self.down(self.up(x)))


@pytest.fixture(scope="module")
def pair():
    model = WithSquare().eval()
    program = torch.export.export(model, (torch.randint(11, (3, 5)),))
    return program, ob.rewrite(program, "convolution", layout="conv1d").model


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_in_weights(pair, fault):
    name, change = FAULTS[fault]
    program, new = pair
    assert check_programs(program, new, "structure")[0].passed
    names = [n for n, t in new.state_dict.items() if t is new.state_dict[name]]
    bad = new
    for each in names:
        bad = changed(bad, each, change)
    (check,) = check_programs(program, bad, "structure")
    assert not check.passed


def arguments_of(name, place, value):
    def edit(nodes):
        args = list(nodes[name].args)
        args[place] = nodes[value[1:]] if isinstance(value, str) else value
        nodes[name].args = tuple(args)

    return edit


def more_arguments(name, *more):
    def edit(nodes):
        nodes[name].args = (*nodes[name].args, *more)

    return edit


def another_operator(nodes):
    nodes["linear"].target = aten.relu.default


EDITS = {
    "bias lost": arguments_of("linear_1_conv1d", 2, None),
    "bias of another layer": arguments_of("linear_conv1d", 2, "=p_down_bias"),
    "another input": arguments_of("linear_1_permute", 0, "=embedding"),
    "permutation": arguments_of("linear_permute", 1, [1, 2, 0]),
    "permutation behind": arguments_of("linear_permute_1", 1, [0, 1, 2]),
    "stride": more_arguments("linear_conv1d", [2]),
    "padding": more_arguments("linear_conv1d", [1], [1]),
    "one operator more": another_operator,
}


@pytest.mark.parametrize("fault", EDITS)
def test_planted_faults_in_the_graph(pair, fault):
    program, new = pair
    checks = check_programs(program, edited(new, EDITS[fault]), "full")
    assert not all(check.passed for check in checks)


def test_an_untouched_copy_passes(pair):
    program, new = pair
    assert all(check.passed for check in check_programs(program, edited(new, lambda _: 0), "full"))
