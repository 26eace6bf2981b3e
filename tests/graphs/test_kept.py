"""Captured networks on disk: the same graph again, and no harm from what lies there."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim, export

import onebyone as ob
from helpers.graphs import structure
from helpers.torchvision_offline import DISTINCT, Family
from onebyone.graphs import kept
from onebyone.graphs.capture import Captured, NotCaptured, capture
from onebyone.graphs.kept import captured

WINDOW = (3, 8, 8)


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(True), nn.Flatten()).eval()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for each test."""
    monkeypatch.setenv(kept.VARIABLE, str(tmp_path))
    return tmp_path / "captured"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The networks that were captured, not read."""
    made: list[Any] = []

    def spy(model: nn.Module, window: tuple[int, ...]) -> Captured:
        made.append(model)
        return capture(model, window)

    monkeypatch.setattr(kept, "capture", spy)
    return made


def assert_kept(model: nn.Module, window: tuple[int, ...], calls: list[Any]) -> None:
    first = structure(captured(model, window))
    again = captured(model, window)
    assert len(calls) == 1
    assert structure(again) == first
    assert again.model is model


FOR_EVERY_RUN = ("googlenet", "resnet")


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, marks=() if family.name in FOR_EVERY_RUN else pytest.mark.slow)
        for family in DISTINCT
    ],
    ids=lambda family: family.name,
)
def test_families(family: Family, calls: list[Any]) -> None:
    assert_kept(family.as_built(), (3, family.window, family.window), calls)


class Several(nn.Module):
    """Outputs in a structure, a constant, a size, and infinity as an argument."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> dict[str, Any]:
        y = self.conv(x)
        signs = torch.tensor([[[1.0]], [[-1.0]], [[0.5]], [[float("nan")]]])
        kept = y.masked_fill(y < 0, float("-inf"))
        return {"maps": (y * signs, [kept]), "mean": y.view(2 * y.shape[0], -1).mean(1).view(-1, 2)}


def test_structure_constants_and_sizes(calls: list[Any]) -> None:
    assert_kept(Several().eval(), WINDOW, calls)


def test_another_window_or_hyperparameter_is_captured_for_itself(calls: list[Any]) -> None:
    model = network()
    captured(model, WINDOW)
    assert captured(model, (3, 10, 10)).results[0].meta["val"].shape[1:] == (400,)
    model[0].padding = (0, 0)
    assert captured(model, WINDOW).results[0].meta["val"].shape[1:] == (144,)
    assert len(calls) == 3


def test_weights_are_the_live_network_s(calls: list[Any], cache: Path) -> None:
    ob.slide(network(), WINDOW, 2)
    model = network()
    image = torch.randn(1, 3, 12, 12)
    sliding = ob.slide(model, WINDOW, 2)
    assert len(calls) == 1
    with torch.no_grad():
        torch.testing.assert_close(sliding(image)[..., 1, 2], model(image[:, :, 2:10, 4:12]))
    (file,) = cache.iterdir()
    assert "numbers" not in file.read_text()


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04\x95", b"0\n{}", None], ids=["empty", "binary", "foreign", "changed"]
)
def test_a_damaged_file_is_named_and_replaced(
    content: bytes | None, calls: list[Any], cache: Path
) -> None:
    model = network()
    expected = structure(captured(model, WINDOW))
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"relu", b"gelu") if content is None else content)
    with pytest.warns(UserWarning, match=file.name) as caught:
        assert structure(captured(model, WINDOW)) == expected
    assert len(caught) == 1
    assert file.read_bytes() == whole
    assert structure(captured(model, WINDOW)) == expected
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("aten.relu.default", "aten.from_file.nothing"),
        ("aten.relu.default", "prims.relu.default"),
        ("call_function", "call_module"),
        ('"float32"', '"load"'),
        ('"node": 0', '"node": 99'),
    ],
)
def test_a_file_names_operators_and_types_alone(
    old: str, new: str, calls: list[Any], cache: Path
) -> None:
    """A file with a right digest that somebody else wrote."""
    model = network()
    captured(model, WINDOW)
    (file,) = cache.iterdir()
    _, text = file.read_text().split("\n", 1)
    assert old in text
    text = text.replace(old, new)
    file.write_text(f"{kept._digest(text)}\n{text}")
    with pytest.warns(UserWarning, match="captured again"):
        captured(model, WINDOW)


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: list[Any]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(kept.VARIABLE, str(tmp_path / "file"))
    with pytest.warns(UserWarning, match=kept.VARIABLE):
        captured(network(), WINDOW)


@pytest.mark.parametrize("value", ["", "0"])
def test_turned_off(value: str, monkeypatch: pytest.MonkeyPatch, calls: list[Any]) -> None:
    monkeypatch.setenv(kept.VARIABLE, value)
    assert kept.folder() is None
    captured(network(), WINDOW)
    captured(network(), WINDOW)
    assert len(calls) == 2


def test_the_folder_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(kept.VARIABLE)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert kept.folder() == tmp_path / "onebyone"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert kept.folder() == Path.home() / ".cache" / "onebyone"


class Branch(nn.Module):
    """torch.export cannot follow it."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)) if x.sum() > 0 else x.amax((2, 3))


def test_the_networks_written_last_stay(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 2)
    model, files = network(), []
    for age, side in enumerate((8, 9, 10)):
        captured(model, (3, side, side))
        (new,) = set(cache.glob("*.json")) - set(files)
        os.utime(new, (age, age))
        files.append(new)
    assert set(cache.glob("*.json")) == set(files[1:])


def test_a_kept_network_can_be_exported_again(calls: list[Any]) -> None:
    """As runtimes do, which hold the layers' names to be those that torch.export gives."""
    model, x = network(), torch.randn(1, 3, 12, 12)
    with torch.no_grad():
        first, again = (
            ob.slide(model, WINDOW, 4, verify=0, backend="onnxruntime")(x) for _ in range(2)
        )
    assert len(calls) == 1
    assert torch.equal(first, again)


def test_what_is_not_kept(cache: Path) -> None:
    with pytest.warns(NotCaptured):
        captured(Branch().eval(), WINDOW)
    model = network()
    model[0].register_forward_hook(lambda *_: None)
    captured(model, WINDOW)
    program = export(network(), (torch.zeros(2, *WINDOW),), dynamic_shapes=({0: Dim("batch")},))
    captured(program, WINDOW)
    assert not cache.exists() or not list(cache.iterdir())


DIGITS = """
import onebyone as ob
from helpers.graphs import structure
from onebyone.graphs import kept
for padded in (False, True):
    model = ob.nin.digits(padded=padded)
    first = structure(kept.captured(model, (1, 28, 28)))
    kept.capture, capture = None, kept.capture  # now it can only be read
    assert structure(kept.captured(model, (1, 28, 28))) == first
    kept.capture = capture
"""


@pytest.mark.slow
def test_digits_in_two_processes_at_the_same_time(cache: Path) -> None:
    """In processes of their own, without the checks of types that tests wrap functions in."""
    path = os.pathsep.join(sys.path)
    command = [sys.executable, "-W", "error", "-c", DIGITS]
    running = [subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    assert len(list(cache.iterdir())) == 2
