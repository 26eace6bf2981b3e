"""The one place that knows what a model may be, and how it becomes a network."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from torch import nn
from torch.export import ExportedProgram

from onebyone.errors import InputError
from onebyone.models.preprocessing import Preprocessing
from onebyone.models.programs import window
from onebyone.models.shown import shown
from onebyone.models.weights import PICKLED

Network = nn.Module | ExportedProgram

_BY_NAME = ("weights", "classes", "download", "window")

# By name, by suffix, by what stands before a ":", or ":" for anything else that has one within: the
# function that makes a network or a `Model` of it, and what that takes of the options of `load`. It
# is imported when it is needed, so that packages may have it that import this one, and gives None
# where a file is not of its kind after all.
READERS: dict[str, tuple[str, ...]] = {
    "nin-digits": ("onebyone.nin:load",),
    "nin-digits-padded": ("onebyone.nin:load",),
    ".safetensors": ("onebyone.nin.storing:load_saved",),
    ".pt2": ("onebyone.models.programs:load_program", "trust"),
    ".onnx": ("onebyone.models.onnx.reading:load_onnx", "window", "layout", "inputs", "crops"),
    ":": ("onebyone.models.function:call", "weights"),
    "timm:": ("onebyone.models.timm_names:load_timm", *_BY_NAME),
    "torchvision:": ("onebyone.models.torchvision_names:load_torchvision", *_BY_NAME),
}
_NETWORKS = (".pt2", ".onnx")
_BEFORE = [kind for kind in READERS if kind.endswith(":") and kind != ":"]
# Files of whole networks that people have, by suffix; none of them is read.
_OTHERS = {
    ".tflite": "a TensorFlow Lite file",
    ".pb": "a TensorFlow file",
    ".h5": "a Keras file",
    ".hdf5": "a Keras file",
    ".keras": "a Keras file",
    ".mlmodel": "a Core ML file",
    ".engine": "a TensorRT file",
    ".ts": "a TorchScript file",
    ".torchscript": "a TorchScript file",
    # With these suffixes torch.save writes weights, torch.jit.save a network.
    **dict.fromkeys(PICKLED, "a TorchScript file"),
}
_EXPORT = (
    "export the PyTorch module, torch.export.save(torch.export.export(model.eval(), (windows,)), "
    "'net.pt2'), or pass package.module:function"
)


class Described(nn.Module):
    """A network that says what it was trained for, as those of `onebyone.nin` do.

    Attributes:
        window: its window (C, *space), whose pixels go from 0 to 1, as onebyone trains.
        class_names: names of its classes.
    """

    window: tuple[int, ...]
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    """A network, and what it says about itself.

    Attributes:
        network: the network for one window.
        window: its window (C, *space), where it says so.
        classes: names of its classes.
        preprocessing: of its pixels, where it is known; else it takes them as they are given.
    """

    network: Network
    window: tuple[int, ...] | None = None
    classes: tuple[str, ...] | None = None
    preprocessing: Preprocessing | None = None


def load(
    given: Network | str | Path,
    *,
    weights: str | Path | None = None,
    trust: bool = False,
    classes: int | None = None,
    download: bool = False,
    window: Sequence[int] | None = None,
    layout: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    crops: bool = False,
) -> Model:
    """Load what is given as a model.

    Args:
        given: a module or an exported program, which is taken as it is; a bundled name
            (`nin-digits`); a network of timm or torchvision by its name (`timm:resnet18`,
            `torchvision:vgg16`); a file of `onebyone train`; a `.pt2` file; or
            `package.module:function`, which is imported and called.
        weights: a file of weights for a network of timm or torchvision, or for what
            `package.module:function` returns.
        trust: load a `.pt2` file whatever it holds, which can run any code.
        classes: how many classes a network of timm or torchvision is built with; by default as
            many as its published weights have.
        download: give a network of timm or torchvision its published weights, which these
            packages fetch once and keep. Nothing is fetched otherwise.
        window: (C, *space), where an `.onnx` file leaves it open; (C, H, W) that a network of timm
            or torchvision is built for, by default that of its configuration.
        layout: the axes of an `.onnx` file's input, as "NHWC"; by default found from its graph.
        inputs: values of an `.onnx` file's other inputs, by their names: a number, which all of an
            input is, or an array.
        crops: have onnxruntime run an `.onnx` file crop by crop, whatever operators it has; nothing
            is shared.

    Raises:
        InputError: there is no such model, it cannot be loaded, or the weights do not fit.

    Example:
        >>> from onebyone.models import load
        >>> model = load("nin-digits")
        >>> model.window, model.classes[3], model.preprocessing
        ((1, 28, 28), '3', Preprocessing(mean=None, std=None))
    """
    kind = kind_of(given)
    function, *takes = READERS.get(kind, ("",))
    asked: dict[str, Any] = {
        "weights": weights and str(weights),
        "classes": classes,
        "download": download or None,
        "layout": layout,
        "inputs": inputs or None,
        "crops": crops or None,
    }
    for option, value in asked.items():
        if value is not None and option not in takes:
            raise InputError(f"goes with {_who_take(option)} only", **{option: value})
    if isinstance(given, Network):
        return _described(given)
    if not isinstance(given, str | Path):
        what = f"the class {given.__name__}" if isinstance(given, type) else shown(given)
        raise InputError(
            f"model={what} must be a torch.nn.Module, an ExportedProgram, a name or a file"
        )
    options = {**asked, "trust": trust, "window": window}
    try:
        read = resolve_name(function) if function else lambda _: None
    except ModuleNotFoundError as error:
        if kind != ".onnx":
            raise
        needs = f"an .onnx file needs {error.name}: pip install 'onebyone[onnx]'"
        raise InputError(needs, model=str(given)) from error
    found = read(str(given), **{name: options[name] for name in takes})
    if found is None:
        raise InputError(_refusal(str(given), kind), model=str(given))
    return found if isinstance(found, Model) else _described(found)


def kind_of(given: object) -> str:
    """The entry of `READERS` for what is given, a suffix that has none, or nothing."""
    name = str(given) if isinstance(given, str | Path) else ""
    if name in READERS:
        return name
    if ":" not in name or Path(name).exists():
        return Path(name).suffix.lower()
    before = name.partition(":")[0] + ":"
    return before if before in _BEFORE else ":"


def _who_take(option: str) -> str:
    """The kinds of models that take an option, as they are written."""
    kinds = [_written(kind) for kind, (_, *takes) in READERS.items() if option in takes]
    return " and ".join([", ".join(kinds[:-1]), kinds[-1]]) if len(kinds) > 1 else kinds[0]


def _written(kind: str) -> str:
    if kind == ".onnx":
        return "a .onnx file"
    return "package.module:function" if kind == ":" else f"{kind}NAME"


def _described(network: Network) -> Model:
    if isinstance(network, ExportedProgram):
        return Model(network, window(network))
    if isinstance(network, Described):
        return Model(network, network.window, network.class_names, Preprocessing())
    return Model(network)


def _refusal(given: str, suffix: str) -> str:
    path = Path(given)
    if suffix in (*PICKLED, ".safetensors") and not _is_script(path):
        return (
            f"a {suffix} file holds weights without their network; pass package.module:function, "
            "and this file as its weights"
        )
    if given and path.exists():
        named = _OTHERS.get(suffix, f"a {suffix} file" if suffix else "a file without a suffix")
        kind = "a folder" if path.is_dir() else named
        return f"is {kind}, which is not read; {_EXPORT}"
    bundled = [name for name in READERS if ":" not in name and name[0] != "."]
    files = [str(path) for kind in _NETWORKS for path in Path().glob(f"*{kind}")]
    near = get_close_matches(given, [*bundled, *files], n=1)
    hint = f"did you mean {near[0]}? It" if near else "it"
    named = ", ".join([*bundled, *map(_written, _BEFORE)])
    kinds = f"{named}, a .pt2 or .onnx file or package.module:function"
    return f"no such model; {hint} may be {kinds}"


def _is_script(path: Path) -> bool:
    """Whether a file of torch.save's suffixes is one of torch.jit.save."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.split("/")[1:2] == ["code"] for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False
