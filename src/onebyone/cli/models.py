"""What `--model` may name, and how its weights are read."""

import importlib
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from safetensors import SafetensorError
from torch import Tensor, fx, load, nn
from torch.export import ExportedProgram

from onebyone import nin
from onebyone.errors import InputError, first_line
from onebyone.models import load_program, window

PICKLED = (".pth", ".pt", ".bin")
# Files of whole networks that people have, by suffix; none of them is read.
OTHERS = {
    ".onnx": "an ONNX file",
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
EXPORT = (
    "export the PyTorch module, torch.export.save(torch.export.export(model.eval(), (windows,)), "
    "'net.pt2'), or pass --model package.module:function"
)


@dataclass(frozen=True)
class Chosen:
    """A model, and what it says about itself.

    Attributes:
        model: The network for one window.
        window: Its window (C, H, W), where it says so.
        classes: Names of its classes.
    """

    model: nn.Module | ExportedProgram
    window: tuple[int, ...] | None = None
    classes: tuple[str, ...] | None = None

    @property
    def takes_unit_pixels(self) -> bool:
        """Whether its pixels are known to go from 0 to 1, as onebyone trains."""
        return self.classes is not None

    def window_of(self, asked: tuple[int, ...] | None) -> tuple[int, ...] | None:
        """Its window, or the one asked for.

        Raises:
            InputError: An exported program takes its own only, and another is asked for.
        """
        if asked is None or self.window is None or not isinstance(self.model, ExportedProgram):
            return asked or self.window
        if asked != self.window:
            given, own = (",".join(map(str, sizes)) for sizes in (asked, self.window))
            raise InputError(
                f"--window {given}: the model was exported for windows of {own}; leave --window "
                "out, or export it for others"
            )
        return asked


def choose(spec: str, weights: Path | None, *, trust: bool) -> Chosen:
    """Load what `--model` names.

    It is a bundled name, a file of `onebyone train`, a `.pt2` file or `package.module:function`.

    Args:
        spec: The value of `--model`.
        weights: A file of weights for what `package.module:function` returns.
        trust: Load a `.pt2` file whatever it holds.

    Raises:
        InputError: There is no such model, it cannot be loaded, or the weights do not fit.
    """
    suffix = Path(spec).suffix.lower()
    is_call = ":" in spec and not Path(spec).exists()
    if weights is not None and not is_call:
        raise InputError(f"--weights {weights}: goes with --model package.module:function only")
    if spec in nin.BUNDLED or nin.is_saved(spec):
        model = nin.load(spec)
        return Chosen(model, model.architecture.input, model.class_names)
    if is_call:
        return Chosen(_call(spec, weights))
    if suffix == ".pt2":
        program = _load_program(Path(spec), trust=trust)
        return Chosen(program, window(program))
    if suffix in (*PICKLED, ".safetensors") and not _is_script(Path(spec)):
        raise InputError(
            f"--model {spec}: a {suffix} file holds weights without their network; "
            f"pass --model package.module:function --weights {spec}"
        )
    if spec and Path(spec).exists():
        named = OTHERS.get(suffix, f"a {suffix} file" if suffix else "a file without a suffix")
        kind = "a folder" if Path(spec).is_dir() else named
        raise InputError(f"--model {spec}: is {kind}, which is not read; {EXPORT}")
    raise InputError(f"--model {spec}: {_unknown(spec)}")


def _is_script(path: Path) -> bool:
    """Whether a file of torch.save's suffixes is one of torch.jit.save."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.split("/")[1:2] == ["code"] for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _unknown(spec: str) -> str:
    known = [*nin.BUNDLED, *(str(path) for path in Path().glob("*.pt2"))]
    near = get_close_matches(spec, known, n=1)
    hint = f"did you mean {near[0]}? It" if near else "it"
    kinds = f"{', '.join(nin.BUNDLED)}, a .pt2 file or package.module:function"
    return f"no such model; {hint} may be {kinds}"


def _load_program(path: Path, *, trust: bool) -> ExportedProgram:
    if not path.is_file():
        near = get_close_matches(
            path.name, [other.name for other in path.parent.glob("*.pt2")], n=1
        )
        hint = f"; did you mean {path.with_name(near[0])}?" if near else ""
        raise InputError(f"--model {path}: no such file{hint}")
    return load_program(path, trust=trust)


def _call(spec: str, weights: Path | None) -> nn.Module:
    function = _find(spec)
    try:
        model = function()
        if isinstance(model, nn.Module) and not isinstance(model, fx.GraphModule):
            model.eval()  # a graph has its mode within, and an exported one refuses the call
    except (Exception, SystemExit) as error:
        raise InputError(f"--model {spec}: the call failed: {_named(error)}") from error
    if not isinstance(model, nn.Module):
        raise InputError(
            f"--model {spec}: the call returned {type(model).__name__}, not a torch.nn.Module"
        )
    if weights is not None:
        _put_weights(model, weights)
    return model


def _find(spec: str) -> Callable[[], Any]:
    module_name, _, name = spec.partition(":")
    # For good: what the function and the network import when they run is found there, too.
    if str(Path.cwd()) not in sys.path[:1]:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        reason = _named(error)
        raise InputError(f"--model {spec}: importing {module_name!r} failed: {reason}") from error
    function = getattr(module, name, None)
    if not callable(function):
        near = get_close_matches(name, dir(module), n=1)
        hint = f"; did you mean {module_name}:{near[0]}?" if near else ""
        raise InputError(f"--model {spec}: {module_name} has no function {name!r}{hint}")
    found: Callable[[], Any] = function
    return found


def _put_weights(model: nn.Module, path: Path) -> None:
    given, wanted = _read_weights(path), model.state_dict()
    wrong = {
        "missing": wanted.keys() - given.keys(),
        "unexpected": given.keys() - wanted.keys(),
        "of another shape": {
            key for key in given.keys() & wanted.keys() if given[key].shape != wanted[key].shape
        },
    }
    faults = [f"{kind}: {_some(keys)}" for kind, keys in wrong.items() if keys]
    if faults:
        raise InputError(f"--weights {path}: do not fit the model; {'; '.join(faults)}")
    model.load_state_dict(given)


def _some(keys: set[str], shown: int = 5) -> str:
    first = ", ".join(sorted(keys)[:shown])
    return first if len(keys) <= shown else f"{first} and {len(keys) - shown} more"


def _read_weights(path: Path) -> Mapping[str, Tensor]:
    from safetensors.torch import load_file

    if not path.is_file():
        raise InputError(f"--weights {path}: no such file")
    suffix = path.suffix.lower()
    if suffix not in (".safetensors", *PICKLED):
        raise InputError(f"--weights {path}: give a .safetensors file, or {', '.join(PICKLED)}")
    try:
        if suffix == ".safetensors":
            return load_file(path)
        loaded = load(path, weights_only=True, map_location="cpu")
    except UnpicklingError as error:
        raise InputError(
            f"--weights {path}: refused, it pickles more than weights and could run any code; "
            "save the state_dict as .safetensors"
        ) from error
    except (SafetensorError, RuntimeError, EOFError) as error:
        raise InputError(
            f"--weights {path}: not readable, or truncated: {_named(error)}"
        ) from error
    if not isinstance(loaded, Mapping) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise InputError(f"--weights {path}: holds no state_dict (names with tensors)")
    return loaded


def _named(error: BaseException) -> str:
    return (
        f"{type(error).__name__}: {first_line(error)}"
        if str(error).strip()
        else type(error).__name__
    )
