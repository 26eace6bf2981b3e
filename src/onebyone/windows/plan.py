"""The plan for one image size: a schedule, and the graphs that are written from it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

from torch import nn

from onebyone.graphs.capture import example_windows
from onebyone.windows.cut import Sharing, share
from onebyone.windows.emitter import emit
from onebyone.windows.looping import through_parts
from onebyone.windows.lowering import Lowered
from onebyone.windows.schedule import Schedule, first_piece


@dataclass(frozen=True)
class Plan:
    """The network at every window of an image of one size.

    It can be printed, copied and pickled: graphs are written again from the schedule.

    Attributes:
        schedule: what is run, as data.
        lowered: the network.
        module: graphs in loops; takes [B, C, *size] and gives each output as [B, ..., *grid].

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 2)).eval()
        >>> plan = ob.slide(model, window=(1, 8, 8), stride=1).plan(32, 32)
        >>> plan.grid, plan.ratio > 4  # windows along each axis; crops cost four times as much
        ((25, 25), True)
        >>> scores, *_ = plan.module(torch.rand(1, 1, 32, 32))  # graphs of PyTorch's operators
        >>> scores.shape
        torch.Size([1, 2, 25, 25])
    """

    schedule: Schedule
    lowered: Lowered
    module: nn.Module

    @classmethod
    def of(cls, lowered: Lowered, schedule: Schedule) -> "Plan":
        """Write the graphs of a schedule."""
        constants = nn.Module()  # this plan's, with its tables
        for name, value in lowered.captured.constants.named_buffers():
            constants.register_buffer(name, value, persistent=False)
        captured = replace(lowered.captured, constants=constants)
        module = emit(replace(lowered, captured=captured), schedule)
        constants.to(example_windows(captured.model, (), 0).device)
        return cls(schedule, lowered, module)

    def __reduce__(self) -> tuple[Any, ...]:
        return Plan.of, (self.lowered, self.schedule)

    def __str__(self) -> str:
        return str(self.schedule)

    __repr__ = __str__

    @property
    def size(self) -> tuple[int, ...]:
        """Of the image, without batch and channels."""
        return self.schedule.size

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of windows along each axis."""
        return self.schedule.grid

    @property
    def pieces(self) -> int:
        """Number of pieces (parts, or shifts of the image) that are run one by one."""
        return prod(len(loop.turns) for loop in self.schedule.pieces)

    @cached_property
    def sharing(self) -> Sharing:
        """What is shared in the largest piece."""
        return share(self.lowered, first_piece(self.schedule.pieces), self.schedule.ended)

    @cached_property
    def multiply_adds(self) -> int:
        """Operations of all pieces for one image; a multiplication and an addition are two."""
        images = Counter(product(*(map(loop.image, loop.turns) for loop in self.schedule.pieces)))
        return sum(
            count * sum(share(self.lowered, image, self.schedule.ended).multiply_adds.values())
            for image, count in images.items()
        )

    @property
    def crops(self) -> int:
        """The same for running every crop."""
        return sum(self.lowered.multiply_adds.values()) * prod(self.grid)

    @property
    def ratio(self) -> float:
        """Operations of crops over operations of this plan."""
        return self.crops / self.multiply_adds if self.multiply_adds else 1.0

    def through(self, wrap: Callable[[nn.Module], nn.Module]) -> nn.Module:
        """The module with something else in the place of what runs each piece.

        Args:
            wrap: makes of it a module that takes and gives the same.
        """
        return through_parts(self.module, wrap, bands=False)
