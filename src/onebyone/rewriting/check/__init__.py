"""Whether two ONNX files are the same function: by structure, by integers, by numbers."""

from pathlib import Path

from onebyone.errors import InputError
from onebyone.rewriting.report import Check

LEVELS = ("full", "structure", "off")


def check(before: Path, after: Path, level: str = "full") -> tuple[Check, ...]:
    """Compare two ONNX files, whoever wrote them.

    Args:
        before: the original.
        after: the file that should be the same function.
        level: "full" for all checks, "structure" for the one that runs nothing and holds for
            every input and file size, "off" for none.

    Returns:
        One row for each check.

    Raises:
        InputError: `level` is none of the three, or onnx and onnxruntime are not installed.
    """
    if level not in LEVELS:
        raise InputError(f"level={level!r}: give one of {', '.join(LEVELS)}")
    if level == "off":
        return ()
    try:
        from onebyone.rewriting.check.integers import integers
        from onebyone.rewriting.check.numbers import numbers
        from onebyone.rewriting.check.structure import structure
    except ModuleNotFoundError as error:
        raise InputError(f"checking needs {error.name}: pip install 'onebyone[onnx]'") from error
    if level == "structure":
        return (structure(before, after),)
    return structure(before, after), integers(before, after), numbers(before, after)
