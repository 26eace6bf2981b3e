"""Which `.pt2` files are safe to load: those that hold a graph and tensors, and no code.

`torch.export.load` unpickles some members of an archive and evaluates some strings of its graph,
so a file made to harm could run any code. What is refused here is what would reach those paths.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from onebyone.errors import InputError

CODE = re.compile(r"(^|/)(custom_obj_|opaque_obj_)|/data/aotinductor/")
LEGACY = re.compile(r"(^|/)serialized_\w+\.|/data/(weights|constants)/[^/]*\.pt$")
OPERATORS = ("torch.ops.", "_operator.", "math.", "torch.sym_")
# Sizes: numbers, names in quotes, arithmetic and sympy's classes, which have capital initials.
SIZE = re.compile(r"(?:[\w\s+\-*/%<>=&|~,.()]|'\w+')*")
NO_SIZE = re.compile(r"__|\.\s*[A-Za-z_]|\)\s*\(|\b[a-z_]\w*\s*\(")


def check_archive(path: Path) -> None:
    """Refuse an exported program that could run code of its own when it is loaded.

    Raises:
        InputError: The file is no archive, is truncated, or holds pickled objects, compiled code,
            or a graph that calls anything other than operators.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            reason = next(_reasons(archive), None)
    except (zipfile.BadZipFile, json.JSONDecodeError, EOFError) as error:
        raise InputError(f"{path}: not a readable .pt2 archive, or truncated ({error})") from error
    if reason is not None:
        raise InputError(
            f"{path}: {reason}, which could run any code when loaded; "
            "pass --trust if you trust where it comes from"
        )


def _reasons(archive: zipfile.ZipFile) -> Iterator[str]:
    for name in archive.namelist():
        if CODE.search(name):
            yield f"holds pickled custom objects or compiled code ({name})"
        if LEGACY.search(name):
            yield f"is of the old format that is unpickled whole ({name})"
        if "/data/sample_inputs/" in name and not _is_plain_tensors(archive.read(name)):
            yield f"holds pickled objects other than tensors ({name})"
        if name.endswith(".json"):
            yield from _reasons_in_graph(name, json.loads(archive.read(name)))


def _is_plain_tensors(pickled: bytes) -> bool:
    import torch

    try:
        if pickled:
            torch.load(io.BytesIO(pickled), weights_only=True)
    except Exception:  # whatever the safe unpickler cannot read is not plain
        return False
    return True


def _reasons_in_graph(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _reasons_in_graph(name, item)
    if not isinstance(value, dict):
        return
    size, target = value.get("expr_str"), value.get("target")
    if value.get("use_pickle"):
        yield f"holds pickled tensors ({name})"
    if isinstance(size, str) and (not SIZE.fullmatch(size) or NO_SIZE.search(size)):
        yield f"has a size that is no plain expression ({size[:40]!r})"
    if isinstance(target, str) and "inputs" in value and not target.startswith(OPERATORS):
        yield f"calls {target[:40]!r}"
    for item in value.values():
        yield from _reasons_in_graph(name, item)
