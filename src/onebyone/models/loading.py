"""The one place that knows what a model may be, and how it becomes a network."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from pkgutil import resolve_name

from torch import nn
from torch.export import ExportedProgram

from onebyone.errors import InputError
from onebyone.models.programs import window
from onebyone.models.shown import shown
from onebyone.models.weights import PICKLED

Network = nn.Module | ExportedProgram


# By name, by suffix, or ":" for what has one within: the function that makes a network of it, and
# what that takes of `weights` and `trust`. It is imported when it is needed, so that packages may
# have it that import this one, and gives None where a file is not of its kind after all.
READERS: dict[str, tuple[str, ...]] = {
    "nin-digits": ("onebyone.nin:load",),
    "nin-digits-padded": ("onebyone.nin:load",),
    ".safetensors": ("onebyone.nin.storing:load_saved",),
    ".pt2": ("onebyone.models.programs:load_program", "trust"),
    ".onnx": ("onebyone.models.onnx.reading:load_onnx", "window", "layout"),
    ":": ("onebyone.models.function:call", "weights"),
}
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
        window: its window (C, *space), whose pixels go from 0 to 1.
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
    """

    network: Network
    window: tuple[int, ...] | None = None
    classes: tuple[str, ...] | None = None

    @property
    def takes_unit_pixels(self) -> bool:
        """Whether its pixels are known to go from 0 to 1, as onebyone trains."""
        return self.classes is not None


def load(
    given: Network | str | Path,
    *,
    weights: str | Path | None = None,
    trust: bool = False,
    window: Sequence[int] | None = None,
    layout: str | None = None,
) -> Model:
    """Load what is given as a model.

    Args:
        given: a module or an exported program, which is taken as it is; a bundled name
            (`nin-digits`); a file of `onebyone train`; a `.pt2` file; or `package.module:function`,
            which is imported and called.
        weights: a file of weights for what `package.module:function` returns.
        trust: load a `.pt2` file whatever it holds, which can run any code.
        window: (C, *space), where an `.onnx` file leaves it open.
        layout: the axes of an `.onnx` file's input, as "NHWC"; by default found from its graph.

    Raises:
        InputError: there is no such model, it cannot be loaded, or the weights do not fit.
    """
    kind = kind_of(given)
    function, *takes = READERS.get(kind, ("",))
    if weights is not None and "weights" not in takes:
        raise InputError("goes with package.module:function only", weights=str(weights))
    if isinstance(given, Network):
        return _described(given)
    if not isinstance(given, str | Path):
        what = f"the class {given.__name__}" if isinstance(given, type) else shown(given)
        raise InputError(
            f"model={what} must be a torch.nn.Module, an ExportedProgram, a name or a file"
        )
    options = {"weights": weights, "trust": trust, "window": window, "layout": layout}
    read = resolve_name(function) if function else lambda _: None
    found = read(str(given), **{name: options[name] for name in takes})
    if found is None:
        raise InputError(_refusal(str(given), kind), model=str(given))
    return found if isinstance(found, Model) else _described(found)


def kind_of(given: object) -> str:
    """The entry of `READERS` for what is given, a suffix that has none, or nothing."""
    name = str(given) if isinstance(given, str | Path) else ""
    if name in READERS:
        return name
    return ":" if ":" in name and not Path(name).exists() else Path(name).suffix.lower()


def _described(network: Network) -> Model:
    if isinstance(network, ExportedProgram):
        return Model(network, window(network))
    if isinstance(network, Described):
        return Model(network, network.window, network.class_names)
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
    bundled = [name for name in READERS if name[0] not in ".:"]
    near = get_close_matches(given, [*bundled, *map(str, Path().glob("*.pt2"))], n=1)
    hint = f"did you mean {near[0]}? It" if near else "it"
    kinds = f"{', '.join(bundled)}, a .pt2 file or package.module:function"
    return f"no such model; {hint} may be {kinds}"


def _is_script(path: Path) -> bool:
    """Whether a file of torch.save's suffixes is one of torch.jit.save."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.split("/")[1:2] == ["code"] for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False
