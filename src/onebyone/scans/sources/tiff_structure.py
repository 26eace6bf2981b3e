"""The directories of a TIFF file: whether all that they point to is there, and its tags."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from onebyone.errors import InputError

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
SUBFILES = 330
SEGMENTS = ((273, 279), (324, 325))  # tags of offsets and byte counts: of strips, and of tiles
GEOKEYS = 34735
TYPES = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}  # those of whole numbers
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
SIZES |= {13: 4, 16: 8, 17: 8, 18: 8}


def is_tiff(path: Path) -> bool:
    """Whether a file begins as a TIFF or a BigTIFF does."""
    with path.open("rb") as file:
        return file.read(4) in MAGIC


def check_tiff(path: Path) -> frozenset[int]:
    """Compare all that a TIFF file points to with the file's size, and return its first tags.

    Readers open a truncated file, and find out when they reach what is missing.

    Raises:
        InputError: the file is truncated, or its directories are damaged.
    """
    first: frozenset[int] | None = None
    with path.open("rb") as file:
        try:
            for tags in _directories(file, path.stat().st_size):
                first = frozenset(tags) if first is None else first
        except (struct.error, ValueError, OverflowError) as error:
            raise InputError(f"{path}: the file is truncated or damaged ({error})") from error
    return first or frozenset()


class _Tag(NamedTuple):
    kind: int
    numbers: int
    at: int  # where its value begins in the file


def _directories(file: BinaryIO, size: int) -> Iterator[dict[int, _Tag]]:
    """The tags of every directory, checked."""
    order = "<" if file.read(2) == b"II" else ">"
    big = _number(file, order + "H", 2) == 43
    word = order + ("Q" if big else "I")
    waiting, seen = [_number(file, word, 8 if big else 4)], set()
    while waiting:
        at = waiting.pop()
        if at == 0 or at in seen:
            continue
        seen.add(at)
        if at >= size:
            raise ValueError(f"a directory begins at byte {at}, the file ends at {size}")
        count = _number(file, order + ("Q" if big else "H"), at)
        begin, step = at + (8 if big else 2), 20 if big else 12
        end = begin + count * step
        if count == 0:
            raise ValueError("a directory is empty")
        if end + struct.calcsize(word) > size:
            raise ValueError(f"a directory ends at byte {end}, the file at {size}")
        waiting.append(_number(file, word, end))
        tags = _tags(file, order, begin, count, big)
        for number, tag in tags.items():
            if tag.at + tag.numbers * SIZES.get(tag.kind, 1) > size:
                raise ValueError(f"the value of tag {number} ends behind its {size} bytes")
        for offsets, counts in SEGMENTS:
            if offsets in tags and counts in tags:
                _check_segments(file, order, size, tags[offsets], tags[counts])
        if SUBFILES in tags:
            waiting.extend(_values(file, order, tags[SUBFILES]).tolist())
        yield tags
    if not seen:
        raise ValueError("it has no directory")


def _tags(file: BinaryIO, order: str, begin: int, count: int, big: bool) -> dict[int, _Tag]:
    entry = struct.Struct(order + ("HHQ8s" if big else "HHI4s"))
    file.seek(begin)
    entries = file.read(count * entry.size)
    tags = {}
    for number, (tag, kind, length, value) in enumerate(entry.iter_unpack(entries)):
        at = begin + number * entry.size + entry.size - len(value)
        if length * SIZES.get(kind, 1) > len(value):
            (at,) = struct.unpack(order + ("Q" if big else "I"), value)
        tags[tag] = _Tag(kind, length, at)
    return tags


def _check_segments(file: BinaryIO, order: str, size: int, offsets: _Tag, counts: _Tag) -> None:
    if offsets.numbers != counts.numbers:
        raise ValueError(f"{offsets.numbers} tiles or strips have {counts.numbers} byte counts")
    ends = _values(file, order, offsets) + _values(file, order, counts)
    if ends.size and ends.max() > size:
        raise ValueError(
            f"{(ends > size).sum()} of {ends.size} tiles or strips end behind its {size} bytes"
        )


def _values(file: BinaryIO, order: str, tag: _Tag) -> np.ndarray:
    if tag.kind not in TYPES:
        raise ValueError(f"a tag has numbers of type {tag.kind}")
    kind = np.dtype(order + TYPES[tag.kind])
    file.seek(tag.at)
    values = np.frombuffer(file.read(tag.numbers * kind.itemsize), kind)
    return np.minimum(values.astype(np.uint64), 2**62 - 1).astype(np.int64)


def _number(file: BinaryIO, form: str, at: int) -> int:
    file.seek(at)
    (number,) = struct.unpack(form, file.read(struct.calcsize(form)))
    return int(number)
