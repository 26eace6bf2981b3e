"""Weights in `.safetensors` files as convolutions or linear layers read them.

The two shapes hold the same numbers in the same order, so that only the header changes; the numbers
are copied in a stream, whatever their type is.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from onebyone.equivalence.tensors import CHUNK, LENGTH, Header, read_header
from onebyone.rewriting.layouts import LAYOUTS
from onebyone.rewriting.report import Report, Rewritten
from onebyone.rewriting.selection import Selection
from onebyone.wording import by
from onebyone.writing import replacing


def rewrite_safetensors(
    source: Path, to: str, out: Path | None, selection: Selection, layout: str
) -> Rewritten:
    """Reshape matrices [O, C] to kernels [O, C, 1, 1] ([O, C, 1] for "conv1d"), or back.

    A file does not say which of its matrices are linear layers: without `where`, those called
    `weight` are taken, embeddings too.

    Raises:
        InputError: the file cannot be read, or nothing is found under `where`.
    """
    header = read_header(source)
    rows = []
    for name, entry in header.tensors.items():
        shape = tuple(entry["shape"])
        new = _reshaped(shape, to, layout)
        if new is None:
            continue
        unsure = selection.where is None and name.rpartition(".")[2] != "weight"
        reason = "is not called weight; name it with where" if unsure else ""
        row = selection.row(name, str(entry["dtype"]), shape, reason)
        if not row.reason:
            row, entry["shape"] = replace(row, became=by(new)), list(new)
        rows.append(row)
    selection.require(row.name for row in rows)
    text = _text(header)
    after = LENGTH + len(text) + header.size
    if out is not None:
        with replacing(out) as beside, source.open("rb") as old, beside.open("wb") as new_file:
            new_file.write(len(text).to_bytes(LENGTH, "little") + text)
            old.seek(header.start)
            shutil.copyfileobj(old, new_file, CHUNK)
    size = header.start + header.size
    return Rewritten(out, Report(to, layout, tuple(rows), size, after))


def _text(header: Header) -> bytes:
    """The header as a file has it, filled up with spaces to a multiple of eight bytes."""
    noted = {} if header.metadata is None else {"__metadata__": header.metadata}
    text = json.dumps({**noted, **header.tensors}, separators=(",", ":"), ensure_ascii=False)
    data = text.encode()
    return data + b" " * (-len(data) % 8)


def _reshaped(shape: tuple[int, ...], to: str, layout: str) -> tuple[int, ...] | None:
    """The other shape of a tensor; None where it has none."""
    if to == "convolution":
        return (*shape, *LAYOUTS[layout].kernel) if len(shape) == 2 else None
    return shape[:2] if 2 < len(shape) < 6 and set(shape[2:]) == {1} else None
