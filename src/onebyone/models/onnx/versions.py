"""The operator sets that an ONNX file says it is written in."""

from collections.abc import Iterable

import onnx

from onebyone.errors import InputError
from onebyone.models.shown import shown

_LAST = 1 << 20
"""Versions beyond are no versions; ONNX itself is at some twenty."""

_MOST = 100
"""Operator sets that a file may name; each is told to ONNX with each node."""


def versions(imports: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    """The one version of each domain; of ONNX's own operators under ""."""
    found: dict[str, int] = {}
    for entry in imports:
        domain = "" if entry.domain == "ai.onnx" else entry.domain
        if not 0 < entry.version < _LAST:
            raise InputError(f"operator set {shown(domain)} has the version {entry.version}")
        if found.setdefault(domain, entry.version) != entry.version:
            raise InputError(f"operator set {shown(domain)} has two versions")
    if len(found) > _MOST:
        raise InputError(f"names {len(found)} operator sets")
    if not found:
        raise InputError("is not an ONNX file: it names no opset")
    return found
