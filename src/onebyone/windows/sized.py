"""What is made for images of one size, and how a part of it is given its pixels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from onebyone.windows.backends import Choice
from onebyone.windows.plan import Plan


@dataclass
class Sized:
    """What is made for images of one size.

    Attributes:
        plan: the emitted graph.
        choice: which backend runs it.
        run: what runs it.
        state: of the network when it last ran; its parameters may be constants in `run`.
        verified: the state of the network for which windows were compared with crops.
    """

    plan: Plan
    choice: Choice
    run: nn.Module
    state: Any = None
    verified: Any = None


class Prepared(nn.Module):
    """What runs a part of the image, given its pixels as they are.

    So no more than one part is ever held as the network's numbers.
    """

    def __init__(self, prepare: Callable[[Tensor], Tensor], run: nn.Module) -> None:
        super().__init__()
        self.prepare, self.run = prepare, run

    def forward(self, x: Tensor, *others: Any) -> Sequence[Any]:
        """Run the part on pixels [B, C, *size], and on what a part before it leaves."""
        leaves: Sequence[Any] = self.run(self.prepare(x), *others)
        return leaves
