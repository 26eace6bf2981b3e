"""One axis of the windows inside a network, in integers only.

Inside the network the feature map of a window has `n` positions along an axis, and there are `m`
windows. Position p of window i is *shared* when its receptive field touches no padding: its value
then depends only on where it lies in the image. The shared positions are one interval [a, b);
window i holds position p of it at place i·t + (p − a)·u of a common *lattice*. The others, [0, a)
and [b, n), are *edge* positions, kept for each window.
"""

import operator
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from math import gcd


class Part(Enum):
    """A run of positions along one axis that is stored in the same way."""

    BEFORE = "before"
    SHARED = "shared"
    AFTER = "after"

    __hash__ = object.__hash__  # Enum's own runs in Python, for each key of each block


@dataclass(frozen=True)
class Axis:
    """Where the values of all windows lie along one axis.

    Attributes:
        n: positions in one window.
        m: windows.
        t: lattice places from one window to the next.
        u: lattice places from one position to the next.
        a: first shared position.
        b: first position after the shared ones.
        extent: places of the whole map, where padding touches the image's border only
            (`padding="image"`); None where every window is padded for itself.
        origin: place of the first window in that map.
    """

    n: int
    m: int
    t: int
    u: int
    a: int
    b: int
    extent: int | None = None
    origin: int = 0

    @classmethod
    def of_image(cls, window: int, stride: int, windows: int) -> "Axis":
        """The axis of the image itself: every pixel is shared."""
        return cls(window, windows, stride if windows > 1 else 0, 1, 0, window)

    @property
    def shared(self) -> bool:
        """Whether windows hold anything in common."""
        return self.a < self.b

    @cached_property
    def length(self) -> int:
        """Places on the lattice."""
        if self.extent is not None:
            return self.extent
        return (self.m - 1) * self.t + (self.b - self.a - 1) * self.u + 1 if self.shared else 0

    @cached_property
    def size(self) -> int:
        """Values kept along this axis, the lattice and all edges together."""
        return self.length + self.m * (self.n - self.b + self.a)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts that are not empty, in order of position."""
        return tuple(part for part in Part if operator.lt(*self.positions(part)))

    def positions(self, part: Part) -> tuple[int, int]:
        """First and last-plus-one position of a part."""
        if part is Part.SHARED:
            return self.a, self.b
        return (0, self.a) if part is Part.BEFORE else (self.b, self.n)

    def places(self, part: Part) -> int:
        """Length of the tensor that stores a part.

        Position p of window i of an edge lies at place p·m + i, counted from the edge's first.
        """
        lo, hi = self.positions(part)
        return self.length if part is Part.SHARED else (hi - lo) * self.m

    def ended(self, n: int | None = None) -> "Axis":
        """The same windows with nothing shared: every position is edge."""
        n = self.n if n is None else n
        return Axis(n, self.m, 0, 1, n, n)

    def with_shared(self, n: int, t: int, u: int, a: int, b: int) -> "Axis":
        """The axis with this lattice, thinned to the places in use."""
        if a >= b:
            return self.ended(n)
        # One shared position: u is free, and windows that lie t apart can be next to each other.
        u = (t or 1) if b - a == 1 else u
        g = gcd(t, u)
        return Axis(n, self.m, t // g, u // g, a, b)

    def meet(self, other: "Axis") -> "Axis":
        """The axis on which both operands of an elementwise operator can be read."""
        if not (self.shared and other.shared):
            return self.ended()
        lattice = (self.t, self.u, self.extent, self.origin)
        if lattice != (other.t, other.u, other.extent, other.origin):
            return self.ended()
        a, b = max(self.a, other.a), min(self.b, other.b)
        return replace(self, a=a, b=b) if a < b else self.ended()

    def cropped(self) -> "Axis":
        """The axis of the windows alone, where the map reached beyond them."""
        return replace(self, extent=None, origin=0)
