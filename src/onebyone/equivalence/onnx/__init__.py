"""Whether two ONNX files are the same function: by structure, by integers, by numbers."""

from collections.abc import Callable
from pathlib import Path

from onebyone.equivalence.ladder import STRUCTURE, Check
from onebyone.errors import InputError

SAME = "the same nodes and constants; nothing needs to be understood or run"


def check_onnx(
    before: Path, after: Path, level: str = "full", begin: Callable[[str], None] = lambda _: None
) -> tuple[Check, ...]:
    """Compare two ONNX files, whoever wrote them.

    Args:
        before: the original.
        after: the file that should be the same function.
        level: "full" for all checks, "structure" for the one that runs nothing and holds for
            every input and file size.
        begin: is told what begins, in words.

    Returns:
        One row for each check.

    Raises:
        InputError: a file cannot be read, or onnx and onnxruntime are not installed.
    """
    try:
        from onebyone.equivalence.onnx.files import opened
        from onebyone.equivalence.onnx.integers import integers
        from onebyone.equivalence.onnx.numbers import numbers
        from onebyone.equivalence.onnx.structure import structure
        from onebyone.equivalence.onnx.text import same_text
    except ModuleNotFoundError as error:
        raise InputError(f"checking needs {error.name}: pip install 'onebyone[onnx]'") from error
    checks = (structure, integers, numbers)[: 1 if level == STRUCTURE else None]
    if same_text(opened(before), opened(after)):
        return tuple(Check(each.__name__, True, SAME, inputs=None) for each in checks)
    rows = []
    for each in checks:
        begin(f"checking {each.__name__}")
        rows.append(each(before, after))
    return tuple(rows)
