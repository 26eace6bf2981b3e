"""What all sources have in common: regions are checked, and errors name what cannot be read."""

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from onebyone.errors import InputError, first_line
from onebyone.scans.sources.source import Source


class Reader(Source):
    """A source that checks what it is asked for, names what cannot be read, and pickles closed."""

    OPENED: ClassVar[tuple[str, ...]] = ()
    """Attributes of what is open: they are not pickled, and `_reset` sets them anew."""

    def read(self, level: int, start: Sequence[int], size: Sequence[int]) -> np.ndarray:
        """Pixels [C, *size] of one level, in the machine's order of bytes and in one piece."""
        region = ", ".join(f"{a}:{a + n}" for a, n in zip(start, size, strict=False))
        where = f"{self.name}: level {level}, pixels {region} cannot be read"
        if not 0 <= level < len(self.levels):
            raise InputError(f"{where} (it has {len(self.levels)} levels)")
        full = self.levels[level].size
        if len(start) != len(full) or len(size) != len(full):
            raise InputError(f"{where} (the image has {len(full)} axes)")
        inside = zip(start, size, full, strict=True)
        if any(a < 0 or n < 1 or a + n > whole for a, n, whole in inside):
            raise InputError(f"{where} (the level has {' × '.join(map(str, full))} pixels)")
        try:
            pixels = self._read(level, tuple(map(int, start)), tuple(map(int, size)))
        except (InputError, MemoryError):
            raise
        except Exception as error:  # libraries raise errors of any kind of damaged files
            raise InputError(f"{where} ({first_line(error)})") from error
        return np.array(pixels, self.dtype, order="C")

    @abstractmethod
    def _read(self, level: int, start: tuple[int, ...], size: tuple[int, ...], /) -> np.ndarray:
        """Pixels [C, *size] of a region that lies within the level."""

    def _reset(self) -> None:
        """Set the attributes of what is open to those of a source that is closed."""

    def close(self) -> None:
        """Close what is open; reading opens it again."""
        self._reset()

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs, which may have been started in another folder."""
        kept = {name: value for name, value in vars(self).items() if name not in self.OPENED}
        return {k: v.absolute() if isinstance(v, Path) else v for k, v in kept.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._reset()


def sample(source: Source, level: int, size: Sequence[int]) -> str:
    """A digest of the first and the last `size` pixels of a level.

    What cannot be read is taken as such: a scan goes on beside it.
    """
    last = [n - part for n, part in zip(source.levels[level].size, size, strict=True)]
    digest = hashlib.sha256()
    for start in ([0] * len(last), last):
        try:
            digest.update(source.read(level, start, size).tobytes())
        except InputError:
            digest.update(b"cannot be read")
    return digest.hexdigest()


def native(name: str, dtype: Any) -> np.dtype[Any]:
    """The type of pixels as PyTorch knows it: in the machine's order of bytes, at most 64 bits.

    Raises:
        InputError: it is no type of real numbers.
    """
    try:
        known = np.dtype(dtype)
    except TypeError as error:
        raise InputError(f"{name}: pixels must be NumPy's numbers, not {dtype}") from error
    if known.kind not in "fiu":
        raise InputError(f"{name}: pixels must be real numbers, not {known}")
    return known.newbyteorder("=") if known.itemsize <= 8 else np.dtype(np.float64)


def shrink(full: Sequence[int], small: Sequence[int]) -> tuple[float, ...]:
    """Pixels of a level to one of a coarser one: a whole number where rounding explains the sizes.

    Halving 1001 pixels gives 500 or 501, and means 2 either way.
    """
    factors = []
    for long, short in zip(full, small, strict=True):
        whole = max(1, round(long / short))
        rounded = short in (long // whole, -(-long // whole))
        factors.append(float(whole) if rounded else long / short)
    return tuple(factors)
