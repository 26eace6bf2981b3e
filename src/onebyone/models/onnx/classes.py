"""Names of classes in an ONNX file, which are a stranger's text."""

import ast
from collections.abc import Iterator
from typing import Any

import onnx

from onebyone.errors import printable

_KEYS = ("names", "classes", "labels", "class_names")
_MOST = 1 << 20
"""Characters that are read."""
_REFUSALS = (ValueError, SyntaxError, TypeError, RecursionError, MemoryError)
"""What Python raises on text that is none of its own."""


def class_names(model: onnx.ModelProto) -> tuple[str, ...] | None:
    """The names, as far as they can be printed; None without any."""
    for found in _found(model):
        if found and all(isinstance(name, str) for name in found):
            return tuple(map(printable, found))
    return None


def _found(model: onnx.ModelProto) -> Iterator[list[Any]]:
    """What may be names of classes.

    In the metadata RapidOCR's tools write a line for each, Ultralytics a dict by numbers, others a
    list; scikit-learn's converter names probabilities.
    """
    texts = {entry.key: entry.value for entry in model.metadata_props if len(entry.value) <= _MOST}
    yield texts.get("character", "").splitlines()
    yield from (_listed(texts[key]) for key in _KEYS if key in texts)
    for node in model.graph.node:
        if node.op_type == "ZipMap":
            strings = (name for attribute in node.attribute for name in attribute.strings)
            yield [name.decode(errors="replace") for name in strings]


def _listed(text: str) -> list[Any]:
    """A list, or a dict by numbers from 0, as Python writes them; empty of anything else."""
    try:
        found = ast.literal_eval(text)
        if isinstance(found, dict) and sorted(found) == list(range(len(found))):
            return [found[number] for number in range(len(found))]
    except _REFUSALS:
        return []
    return list(found) if isinstance(found, list | tuple) else []
