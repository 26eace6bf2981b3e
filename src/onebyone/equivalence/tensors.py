"""Whether two `.safetensors` files hold the same weights, in shapes of the same layers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from onebyone.equivalence.ladder import STRUCTURE, Check, Unlike, rung
from onebyone.errors import InputError

LENGTH = 8  # bytes that say how long the header is, in front of it
CHUNK = 2**20


@rung(STRUCTURE)
def check_safetensors(before: Path, after: Path) -> Check:
    """Whether two files hold the same numbers, in shapes that differ by kernels of 1 at most."""
    a, b = read_header(before), read_header(after)
    if a.metadata != b.metadata:
        raise Unlike("the metadata differ")
    for name in a.tensors | b.tensors:
        if name not in a.tensors or name not in b.tensors:
            raise Unlike(f"{name} is in one file only")
        old, new = a.tensors[name], b.tensors[name]
        if old["dtype"] != new["dtype"]:
            raise Unlike(f"{name} is {old['dtype']} and becomes {new['dtype']}")
        was, now = old["shape"], new["shape"]
        if was != now and _without_kernel(was) != _without_kernel(now):
            raise Unlike(f"{name} is {was} and becomes {now}")
    for name in a.tensors:
        if any(x != y for x, y in zip_longest(a.chunks(name), b.chunks(name))):
            raise Unlike(f"{name} holds other numbers")
    return Check(STRUCTURE, True, f"{len(a.tensors)} tensors are equal bit for bit")


@dataclass(frozen=True)
class Header:
    """What a file says of its tensors.

    Attributes:
        tensors: type, shape and place of each, by name.
        metadata: what else was noted; None where there is no such entry.
        start: the first byte of the numbers.
        size: how many bytes they are.
    """

    path: Path
    tensors: dict[str, dict[str, Any]]
    metadata: dict[str, str] | None
    start: int
    size: int

    def chunks(self, name: str) -> Iterator[bytes]:
        """The numbers of a tensor, some at a time."""
        place, stop = (self.start + offset for offset in self.tensors[name]["data_offsets"])
        with self.path.open("rb") as file:
            file.seek(place)
            while place < stop:
                yield file.read(min(CHUNK, stop - place))
                place += CHUNK


def read_header(path: Path) -> Header:
    """Read what a file says of its tensors.

    Raises:
        InputError: it cannot be read, or its header does not fit its length.
    """
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
    return Header(path, tensors, metadata, start, path.stat().st_size - start)


def _without_kernel(shape: list[int]) -> list[int]:
    return shape[:2] if set(shape[2:]) <= {1} else shape
