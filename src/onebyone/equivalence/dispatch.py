"""The one call for layers, files and exported programs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, overload

from torch import nn
from torch.export import ExportedProgram

from onebyone.choices import Level
from onebyone.equivalence.ladder import LEVELS, Check, Equivalence
from onebyone.equivalence.programs import check_programs
from onebyone.equivalence.tensors import check_safetensors
from onebyone.errors import InputError
from onebyone.layers import Verdict
from onebyone.layers import equal as layers_equal
from onebyone.models import load_program

SUFFIXES = (".onnx", ".pt2", ".safetensors")
File = ExportedProgram | str | Path


@overload
def equal(
    a: nn.Module,
    b: nn.Module,
    input: Sequence[int],
    output: Sequence[int] | None = None,
    tol: float = 0.0,
) -> Verdict: ...
@overload
def equal(a: File, b: File, *, level: Level = "full", trust: bool = False) -> Equivalence: ...
def equal(
    a: nn.Module | File,
    b: nn.Module | File,
    input: Sequence[int] | None = None,
    output: Sequence[int] | None = None,
    tol: float = 0.0,
    *,
    level: Level = "full",
    trust: bool = False,
) -> Verdict | Equivalence:
    """Say whether two layers, or two networks in files, are equal for every input.

    Layers are compared by their structure and weights. Their forwards may still differ by rounding,
    since kernels add in different orders. Where a matrix has to be computed (layers in a row,
    modules of unknown kind), the answer is about its numbers rounded to the layer's precision, and
    the reason says so.

    Files and exported programs, whoever wrote them, are compared on three rungs: *structure* holds
    for every input; *integers* runs the parts that differ where float arithmetic is exact;
    *numbers* runs the whole on random inputs, and allows for rounding.

    Args:
        a: a layer that `matrix` takes; or a file, `.onnx`, `.pt2` or weights in `.safetensors`, or
            an exported program.
        b: another of the same kind.
        input: the layers' input grid (C, *space).
        output: the layers' output grid; by default a dense layer takes the other layer's.
        tol: the largest `bound` with which layers still count as equal.
        level: of files and programs, "full" or "structure", which runs nothing.
        trust: load `.pt2` files whatever they hold, which can run any code.

    Returns:
        What is true or false, with the `reason` in a sentence: a `Verdict` on layers, and on
        others an `Equivalence`, which has a row for each rung. Two files may be equal and yet not
        be found so; then the answer is false, and the reason says what could not be told.

    Raises:
        InputError: a layer, a grid or a file is unusable, the two are of different kinds, or an
            argument does not go with them.

    Example:
        >>> conv, dense = nn.Conv2d(3, 2, 1), nn.Linear(3, 2)
        >>> _ = dense.load_state_dict({"weight": conv.weight.flatten(1), "bias": conv.bias})
        >>> ob.equal(conv, dense, input=(3, 1, 1)).equal
        True
        >>> print(ob.equal(conv, dense, input=(3, 4, 4)).reason)
        equal for every input (S2: one fully connected layer on the channels, at every position)
    """
    layers = [isinstance(each, nn.Module) for each in (a, b)]
    if any(layers):
        if not all(layers):
            raise InputError(f"a={_brief(a)}, b={_brief(b)}: give two layers, or two files")
        if (level, trust) != ("full", False):
            raise InputError("level and trust go with files and programs, not with layers")
        if input is None:
            raise InputError("input=None: give the layers' input grid (C, *space)")
        return layers_equal(a, b, input, output, tol)  # type: ignore[arg-type]  # both are layers
    if (input, output, tol) != (None, None, 0.0):
        raise InputError("input, output and tol go with layers, not with files and programs")
    return Equivalence(compare(a, b, level, trust=trust))  # type: ignore[arg-type]  # see above


def compare(
    before: File,
    after: File,
    level: Level = "full",
    *,
    trust: bool = False,
    begin: Callable[[str], None] = lambda _: None,
) -> tuple[Check, ...]:
    """Climb the rungs for two files or programs, as `equal` takes them.

    Args:
        before: a file or program.
        after: another of the same kind.
        level: "full" or "structure".
        trust: load `.pt2` files whatever they hold.
        begin: is told what begins, in words, where files are ONNX.

    Raises:
        InputError: a file cannot be read, or they are of different kinds.
    """
    if level not in LEVELS:
        raise InputError(f"level={level!r} is unknown; use one of {', '.join(LEVELS)}")
    kinds = {_kind(each) for each in (before, after)}
    if len(kinds) > 1:
        raise InputError(f"{_brief(before)} and {_brief(after)} are files of different kinds")
    if kinds == {".pt2"}:
        a, b = (
            each if isinstance(each, ExportedProgram) else load_program(Path(each), trust=trust)
            for each in (before, after)
        )
        return check_programs(a, b, level)
    paths = Path(str(before)), Path(str(after))
    if kinds == {".safetensors"}:
        return (check_safetensors(*paths),)
    from onebyone.equivalence.onnx import check_onnx

    return check_onnx(*paths, level, begin)


def require_file(path: Path) -> None:
    """Refuse what is no file of a known kind.

    Raises:
        InputError: it has another suffix, or is not there.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: give one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"{path}: no such file")


def _kind(given: Any) -> str:
    if isinstance(given, ExportedProgram):
        return ".pt2"
    if not isinstance(given, str | Path):
        raise InputError(f"{given!r}: give a layer, a file or an exported program")
    require_file(Path(given))
    return Path(given).suffix.lower()


def _brief(given: Any) -> str:
    return str(given) if isinstance(given, str | Path) else type(given).__name__
