from pathlib import Path

import pytest
import typer
from safetensors.torch import load_file
from typer.testing import CliRunner

from onebyone import nin
from onebyone.cli.train import train
from onebyone.errors import InputError

app = typer.Typer()
app.command()(train)


@pytest.fixture(autouse=True)
def few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    training, held_out = nin.load_digits()
    few = nin.Digits(training.images[::40], training.labels[::40])
    monkeypatch.setattr(nin, "load_digits", lambda: (few, held_out))


def test_written_weights_fit_the_network(tmp_path: Path) -> None:
    out = tmp_path / "new.safetensors"
    result = CliRunner().invoke(app, ["nin-digits", "--out", str(out), "--epochs", "1"])
    assert result.exit_code == 0, result.output
    assert "of 1,000 held-out images right" in result.stdout
    nin.digits().load_state_dict(load_file(out))


@pytest.mark.parametrize(
    ("name", "out", "message"),
    [("nin-letters", "x.safetensors", "nin-letters"), ("nin-digits", "no/x.safetensors", "no")],
)
def test_what_cannot_be_done_is_found_before_training(
    name: str, out: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nin, "train_digits", lambda **_: pytest.fail("trained"))
    result = CliRunner().invoke(app, [name, "--out", str(tmp_path / out)])
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
