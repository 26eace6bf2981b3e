"""What is run for an image of one size, as data: loops over windows, one within the other.

Everything here is an integer. A schedule is chosen once for an image size (`choosing`); the graphs
of its bodies are written from it (`emitter`), and run turn by turn (`looping`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from onebyone.windows.axis import Axis
from onebyone.windows.telling import binary
from onebyone.wording import by


@dataclass(frozen=True)
class Loop:
    """Windows along one axis, run some at a time: those of the corners and edges of maps.

    Attributes:
        axis: along which.
        windows: how many there are.
        most: how many a turn has; the first has the rest.
    """

    independent: ClassVar[bool] = True
    """Whether no turn reads what another has computed."""
    called: ClassVar[str] = "turns"

    axis: int
    windows: int
    most: int

    @property
    def turns(self) -> tuple[range, ...]:
        """The windows of each turn."""
        rest = (self.windows - 1) % self.most + 1
        firsts = range(rest, self.windows, self.most)
        return (range(rest), *(range(first, first + self.most) for first in firsts))

    def body(self, turn: range) -> str:
        """The name of the graph that runs a turn."""
        return f"windows{len(turn)}"

    @property
    def bodies(self) -> dict[str, range]:
        """The names of all graphs, each with the first turn that it runs."""
        found: dict[str, range] = {}
        for turn in self.turns:
            found.setdefault(self.body(turn), turn)
        return found

    def of(self, windows: int) -> "Loop":
        """The same loop in a body that has so many windows along its axis."""
        return replace(self, windows=windows, most=min(self.most, windows))

    def __str__(self) -> str:
        how = "independent" if self.independent else "each goes on from the one before"
        windows = "window" if self.most == 1 else "windows"
        return f"axis {self.axis}: {len(self.turns)} {self.called} of {self.most} {windows}, {how}"


@dataclass(frozen=True)
class Bands(Loop):
    """Each turn keeps for the next one what it reads again of the values that windows share."""

    independent = False
    called = "bands"

    def body(self, turn: range) -> str:
        """The first has nothing to go on from."""
        return "following" if turn.start else "first"


@dataclass(frozen=True)
class Pieces(Loop):
    """Each turn computes anew what it has in common with others; one graph runs all.

    Attributes:
        window: pixels of a window.
        stride: pixels from one window to the next.
    """

    called = "pieces"

    window: int
    stride: int

    @property
    def turns(self) -> tuple[range, ...]:
        """The windows of each turn; the last may have some of the one before."""
        firsts = range(0, self.windows, self.most)
        starts = (min(first, self.windows - self.most) for first in firsts)
        return tuple(range(start, start + self.most) for start in starts)

    def pixels(self, turn: range) -> range:
        """The pixels that a turn reads."""
        return range(turn.start * self.stride, turn[-1] * self.stride + self.window)

    def image(self, turn: range) -> Axis:
        """The axis of these pixels."""
        return Axis.of_image(self.window, self.stride, len(turn))

    def body(self, turn: range) -> str:
        """One graph for all that are as large."""
        return f"piece{len(turn)}"


@dataclass(frozen=True)
class Shifts(Pieces):
    """The image shifted by each residue of the stride modulo the network's own.

    Attributes:
        own: pixels of the network's own stride.
        size: of the image.
        step: windows from one of a turn to the next.
    """

    called = "shifts"

    own: int
    size: int
    step: int

    @property
    def turns(self) -> tuple[range, ...]:
        """Every `step`th window, from each of the first ones on."""
        return tuple(
            range(first, self.windows, self.step) for first in range(min(self.step, self.windows))
        )

    def pixels(self, turn: range) -> range:
        """All behind those that the shift leaves out."""
        return range(turn.start * self.stride % self.own, self.size)

    def image(self, turn: range) -> Axis:
        """The axis of the shifted image, a whole map."""
        start = self.pixels(turn).start
        apart = self.stride * self.step if len(turn) > 1 else 0
        return Axis(
            self.window, len(turn), apart, 1, 0, self.window, self.size - start,
            turn.start * self.stride - start,
        )  # fmt: skip

    def body(self, turn: range) -> str:
        """A graph for each: the shifted images are of different sizes."""
        return f"shift{turn.start}"


def first_piece(pieces: Sequence[Pieces]) -> tuple[Axis, ...]:
    """The axes of the first piece, the largest."""
    return tuple(loop.image(loop.turns[0]) for loop in pieces)


@dataclass(frozen=True)
class Schedule:
    """What is run for an image of one size.

    Attributes:
        size: of the image, without batch and channels.
        grid: number of windows along each axis.
        pieces: loops over parts or shifts of the image, one for each axis.
        loops: loops within a piece, from the outermost.
        ended: the axes along which sharing is ended at a step for its cost, by the step's name.
        thrift: how many times less than usual is run at a time, to stay within the memory.
        bytes: an estimate of what intermediate results of one image take.
        whole: the same if the image were run in one piece, with nothing less at a time.
        limit: bytes that they may take.
    """

    size: tuple[int, ...]
    grid: tuple[int, ...]
    pieces: tuple[Pieces, ...]
    loops: tuple[Loop, ...]
    ended: Mapping[str, frozenset[int]]
    thrift: int
    bytes: int
    whole: int
    limit: int

    def __str__(self) -> str:
        loops = [loop for loop in (*self.pieces, *self.loops) if len(loop.turns) > 1]
        lines = [f"{'  ' * depth}{loop}" for depth, loop in enumerate(loops, 1)]
        first = (
            f"{by(self.grid)} windows on {by(self.size)}, in about {binary(self.bytes)} of memory"
        )
        return "\n".join((first, *lines))
