"""`slide` takes what the command line takes: files, bundled names, functions."""

from pathlib import Path

import pytest
import torch
from torch.export import Dim, export, save

import onebyone as ob
from helpers.factories import FACTORY, small
from onebyone import nin

WINDOW = (2, 8, 8)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a network as a program, a function and weights, in which the test runs."""
    program = export(small(), (torch.zeros(2, *WINDOW),), dynamic_shapes=({0: Dim("batch")},))
    save(program, tmp_path / "net.pt2")
    (tmp_path / "onebyone_test_models.py").write_text(FACTORY)
    torch.save(small().state_dict(), tmp_path / "w.pth")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize("given", ["net.pt2", Path("net.pt2")])
def test_slide_takes_a_file_and_its_window(here: Path, given: str | Path) -> None:
    model, x = small(), torch.rand(1, 2, 13, 12)
    sliding, wanted = ob.slide(given, stride=2), ob.slide(model, WINDOW, 2)
    assert sliding.window == WINDOW
    with torch.no_grad():
        assert torch.allclose(sliding(x), wanted(x), atol=1e-6)
        crop = model(x[..., 2:10, 4:12])
        assert torch.allclose(sliding(x)[..., 1, 2], crop, atol=1e-6)


def test_slide_takes_names_and_functions(here: Path) -> None:
    x = torch.rand(1, 1, 32, 36)
    with torch.no_grad():
        assert torch.equal(ob.slide("nin-digits")(x), ob.slide(nin.load("nin-digits"))(x))
        sliding = ob.slide("onebyone_test_models:small", WINDOW, weights="w.pth")
        assert sliding(torch.rand(2, 9, 9)).shape == (4, 2, 2)
    with pytest.raises(ob.InputError, match=r"^window=None must be \(C, \*space\)"):
        ob.slide("onebyone_test_models:small")


def test_a_program_takes_its_own_window_only(here: Path) -> None:
    with pytest.raises(ob.InputError) as caught:
        ob.slide("net.pt2", (2, 9, 9))
    assert str(caught.value) == (
        "window=(2, 9, 9): the model was exported for windows of 2,8,8; leave the window out, or "
        "export it for others"
    )


def test_convolutionalize_takes_the_same(here: Path) -> None:
    x = torch.rand(1, 2, 13, 12)
    with torch.no_grad():
        wanted = ob.convolutionalize(small(), WINDOW)(x)
        found = ob.convolutionalize("onebyone_test_models:small", WINDOW)(x)
        assert torch.equal(found, wanted)
        assert ob.convolutionalize("nin-digits").window == (1, 28, 28)
