"""How an operator moves positions along one axis, and what it reads to make a part of its output.

The formulas are those of `axis`: shared positions stay where they lie in the image, and an
operator on the lattice is the same operator without padding, dilated and thinned. The edges of all
windows are a lattice too, one position after the other, on which it is dilated by the number of
windows.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from onebyone.windows.axis import Axis, Part


@dataclass(frozen=True)
class Lattice:
    """A stretch of the shared lattice, from the first window's first shared position."""

    start: int
    length: int


@dataclass(frozen=True)
class Strip:
    """These positions of every window, in this order; those outside [0, n) are padding.

    Attributes:
        positions: of one window.
        fill: what stands for padding.
    """

    positions: Sequence[int]
    fill: float = 0.0


@dataclass(frozen=True)
class Reading:
    """What an operator reads along one axis to make one part of its output.

    `stride` and `dilation` are in places of what is read. `crop` is used by transposed
    convolutions: (start, length) of what is kept of their result.
    """

    request: Lattice | Strip
    stride: int = 1
    dilation: int = 1
    crop: tuple[int, int] | None = None

    def behind(self, places: int) -> "Reading":
        """What is read of a lattice where the output's first places are not made."""
        if not places:
            return self
        assert isinstance(self.request, Lattice)
        skip = places * self.stride
        return replace(self, request=Lattice(self.request.start + skip, self.request.length - skip))


class Mover(ABC):
    """How an operator moves positions along one axis.

    Attributes:
        dilates: whether it can run on the edges of all windows as on a lattice; otherwise it runs
            on a batch of windows.
        continues: whether a band can go on where another ended.
    """

    dilates: ClassVar[bool] = False
    continues: ClassVar[bool] = False

    @property
    def reaches(self) -> bool:
        """Whether an output may read more than one position."""
        return True

    @property
    def pads(self) -> bool:
        """Whether it may read what is outside."""
        return True

    @abstractmethod
    def after(self, axis: Axis, n: int) -> Axis:
        """The axis of the output, which has n positions."""

    @abstractmethod
    def reading(self, axis: Axis, out: Axis, part: Part) -> Reading:
        """What to read of the input to make a part of the output."""

    def computed(self, axis: Axis, out: Axis) -> int:  # noqa: ARG002 - by default per output
        """At how many positions the operator's work is done."""
        return out.size

    def unit(self, n: int, n_out: int) -> int:  # noqa: ARG002 - by default per output
        """The same for one window that shares nothing, of n positions and n_out after it."""
        return n_out

    @property
    @abstractmethod
    def scale(self) -> tuple[int, int]:
        """Image pixels per position of the output over those of the input: (times, divided by)."""


@dataclass(frozen=True)
class Kernel(Mover):
    """A local operator: output position p reads p·stride − before + dilation·κ, κ < size."""

    dilates: ClassVar[bool] = True
    continues: ClassVar[bool] = True

    size: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0
    behind: int = 0
    ceil: bool = False

    @property
    def reach(self) -> int:
        """Positions from the first to the last that one output reads."""
        return self.dilation * (self.size - 1)

    @property
    def reaches(self) -> bool:
        """Where it has more than one tap."""
        return self.size > 1

    @property
    def pads(self) -> bool:
        """Whether it may read what is outside."""
        return self.before > 0 or self.behind > 0 or self.ceil

    @property
    def scale(self) -> tuple[int, int]:
        """Pixels per position grow by the stride."""
        return self.stride, 1

    def after(self, axis: Axis, n: int) -> Axis:
        """The axis of the output: the positions whose kernel stays on shared ones are shared."""
        if axis.extent is not None:
            r = self.stride
            return replace(
                axis,
                n=n,
                b=n,
                t=axis.t // r,
                extent=self.count(axis.extent),
                origin=axis.origin // r,
            )
        if not axis.shared:
            return axis.ended(n)
        a = max(0, -(-(axis.a + self.before) // self.stride))
        b = min(n, (axis.b - 1 - self.reach + self.before) // self.stride + 1)
        return axis.with_shared(n, axis.t, axis.u * self.stride, a, b)

    def count(self, n: int) -> int:
        """Output positions of n input positions, by PyTorch's rule."""
        room = n + self.before + self.behind - self.reach - 1
        if not self.ceil:
            return room // self.stride + 1
        count = -(-room // self.stride) + 1
        return count - 1 if (count - 1) * self.stride >= n + self.before else count

    def reading(self, axis: Axis, out: Axis, part: Part) -> Reading:
        """The lattice stretch, or the strip with its halo, that a part of the output reads."""
        lo, hi = out.positions(part)
        if axis.extent is not None and out.extent is not None:
            length = (out.extent - 1) * self.stride + self.reach + 1
            return Reading(Lattice(-self.before - axis.origin, length), self.stride, self.dilation)
        if part is Part.SHARED:
            # The lattice may be thinned; the output's own steps tell by how much.
            step = axis.t // out.t if out.t else axis.u * self.stride
            start = (lo * self.stride - self.before - axis.a) * axis.u
            dilation = self.dilation * axis.u
            length = (out.length - 1) * step + dilation * (self.size - 1) + 1
            return Reading(Lattice(start, length), step, dilation)
        first = lo * self.stride - self.before
        if self.stride == 1:
            stop = first + hi - lo + self.reach
            return Reading(Strip(range(first, stop)), dilation=self.dilation * out.m)
        # The first position of the kernel for all outputs, then the second: so no stride is left.
        taps = range(first, first + self.reach + 1, self.dilation)
        steps = range(0, (hi - lo) * self.stride, self.stride)
        strip = Strip(tuple(tap + step for tap in taps for step in steps))
        return Reading(strip, dilation=(hi - lo) * out.m)


@dataclass(frozen=True)
class Repeat(Mover):
    """Nearest-neighbour upsampling: output position p reads p // factor."""

    factor: int

    @property
    def scale(self) -> tuple[int, int]:
        """Pixels per position shrink by the factor."""
        return 1, self.factor

    def after(self, axis: Axis, n: int) -> Axis:
        """The axis of the output; a lattice with gaps (u > 1) cannot be repeated."""
        f = self.factor
        if axis.extent is not None:
            return replace(
                axis, n=n, b=n, t=axis.t * f, extent=axis.extent * f, origin=axis.origin * f
            )
        if not axis.shared or axis.u != 1:
            return axis.ended(n)
        return Axis(n, axis.m, axis.t * f, 1, axis.a * f, axis.b * f)

    def reading(self, axis: Axis, out: Axis, part: Part) -> Reading:
        """Exactly the input positions that the part repeats."""
        if part is Part.SHARED:
            return Reading(Lattice(0, axis.length))
        lo, hi = out.positions(part)
        return Reading(Strip(range(lo // self.factor, hi // self.factor)))


@dataclass(frozen=True)
class Transposed(Mover):
    """A transposed convolution: input j adds to outputs j·stride − before + dilation·κ."""

    size: int
    stride: int
    dilation: int
    before: int
    behind: int
    extra: int = 0

    @property
    def reach(self) -> int:
        """Output positions from the first to the last that one input adds to."""
        return self.dilation * (self.size - 1)

    @property
    def scale(self) -> tuple[int, int]:
        """Pixels per position shrink by the stride."""
        return 1, self.stride

    def after(self, axis: Axis, n: int) -> Axis:
        """The axis of the output: shared where every input that could add to it is shared."""
        r = self.stride
        if axis.extent is not None:
            extent = (axis.extent - 1) * r - self.before - self.behind + self.reach + 1 + self.extra
            return replace(axis, n=n, b=n, t=axis.t * r, extent=extent, origin=axis.origin * r)
        if not axis.shared or axis.u != 1:
            return axis.ended(n)
        a = max(0, (axis.a - 1) * r + 1 + self.reach - self.before, axis.a * r - self.before)
        b = min(n, axis.b * r - self.before, (axis.b - 1) * r + self.reach + 1 - self.before)
        return Axis(n, axis.m, axis.t * r, 1, a, b) if a < b else axis.ended(n)

    def reading(self, axis: Axis, out: Axis, part: Part) -> Reading:
        """The inputs that add to a part, and which stretch of the result it is."""
        lo, hi = out.positions(part)
        if part is Part.SHARED:
            crop = (lo + self.before - axis.a * self.stride, out.length)
            return Reading(Lattice(0, axis.length), self.stride, self.dilation, crop)
        first = -(-(lo + self.before - self.reach) // self.stride)
        last = (hi - 1 + self.before) // self.stride
        first, last = min(max(first, 0), axis.n - 1), min(max(last, 0), axis.n - 1)
        crop = (lo + self.before - first * self.stride, hi - lo)
        return Reading(Strip(range(first, max(last, first) + 1)), self.stride, self.dilation, crop)

    def computed(self, axis: Axis, out: Axis) -> int:
        """Every input position that is read: the work of a transposed convolution is per input."""
        total = 0
        for part in out.parts:
            request = self.reading(axis, out, part).request
            if isinstance(request, Lattice):
                total += request.length
            else:
                total += len(request.positions) * axis.m
        return total

    def unit(self, n: int, n_out: int) -> int:  # noqa: ARG002 - the work is per input
        """Every input position."""
        return n


@dataclass(frozen=True)
class Mixing(Mover):
    """An operator that mixes all positions of a window along this axis: sharing ends on it."""

    @property
    def scale(self) -> tuple[int, int]:
        """Pixels per position are taken to stay."""
        return 1, 1

    def after(self, axis: Axis, n: int) -> Axis:
        """Every position is edge."""
        return axis.ended(n)

    def reading(self, axis: Axis, out: Axis, part: Part) -> Reading:  # noqa: ARG002 - all is read
        """All positions of every window."""
        return Reading(Strip(range(axis.n)))
