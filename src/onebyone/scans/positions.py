"""Where the windows of an image lie along one axis, and what is done at its end."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from onebyone.choices import Edge
from onebyone.errors import InputError

EDGES = get_args(Edge)


@dataclass(frozen=True)
class Run:
    """Windows that lie one stride apart.

    Attributes:
        windows: their numbers.
        start: the first pixel of the first of them.
    """

    windows: range
    start: int


@dataclass(frozen=True)
class Positions:
    """The windows along one axis.

    Attributes:
        length: pixels of the image.
        window: pixels of a window.
        stride: pixels from one window to the next.
        edge: "drop" has the windows that lie within the image; "pad" one more where pixels are left
            at the end, reaching beyond the image; "cover" has that one end with the image, so that
            it is less than a stride from the one before.

    Raises:
        InputError: there is no window; or the edge is unknown.
    """

    length: int
    window: int
    stride: int
    edge: str = "drop"

    def __post_init__(self) -> None:
        if self.edge not in EDGES:
            raise InputError(f"edge={self.edge!r} is unknown; use one of {', '.join(EDGES)}")
        if not self.length or (self.edge != "pad" and self.length < self.window):
            raise InputError(
                f"a window of {self.window} pixels is larger than the image, which has "
                f'{self.length} there; edge="pad" lets windows reach beyond it'
            )

    @property
    def _regular(self) -> int:
        """How many windows lie within the image, each a stride behind the one before."""
        return max(self.length - self.window + self.stride, 0) // self.stride

    @property
    def count(self) -> int:
        """How many windows there are."""
        ends = (self._regular - 1) * self.stride + self.window if self._regular else 0
        return self._regular + (self.edge != "drop" and ends < self.length)

    def start(self, number: int) -> int:
        """The first pixel of a window."""
        start = number * self.stride
        return min(start, self.length - self.window) if self.edge == "cover" else start

    def runs(self, windows: range) -> Iterator[Run]:
        """Consecutive windows as runs, one or two."""
        whole = self.count if self.edge == "pad" else self._regular
        regular = range(windows.start, min(windows.stop, whole))
        if regular:
            yield Run(regular, regular.start * self.stride)
        if windows.stop > whole:
            yield Run(range(whole, windows.stop), self.start(whole))
