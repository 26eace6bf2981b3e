"""Networks of torchvision by their names: `torchvision:vgg16`."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from onebyone.errors import InputError
from onebyone.models.loading import Model
from onebyone.models.named import (
    Asked,
    Window,
    asked,
    building,
    refuse_other_classes,
    refuse_unknown,
    weighted,
)
from onebyone.models.packages import torchvision_models
from onebyone.models.preprocessing import Preprocessing

# What networks need beside their weights' numbers: published weights have it with them.
_WITH_ITS_WEIGHTS = ("googlenet", "inception_v3")
_TRANSFORMED = {"transform_input": True, "init_weights": False}


def load_torchvision(
    given: str,
    weights: str | None,
    classes: int | None,
    download: bool | None,
    window: Sequence[int] | None,
) -> Model:
    """Build a network of torchvision; see `load` for what is given.

    Window and preprocessing are those of its published weights, which are not fetched for that.

    Raises:
        InputError: torchvision has no such network, or cannot build it so; or the weights do not
            fit.
    """
    request = asked(given, weights, classes, download, window)
    models = torchvision_models()
    refuse_unknown(given, request.name, names(models))
    published = models.get_model_weights(request.name).DEFAULT
    labels = tuple(published.meta["categories"])
    refuse_other_classes(request, len(labels))
    size = request.window or window_of(models, request.name)
    if size[0] != 3:
        raise InputError(f"networks of torchvision take 3 channels, not {size[0]}", window=size)
    options = _options(request, size)
    with building(given):
        network = models.get_model(
            request.name, weights=published if request.download else None, **options
        )
    pixels = published.transforms()
    preprocessing = Preprocessing(tuple(pixels.mean), tuple(pixels.std))
    return Model(
        weighted(network, request), size, labels if request.download else None, preprocessing
    )


def names(models: ModuleType) -> list[str]:
    """All classification networks that torchvision knows."""
    found: list[str] = models.list_models(module=models)
    return found


def window_of(models: ModuleType, name: str) -> Window:
    """The window (C, H, W) that a network's published weights take, nothing built or fetched."""
    (side,) = models.get_model_weights(name).DEFAULT.transforms().crop_size
    return 3, side, side


def _options(request: Asked, window: Window) -> dict[str, Any]:
    """What the network is built with beside weights."""
    _, height, width = window
    options: dict[str, Any] = {}
    if request.classes is not None:
        options["num_classes"] = request.classes
    if request.name.startswith("vit_"):
        if height != width:
            raise InputError(f"{request.given} takes square windows", window=window)
        options["image_size"] = height
    elif request.name.startswith("maxvit_"):
        options["input_size"] = (height, width)
    elif request.name in _WITH_ITS_WEIGHTS and not request.download:
        options |= _TRANSFORMED
    return options
