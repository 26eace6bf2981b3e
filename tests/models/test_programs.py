"""Exported programs in files: ordinary ones load as they are, and no file runs code."""

import contextlib
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export, save

import onebyone as ob
from helpers import hostile
from helpers.torchvision_offline import DISTINCT, Family
from onebyone.models import load_program, window

WINDOW = (2, 8, 8)
DYNAMIC = ({0: Dim("batch")},)
PROGRAM = "models/model.json"
JSON = (PROGRAM, "weights/model_weights_config.json", "constants/model_constants_config.json")


class Several(nn.Module):
    """Outputs in a structure, a constant, sizes computed from the batch, several results of one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.same = self.conv
        self.attend = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x: Tensor) -> dict[str, Any]:
        y = self.norm(self.conv(x)).relu_()
        signs = torch.tensor([[[1.0]], [[-1.0]], [[0.5]], [[2.0]]])
        halves = torch.split(y.view(2 * y.shape[0], -1), 72, dim=1)
        tokens = y.flatten(2).transpose(1, 2)
        found, _ = self.attend(tokens, tokens, tokens)
        mean = halves[0].mean(1).view(-1, 2)
        return {
            "maps": (y * signs, [nn.functional.pad(y, (1, 1, 0, 1), mode="reflect")]),
            "x": mean,
            "y": found,
        }


def _small() -> nn.Module:
    layers = (nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(True), nn.Flatten(), nn.Linear(108, 4))
    return nn.Sequential(*layers).eval()


def _saved(model: nn.Module, path: Path, shapes: Any = DYNAMIC) -> ExportedProgram:
    program = export(model, (torch.zeros(2, *WINDOW),), dynamic_shapes=shapes)
    save(program, path)
    return program


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("programs") / "small.pt2"
    _saved(_small(), path)
    return path


def _leaves(outputs: Any) -> list[Tensor]:
    leaves: list[Tensor] = torch.utils._pytree.tree_leaves(outputs)
    return leaves


@pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning")
@pytest.mark.parametrize("make", [_small, lambda: Several().eval()], ids=["small", "several"])
@pytest.mark.parametrize("kind", ["any batch", "one batch", "decomposed", "doubles"])
def test_what_torch_saved_is_loaded_as_it_was(
    make: Callable[[], nn.Module], kind: str, tmp_path: Path
) -> None:
    model = make().double() if kind == "doubles" else make()
    x = torch.randn(2, *WINDOW, dtype=torch.float64 if kind == "doubles" else None)
    program = export(model, (x,), dynamic_shapes=None if kind == "one batch" else DYNAMIC)
    if kind == "decomposed":
        program = program.run_decompositions()
    save(program, tmp_path / "net.pt2")
    found = load_program(tmp_path / "net.pt2")
    assert str(found.graph) == str(torch.export.load(tmp_path / "net.pt2").graph)
    assert found.graph_signature == program.graph_signature
    for a, b in zip(_leaves(found.module()(x)), _leaves(program.module()(x)), strict=True):
        assert torch.equal(a, b)
    assert window(found) == WINDOW
    for name, tensor in program.state_dict.items():
        assert torch.equal(found.state_dict[name], tensor)
        assert type(found.state_dict[name]) is type(tensor)
        assert found.state_dict[name].requires_grad == tensor.requires_grad
    save(found, tmp_path / "again.pt2")
    load_program(tmp_path / "again.pt2")


def test_tensors_that_share_memory_still_do(tmp_path: Path) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(2, 2, 1, 1))
            self.register_buffer("part", self.weight.detach()[1:, :1])

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.conv2d(x, self.weight) * self.part

    _saved(Tied().eval(), tmp_path / "tied.pt2")
    state = load_program(tmp_path / "tied.pt2").state_dict
    with torch.no_grad():
        state["weight"].fill_(3)
    assert state["part"].unique().tolist() == [3]


def test_the_layers_have_their_names(small: Path) -> None:
    nodes = load_program(small).graph.find_nodes(
        op="call_function", target=torch.ops.aten.conv2d.default
    )
    assert [path for path, _ in nodes[0].meta["nn_module_stack"].values()] == ["", "0"]


def test_a_window_of_any_size_is_none(tmp_path: Path) -> None:
    model = nn.Conv2d(2, 3, 3).eval()
    _saved(model, tmp_path / "any.pt2", ({0: Dim("batch"), 2: Dim("height", min=4)},))
    assert window(load_program(tmp_path / "any.pt2")) is None


@pytest.mark.slow
@pytest.mark.parametrize("family", DISTINCT, ids=lambda family: family.name)
def test_families(family: Family, tmp_path: Path) -> None:
    x = torch.zeros(1, 3, family.window, family.window)
    save(export(family.as_built(), (x,)), tmp_path / "net.pt2")
    assert window(load_program(tmp_path / "net.pt2")) == (3, family.window, family.window)


def _members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _write(members: dict[str, bytes], path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _with(small: Path, member: str, change: Callable[[Any], Any], path: Path) -> None:
    members = _members(small)
    (name,) = [name for name in members if name.endswith(member)]
    members[name] = json.dumps(change(json.loads(members[name]))).encode()
    _write(members, path)


def _guarded(code: str) -> Callable[[Any], Any]:
    return lambda program: {**program, "guards_code": [code]}


@pytest.mark.filterwarnings("ignore")
def test_what_guards_would_run_is_left_out(small: Path, tmp_path: Path) -> None:
    marker, evil = tmp_path / "marker", tmp_path / "evil.pt2"
    _with(small, PROGRAM, _guarded(hostile.payloads(marker)[0]), evil)
    ob.slide(load_program(evil), WINDOW, 2)(torch.zeros(1, 2, 10, 10))
    ob.rewrite(evil, "linear")
    assert not marker.exists()
    trusted = load_program(evil, trust=True).module()
    with pytest.raises(AssertionError, match="Guard failed"):
        trusted(torch.zeros(2, *WINDOW))  # the payload works
    assert marker.exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("member", JSON)
def test_no_string_runs_code(small: Path, tmp_path: Path, member: str) -> None:
    """Code in the place of each kind of string and key of a file."""
    marker, evil = tmp_path / "marker", tmp_path / "evil.pt2"
    members = _members(small)
    (name,) = [name for name in members if name.endswith(member)]
    tried = refused = 0
    held = json.loads(members[name])
    where = hostile.kinds_of_places(held)
    for data in hostile.with_code(held, hostile.payloads(marker), where):
        _write({**members, name: json.dumps(data).encode()}, evil)
        tried += 1
        try:
            load_program(evil).module()(torch.zeros(2, *WINDOW))
        except ob.InputError:
            refused += 1
        assert not marker.exists(), data
    assert refused > 0.5 * tried


def _renamed_input(data: Any) -> Any:
    text = json.dumps(data).replace('"input"', '"x=print()"')
    return json.loads(text)


def _metas(change: Callable[[Any], None]) -> Callable[[Any], Any]:
    def apply(data: Any) -> Any:
        change(data["graph_module"]["graph"])
        return data

    return apply


@pytest.mark.parametrize(
    ("member", "change", "said"),
    [
        (PROGRAM, _renamed_input, "'x=print()' cannot be the name of a value"),
        (
            PROGRAM,
            _metas(lambda graph: graph["nodes"][0].update(target="torch.ops.aten.from_file")),
            "graph_module: graph: nodes: 0: target: calls 'torch.ops.aten.from_file'",
        ),
        (
            PROGRAM,
            _metas(lambda graph: graph["tensor_values"]["linear"]["sizes"][1].update(as_int=5)),
            "linear is not of the shape or type that is noted",
        ),
        (
            PROGRAM,
            _metas(lambda graph: graph["tensor_values"]["p_0_bias"]["sizes"][0].update(as_int=5)),
            "p_0_bias is not of the shape or type that is noted",
        ),
        (
            PROGRAM,
            _metas(
                lambda graph: graph["nodes"][0]["inputs"][1]["arg"]["as_tensor"].update(
                    name="p_0_bias"
                )
            ),
            "conv2d cannot be computed",
        ),
        (
            JSON[1],
            lambda data: hostile.changed(
                data, ("config", "0.bias", "tensor_meta", "sizes", 0), {"as_int": 10**9}
            ),
            "data/weights/0.bias: has no room for [1000000000] numbers",
        ),
        (
            JSON[1],
            lambda data: hostile.changed(data, ("config", "0.bias", "path_name"), "../../x"),
            "is not of the form (weight|tensor)",
        ),
    ],
)
def test_what_is_refused_is_named(
    small: Path, tmp_path: Path, member: str, change: Callable[[Any], Any], said: str
) -> None:
    _with(small, member, change, tmp_path / "odd.pt2")
    with pytest.raises(ob.InputError) as caught:
        load_program(tmp_path / "odd.pt2")
    assert said in str(caught.value)
    assert "trust=True, or --trust" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_makes_an_archive_large_is_refused(small: Path, tmp_path: Path) -> None:
    members, path = _members(small), tmp_path / "large.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ob.InputError, match="compressed"):
        load_program(path)
    with pytest.warns(UserWarning, match="Duplicate"):
        _write_twice(members, path)
    with pytest.raises(ob.InputError, match="twice"):
        load_program(path)


def _write_twice(members: dict[str, bytes], path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in [*members.items(), *members.items()]:
            archive.writestr(name, content)


def test_other_ways_in_use_the_same_gate(small: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd.pt2"
    _with(small, PROGRAM, _renamed_input, odd)
    with pytest.raises(ob.InputError, match="cannot be the name"):
        ob.rewrite(odd, "linear")
    with pytest.raises(ob.InputError, match="cannot be the name"):
        ob.rewrite(odd, "linear", out=tmp_path / "out.pt2")


def _opened(path: Path) -> ExportedProgram | None:
    """What a file holds; None where it was refused in one line."""
    try:
        return load_program(path)
    except ob.InputError as error:
        return None if "\n" not in str(error) else pytest.fail(str(error))


def _slid(program: ExportedProgram) -> None:
    with contextlib.suppress(ob.InputError):
        ob.slide(program, WINDOW, 2)(torch.zeros(1, 2, 10, 10))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_fuzz_of_the_description(small: Path, tmp_path: Path) -> None:
    """Whatever is loaded slides, or raises InputError."""
    draw, path, members = random.Random(0), tmp_path / "fuzz.pt2", _members(small)
    loaded = 0
    for _ in range(150):
        name = draw.choice([n for n in members if n.endswith(JSON[:2])])
        data = hostile.mutated(json.loads(members[name]), draw)
        _write({**members, name: json.dumps(data).encode()}, path)
        program = _opened(path)
        if program is not None:
            loaded += 1
            if loaded % 4 == 0:
                _slid(program)
    assert loaded > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_fuzz_of_the_bytes(small: Path, tmp_path: Path) -> None:
    draw, path, content = random.Random(0), tmp_path / "fuzz.pt2", small.read_bytes()
    for _ in range(400):
        path.write_bytes(hostile.damaged(content, draw))
        _opened(path)
