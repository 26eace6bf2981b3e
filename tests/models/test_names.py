"""Networks of timm and torchvision by their names; the packages themselves are the oracle."""

import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import onebyone as ob
from onebyone.models import Preprocessing, load, load_layer
from onebyone.models.packages import timm as timm_package
from onebyone.models.packages import torchvision_models

timm, vision = timm_package(), torchvision_models()
RANDOM = "has random weights: give a file of weights, or download=True"
IMAGENET = Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection can be made, no name looked up; the tests run in a folder of their own."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError("a test went online")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.chdir(tmp_path)


def built(name: str, **options: Any) -> nn.Module:
    """A network as its package builds it, its weights saved in two files."""
    package, _, inner = name.partition(":")
    make = timm.create_model if package == "timm" else vision.get_model
    network: nn.Module = make(inner, **options).eval()
    save_file(network.state_dict(), "w.safetensors")
    torch.save(network.state_dict(), "w.pth")
    return network


def crops(network: nn.Module, image: np.ndarray, window: int, mean: Any, std: Any) -> Tensor:
    """The scores of all windows at stride 32, one after the other."""
    pixels = image.astype(np.float64) / 255
    pixels = (pixels - np.reshape(mean, (-1, 1, 1))) / np.reshape(std, (-1, 1, 1))
    x = torch.tensor(pixels, dtype=torch.float32)
    down, across = ((n - window) // 32 + 1 for n in x.shape[1:])
    with torch.no_grad():
        rows = [
            [
                network(x[None, :, i * 32 : i * 32 + window, j * 32 : j * 32 + window])[0]
                for j in range(across)
            ]
            for i in range(down)
        ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def image(channels: int, height: int, width: int) -> np.ndarray:
    shape = (channels, height, width)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
@pytest.mark.parametrize(
    ("name", "side", "statistics"),
    [
        ("timm:test_resnet", 160, (0.5, 0.5)),
        ("timm:test_efficientnet.r160_in1k", 160, (IMAGENET.mean, IMAGENET.std)),
        ("torchvision:squeezenet1_1", 224, (IMAGENET.mean, IMAGENET.std)),
    ],
)
def test_bytes_of_an_image_as_the_package_s_own_network_scores_crops(
    name: str, side: int, statistics: Any, suffix: str
) -> None:
    network = built(name, num_classes=5)
    pixels = image(3, side, side + 32)
    sliding = ob.slide(name, stride=32, weights=f"w.{suffix}", classes=5)
    wanted = crops(network, pixels, side, *statistics)
    torch.testing.assert_close(sliding(pixels), wanted, atol=1e-4, rtol=1e-4)
    floats = torch.tensor(pixels / 255, dtype=torch.float32)  # already from 0 to 1
    torch.testing.assert_close(sliding(floats), wanted, atol=1e-4, rtol=1e-4)


def test_what_is_given_wins_over_the_configuration() -> None:
    network = built("timm:test_resnet")
    pixels = image(3, 96, 128)
    sliding = ob.slide(
        "timm:test_resnet", (3, 96, 96), 32, weights="w.pth", mean=0.1, std=(1, 2, 3), scale=0.5
    )
    wanted = crops(network, pixels * 0.5 * 255, 96, 0.1, (1, 2, 3))
    torch.testing.assert_close(sliding(pixels), wanted, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("timm:test_vit", {"img_size": (64, 64)}),  # has positions for one size
        ("timm:test_resnet", {}),
        ("timm:test_resnet", {"in_chans": 1}),
    ],
)
def test_a_network_is_built_for_the_window(name: str, options: dict[str, Any]) -> None:
    network, channels = built(name, **options), options.get("in_chans", 3)
    model = load(name, weights="w.safetensors", window=(channels, 64, 64))
    assert model.window == (channels, 64, 64)
    assert model.preprocessing == Preprocessing((0.5,) * channels, (0.5,) * channels)
    x = torch.rand(1, channels, 64, 64)
    torch.testing.assert_close(model.network(x), network(x))


def test_torchvision_s_transformer_is_built_for_the_window() -> None:
    with pytest.warns(UserWarning, match=RANDOM):
        model = load("torchvision:vit_b_32", window=(3, 64, 64))
    assert model.network(torch.rand(1, 3, 64, 64)).shape == (1, 1000)
    with pytest.raises(
        ob.InputError, match=r"^window=\(3, 64, 96\): torchvision:vit_b_32 takes sq"
    ):
        load("torchvision:vit_b_32", window=(3, 64, 96))


def test_grey_windows_have_the_mean_of_the_colours() -> None:
    with pytest.warns(UserWarning, match=RANDOM):
        model = load("timm:test_efficientnet", window=(1, 64, 64))
    assert model.preprocessing is not None
    assert model.preprocessing.mean == pytest.approx([0.449], abs=1e-6)
    assert model.preprocessing.std == pytest.approx([0.226], abs=1e-6)


def test_networks_with_more_outputs_have_what_their_weights_were_trained_with() -> None:
    """Auxiliary classifiers are in the file, and not in what a network in eval mode gives."""
    network = built("torchvision:googlenet", transform_input=True, init_weights=False)
    model = load("torchvision:googlenet", weights="w.pth")
    x = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(model.network(x), network(x))


def test_weights_are_random_or_given_or_fetched() -> None:
    with pytest.warns(UserWarning, match=f"^timm:test_resnet {RANDOM}"):
        model = load("timm:test_resnet")
    assert (model.window, model.classes, model.network.training) == ((3, 160, 160), None, False)
    built("timm:test_resnet")
    load("timm:test_resnet", weights="w.pth")  # no warning: those are errors in tests
    with pytest.raises(ob.InputError, match=r"^download=True: weights are given, too: leave one"):
        load("timm:test_resnet", weights="w.pth", download=True)


def test_published_weights_of_timm_and_their_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    network = built("timm:test_resnet")
    asked = []

    def fetched(place: str, **_: object) -> dict[str, Tensor]:
        asked.append(place)
        return network.state_dict()

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", fetched)
    model = load("timm:test_resnet", download=True)
    assert asked == ["timm/test_resnet.r160_in1k"]
    assert model.classes is not None
    assert (len(model.classes), model.classes[0]) == (1000, "tench, Tinca tinca")
    x = torch.rand(1, 3, 160, 160)
    torch.testing.assert_close(model.network(x), network(x))
    with pytest.raises(ob.InputError, match=r"^classes=7: the weights that are downloaded have 10"):
        load("timm:test_resnet", download=True, classes=7)


def test_published_weights_of_torchvision_and_their_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = built("torchvision:squeezenet1_1")
    published = type(vision.get_model_weights("squeezenet1_1").DEFAULT)
    monkeypatch.setattr(published, "get_state_dict", lambda *_args, **_: network.state_dict())
    model = load("torchvision:squeezenet1_1", download=True)
    assert model.classes is not None
    assert (len(model.classes), model.classes[0]) == (1000, "tench")
    x = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(model.network(x), network(x))
    with pytest.raises(ob.InputError, match=r"^classes=7: the weights that are downloaded have 10"):
        load("torchvision:squeezenet1_1", download=True, classes=7)


def test_a_repository_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its configuration says the architecture, the window and the classes."""
    name = "timm:hf-hub:somebody/birds"
    with pytest.raises(ob.InputError, match=r"names of hf-hub are looked up at huggingface\.co"):
        load(name)
    network = built("timm:test_resnet", num_classes=2)
    Path("w.safetensors").rename("model.safetensors")
    configured = {"input_size": [3, 96, 96], "mean": [0.1] * 3, "std": [0.2] * 3}
    configured |= {"num_classes": 2, "label_names": ["gull", "tern"], "classifier": "fc"}
    said = {"architecture": "test_resnet", "num_classes": 2, "pretrained_cfg": configured}
    Path("config.json").write_text(json.dumps(said))
    monkeypatch.setattr(
        "timm.models._hub.hf_hub_download", lambda _repo="", filename="", **_: filename
    )
    model = load(name, download=True)
    assert (model.window, model.classes) == ((3, 96, 96), ("gull", "tern"))
    assert model.preprocessing == Preprocessing((0.1,) * 3, (0.2,) * 3)
    x = torch.rand(1, 3, 96, 96)
    torch.testing.assert_close(model.network(x), network(x))


def test_what_fetching_says_when_it_fails() -> None:
    """And that the tests are offline indeed."""
    with pytest.raises(ob.InputError) as caught:
        load("torchvision:squeezenet1_1", download=True)
    assert "torchvision failed: URLError: " in str(caught.value)
    assert "a test went online" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "classifier"),
    [("timm:test_resnet", "fc.weight"), ("torchvision:squeezenet1_1", "classifier.1.weight")],
)
def test_weights_of_another_number_of_classes(name: str, classifier: str) -> None:
    built(name, num_classes=7)
    with pytest.raises(ob.InputError) as caught:
        load(name, weights="w.safetensors")
    assert str(caught.value).endswith(
        f"{classifier} has 7 rows, one for each class, not 1000: pass classes=7, or --classes 7"
    )
    load(name, weights="w.safetensors", classes=7)


def test_weights_of_another_network() -> None:
    built("timm:test_resnet")
    with pytest.raises(
        ob.InputError, match=r"^weights='w.pth': do not fit the model; missing: "
    ) as e:
        load("timm:test_efficientnet", weights="w.pth")
    assert "classes=" not in str(e.value)


def test_old_files_have_no_counters_of_batches() -> None:
    network = built("timm:test_resnet")
    counters = [name for name in network.state_dict() if name.endswith("num_batches_tracked")]
    old = {name: t for name, t in network.state_dict().items() if name not in counters}
    assert counters
    save_file(old, "old.safetensors")
    x = torch.rand(1, 3, 64, 64)
    wanted, found = network(x), load("timm:test_resnet", weights="old.safetensors").network(x)
    torch.testing.assert_close(found, wanted)


UNKNOWN = {
    "timm:": "timm has no network ''; `onebyone models timm:` has all",
    "timm:../x": "timm has no network '../x'; `onebyone models timm:` has all",
    "timm:local-dir:.": "timm has no network 'local-dir:.'; `onebyone models",
    "timm:resnt18": "timm has no network 'resnt18'; the nearest are resnet18, ",
    "timm:resnet18.a1_in1": "timm has no network 'resnet18.a1_in1'; the nearest are resnet18",
    "timm:vit_base_patch16_224_in21k": "timm calls it vit_base_patch16_224.augreg_in21k now",
    "torchvision:": "torchvision has no network ''; `onebyone models torchvision:` has all",
    "torchvision:resnet18; rm": "torchvision has no network 'resnet18; rm'; the nearest are res",
    "torchvision:ResNet18": "torchvision has no network 'ResNet18'; the nearest are resnet18",
}


@pytest.mark.parametrize("given", UNKNOWN)
def test_names_that_nobody_has(given: str) -> None:
    with pytest.raises(ob.InputError) as caught:
        load(given)
    assert str(caught.value).startswith(f"model={given!r}: {UNKNOWN[given]}")
    assert "\n" not in str(caught.value)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("timm:test_resnet", {"classes": 0}, "classes=0: must be a whole number above 0"),
    ("timm:test_resnet", {"classes": True}, "classes=True: must be a whole number above 0"),
    ("timm:test_resnet", {"window": 64}, "window=64: timm:test_resnet takes three whole numbers"),
    ("timm:test_resnet", {"classes": 1.5}, "classes=1.5: must be a whole number above 0"),
    (
        "timm:test_resnet",
        {"window": (3, 64)},
        "window=(3, 64): timm:test_resnet takes three whole numbers",
    ),
    ("torchvision:vgg11", {"window": (1, 64, 64)}, "window=(1, 64, 64): networks of torchvision"),
]


@pytest.mark.parametrize(("name", "options", "said"), REFUSED)
def test_arguments_that_do_not_fit(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ob.InputError) as caught:
        load(name, **options)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("package", ["timm", "torchvision"])
def test_a_package_that_is_not_installed(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onebyone.models.packages.is_installed", lambda name: name != package)
    with pytest.raises(ob.InputError) as caught:
        load(f"{package}:resnet18")
    assert str(caught.value) == f"{package} is not installed: pip install 'onebyone[{package}]'"


def test_a_layer_of_a_named_network_has_its_grid() -> None:
    built("timm:test_resnet")
    layer, grid = load_layer("timm:test_resnet:conv1.0", weights="w.pth")
    assert (type(layer), grid) == (nn.Conv2d, (3, 160, 160))
