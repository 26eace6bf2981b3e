"""Layouts: how values lie as a convolution's input, and how as a linear layer's."""

from collections.abc import Sequence
from dataclasses import dataclass

from onebyone.rewriting.moves import Move, transpose


@dataclass(frozen=True)
class ChannelsFirst:
    """Where the positions of [..., C] lie in a convolution's input.

    Attributes:
        signal: the move of [B, S, C].
        highest: the highest rank whose axes of positions stay axes; of higher ones they are merged.
    """

    signal: Move
    highest: int = 3

    @property
    def kernel(self) -> tuple[int, ...]:
        """The extent of a 1×1 convolution's kernel."""
        return (1,) * (len(self.signal.axes) - 2)

    def move(self, rank: int) -> Move | None:
        """The move of [..., C] of this rank; None where positions must be merged first."""
        if rank == 3:
            return self.signal
        if rank in {1, 2}:
            batch = 0 if rank == 2 else None
            return Move(rank, (batch, rank - 1, *(None for _ in self.kernel)))
        if 3 < rank <= self.highest:
            return transpose((0, rank - 1, *range(1, rank - 1)))
        return None

    @property
    def columns(self) -> Move:
        """The move of [B, C, S], which a matrix on its left multiplies."""
        return transpose((0, 2, 1)).then(self.signal)


LAYOUTS = {
    "conv1d": ChannelsFirst(Move(3, (0, 2, 1))),
    "BCS1": ChannelsFirst(Move(3, (0, 2, 1, None))),
    "BC1S": ChannelsFirst(Move(3, (0, 2, None, 1))),
    "BCHW": ChannelsFirst(Move(3, (0, 2, None, 1)), highest=5),
}


def channels_last(sizes: Sequence[object]) -> Move | None:
    """The move of a convolution's input to a linear layer's: axes of one position go."""
    rank = len(sizes)
    if rank < 3:
        return None
    return Move(rank, (0, *(k for k in range(2, rank) if sizes[k] != 1), 1))
