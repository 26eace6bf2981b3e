"""Weights in `.safetensors` files as convolutions or linear layers read them.

The two shapes hold the same numbers in the same order, so that only the header changes; the numbers
are copied in a stream, whatever their type is.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO

from safetensors import SafetensorError, safe_open

from onebyone.errors import InputError
from onebyone.rewriting.layouts import LAYOUTS
from onebyone.rewriting.report import Check, Report, Rewritten
from onebyone.rewriting.selection import Selection
from onebyone.writing import replacing

LENGTH = 8  # bytes that say how long the header is, in front of it
CHUNK = 2**20


def rewrite_safetensors(
    source: Path, to: str, out: Path | None, selection: Selection, layout: str
) -> Rewritten:
    """Reshape matrices [O, C] to kernels [O, C, 1, 1] ([O, C, 1] for "conv1d"), or back.

    A file does not say which of its matrices are linear layers: without `where`, those called
    `weight` are taken, embeddings too.

    Args:
        source: a `.safetensors` file.
        to: "convolution" or "linear".
        out: the file to write; None writes nothing.
        selection: of tensors by name.
        layout: one of `layouts.LAYOUTS`.

    Raises:
        InputError: the file cannot be read, or nothing is found under `where`.
    """
    header = _read_header(source)
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
            row, entry["shape"] = replace(row, became="×".join(map(str, new))), list(new)
        rows.append(row)
    selection.require(row.name for row in rows)
    text = header.text()
    after = LENGTH + len(text) + header.size
    if out is not None:
        with replacing(out) as beside, source.open("rb") as old, beside.open("wb") as new_file:
            new_file.write(len(text).to_bytes(LENGTH, "little") + text)
            old.seek(header.start)
            shutil.copyfileobj(old, new_file, CHUNK)
    size = header.start + header.size
    return Rewritten(out, Report(to, layout, tuple(rows), size, after))


def check_safetensors(before: Path, after: Path) -> Check:
    """Whether two files hold the same numbers, in shapes that differ by kernels of 1 at most."""
    a, b = _read_header(before), _read_header(after)
    fault = next(_header_faults(a, b), "")
    if not fault:
        with before.open("rb") as old, after.open("rb") as new:
            fault = _byte_fault(a, old, b, new)
    equal = f"{len(a.tensors)} tensors are equal bit for bit"
    return Check("structure", not fault, fault or equal)


@dataclass(frozen=True)
class _Header:
    """What a file says of its tensors.

    Attributes:
        tensors: type, shape and place of each, by name.
        metadata: what else was noted; None where there is no such entry.
        start: the first byte of the numbers.
        size: how many bytes they are.
    """

    tensors: dict[str, dict[str, Any]]
    metadata: dict[str, str] | None
    start: int
    size: int

    def text(self) -> bytes:
        """The header as a file has it, filled up with spaces to a multiple of eight bytes."""
        noted = {} if self.metadata is None else {"__metadata__": self.metadata}
        text = json.dumps({**noted, **self.tensors}, separators=(",", ":"), ensure_ascii=False)
        data = text.encode()
        return data + b" " * (-len(data) % 8)


def _read_header(path: Path) -> _Header:
    try:
        with safe_open(path, "pt"):
            pass  # whoever reads it next can rely on its header
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read as .safetensors ({error})") from error
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH), "little")
        tensors = json.loads(file.read(length))
    metadata = tensors.pop("__metadata__", None)
    start = LENGTH + length
    return _Header(tensors, metadata, start, path.stat().st_size - start)


def _reshaped(shape: tuple[int, ...], to: str, layout: str) -> tuple[int, ...] | None:
    """The other shape of a tensor; None where it has none."""
    if to == "convolution":
        return (*shape, *LAYOUTS[layout].kernel) if len(shape) == 2 else None
    return shape[:2] if 2 < len(shape) < 6 and set(shape[2:]) == {1} else None


def _header_faults(a: _Header, b: _Header) -> Iterator[str]:
    if a.metadata != b.metadata:
        yield "the metadata differ"
    for name in [*a.tensors, *(b.tensors.keys() - a.tensors.keys())]:
        if name not in a.tensors or name not in b.tensors:
            yield f"{name} is in one file only"
            return
        old, new = a.tensors[name], b.tensors[name]
        if old["dtype"] != new["dtype"]:
            yield f"{name} is {old['dtype']} and becomes {new['dtype']}"
        shapes = (old["shape"], new["shape"])
        if shapes[0] != shapes[1] and _without_kernel(shapes[0]) != _without_kernel(shapes[1]):
            yield f"{name} is {old['shape']} and becomes {new['shape']}"


def _without_kernel(shape: list[int]) -> list[int]:
    return shape[:2] if set(shape[2:]) <= {1} else shape


def _byte_fault(a: _Header, old: BinaryIO, b: _Header, new: BinaryIO) -> str:
    """The first tensor whose bytes differ; each is read where its own file has it."""
    for name, entry in a.tensors.items():
        parts = (_chunks(a, old, entry), _chunks(b, new, b.tensors[name]))
        if any(x != y for x, y in zip_longest(*parts)):
            return f"{name} holds other numbers"
    return ""


def _chunks(header: _Header, file: BinaryIO, entry: dict[str, Any]) -> Iterator[bytes]:
    place, stop = (header.start + offset for offset in entry["data_offsets"])
    while place < stop:
        file.seek(place)
        yield file.read(min(CHUNK, stop - place))
        place += CHUNK
