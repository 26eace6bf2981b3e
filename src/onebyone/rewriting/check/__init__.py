"""Whether two ONNX files are the same function: by structure, by integers, by numbers."""

from collections.abc import Callable
from pathlib import Path

from onebyone.errors import InputError
from onebyone.rewriting.report import Check

LEVELS = ("full", "structure", "off")
SAME = "the same nodes and constants; nothing needs to be understood or run"


def _silent(_: str) -> None:
    """Told what is begun, say nothing."""


def check(
    before: Path, after: Path, level: str = "full", begin: Callable[[str], None] = _silent
) -> tuple[Check, ...]:
    """Compare two ONNX files, whoever wrote them.

    Args:
        before: the original.
        after: the file that should be the same function.
        level: "full" for all checks, "structure" for the one that runs nothing and holds for
            every input and file size, "off" for none.
        begin: is told what begins, in words.

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
        from onebyone.rewriting.check.reading import opened
        from onebyone.rewriting.check.structure import structure
        from onebyone.rewriting.check.text import same_text
    except ModuleNotFoundError as error:
        raise InputError(f"checking needs {error.name}: pip install 'onebyone[onnx]'") from error
    checks = (structure, integers, numbers)[: 1 if level == "structure" else None]
    if same_text(opened(before), opened(after)):
        return tuple(Check(each.__name__, True, SAME) for each in checks)
    rows = []
    for each in checks:
        begin(f"checking {each.__name__}")
        rows.append(each(before, after))
    return tuple(rows)
