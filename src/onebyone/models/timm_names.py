"""Networks of timm by their names: `timm:resnet18`, `timm:resnet18.a1_in1k`, `timm:hf-hub:...`."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from onebyone.errors import InputError
from onebyone.models.loading import Model
from onebyone.models.named import (
    Asked,
    Window,
    asked,
    building,
    for_channels,
    refuse_other_classes,
    refuse_unknown,
    weighted,
)
from onebyone.models.packages import timm
from onebyone.models.preprocessing import Preprocessing

HUB = "hf-hub:"


def load_timm(
    given: str,
    weights: str | None,
    classes: int | None,
    download: bool | None,
    window: Sequence[int] | None,
) -> Model:
    """Build a network of timm; see `load` for what is given.

    Window and preprocessing are those of timm's configuration of the name. A window of other
    channels or of another size is passed on, where the network is built for one.

    Raises:
        InputError: timm has no such network, or cannot build it so; or the weights do not fit.
    """
    request = asked(given, weights, classes, download, window)
    package = timm()
    _refuse_name(package, request)
    with building(given):
        wanted = {"input_size": request.window} if request.window else {}
        arguments = package.models.resolve_model_input_args(request.name, wanted)
        configured = arguments["pretrained_cfg"]
        refuse_other_classes(request, configured["num_classes"])
        network = package.create_model(
            **arguments, num_classes=request.classes, pretrained=request.download
        )
        said = package.data.resolve_data_config(pretrained_cfg=configured)
        names = _names(package, configured) if request.download else None
    size: Window = request.window or tuple(said["input_size"])
    mean, std = (for_channels(said[name], size[0]) for name in ("mean", "std"))
    return Model(weighted(network, request), size, names, Preprocessing(mean, std))


def _refuse_name(package: ModuleType, request: Asked) -> None:
    if request.name.startswith(HUB):
        if not request.download:
            raise InputError(
                "names of hf-hub are looked up at huggingface.co: pass download=True, or "
                "--download",
                model=request.given,
            )
        return
    current = package.models.get_deprecated_models().get(request.name)
    if current:
        raise InputError(f"timm calls it {current} now", model=request.given)
    refuse_unknown(request.given, request.name, names(package))


def names(package: ModuleType) -> list[str]:
    """All names that timm knows, with and without the tags of published weights."""
    found = {*package.list_models(), *package.list_models(include_tags=True)}
    return sorted(found)


def window_of(package: ModuleType, name: str) -> Window:
    """The window (C, H, W) that timm's configuration of a name has, nothing built."""
    configured = package.get_pretrained_cfg(name)
    size: Window = configured.input_size if configured else (3, 224, 224)
    return size


def _names(package: ModuleType, configured: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The names of the classes that published weights have, where timm knows them."""
    said = configured.get("label_names")
    if said is None and configured.get("source") != "hf-hub":
        subset = package.data.infer_imagenet_subset(configured)
        said = package.data.ImageNetInfo(subset).label_descriptions() if subset else None
    return tuple(map(str, said)) if said and len(said) == configured["num_classes"] else None
