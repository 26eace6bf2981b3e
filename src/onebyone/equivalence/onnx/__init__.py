"""Whether two ONNX files are the same function: by structure, by integers, by numbers."""

from collections.abc import Callable
from pathlib import Path

from onebyone.equivalence.ladder import STRUCTURE, Check
from onebyone.errors import InputError

SAME = "the same nodes and constants; nothing needs to be understood or run"


def check_onnx(
    before: Path, after: Path, level: str = "full", begin: Callable[[str], None] = lambda _: None
) -> tuple[Check, ...]:
    """Compare two ONNX files, whoever wrote them; `begin` is told of each check.

    Raises:
        InputError: a file cannot be read, or onnx and onnxruntime are not installed.
    """
    try:
        from onebyone.equivalence.onnx.files import File
        from onebyone.equivalence.onnx.integers import integers
        from onebyone.equivalence.onnx.numbers import numbers
        from onebyone.equivalence.onnx.structure import structure
        from onebyone.equivalence.onnx.text import same_text
    except ModuleNotFoundError as error:
        raise InputError(f"checking needs {error.name}: pip install 'onebyone[onnx]'") from error
    checks = (structure, integers, numbers)[: 1 if level == STRUCTURE else None]
    files = File(before), File(after)
    if same_text(files[0].model, files[1].model):
        return tuple(Check(each.__name__, True, SAME, inputs=None) for each in checks)
    rows = []
    for each in checks:
        begin(f"checking {each.__name__}")
        rows.append(each(*files))
    return tuple(rows)
