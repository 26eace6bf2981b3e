"""Files of trained networks say what they hold."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from onebyone import nin
from onebyone.errors import InputError

SMALL = nin.ARCHITECTURES["faces"]


@pytest.mark.parametrize(
    "architecture",
    [SMALL, SMALL._replace(head="fully_connected"), SMALL._replace(pool_2="average", drops=(1,))],
)
def test_saved_network_is_loaded_as_it_was(architecture: nin.Architecture, tmp_path: Path) -> None:
    model = nin.NetworkInNetwork(architecture).eval()
    images = torch.rand(3, 1, 25, 25)
    model.prepare = nin.Whitening.fit(torch.rand(20, 1, 25, 25))
    model.class_names = ("none", "a face")
    nin.save(model, tmp_path / "a.safetensors")
    loaded = nin.load(tmp_path / "a.safetensors")
    assert loaded.architecture == architecture
    assert loaded.class_names == model.class_names
    assert torch.equal(loaded(images), model(images))


def test_what_is_no_saved_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with pytest.raises(InputError, match=r"a.safetensors: no such file"):
        nin.load(path)
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(InputError, match="holds no Network in Network"):
        nin.load(path)
    nin.save(nin.NetworkInNetwork(SMALL), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="not readable, or truncated"):
        nin.load(path)


def test_weights_that_do_not_fit_their_description_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    model = nin.NetworkInNetwork(SMALL)
    model.architecture = SMALL.adapted((1, 25, 25), 3)
    nin.save(model, path)
    with pytest.raises(InputError, match="do not fit its description"):
        nin.load(path)
