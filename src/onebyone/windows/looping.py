"""Running a loop of a schedule: each turn is cut out, run, and joined to the others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from onebyone.windows.schedule import Loop, Pieces


@dataclass(frozen=True)
class Whole:
    """Every turn is given all of it."""

    def __call__(self, x: Tensor, turn: range) -> Tensor:  # noqa: ARG002 - the same for each
        """All of a tensor."""
        return x


@dataclass(frozen=True)
class Stretch:
    """A turn is given what its windows see along one dimension.

    Attributes:
        dim: the dimension.
        start: the first place that the first window sees.
        step: places from one window to the next.
        extent: places that one window sees.
    """

    dim: int
    start: int
    step: int
    extent: int

    def __call__(self, x: Tensor, turn: range) -> Tensor:
        """The places of some windows."""
        length = (len(turn) - 1) * self.step + self.extent
        return torch.narrow(x, self.dim, self.start + turn.start * self.step, length)


@dataclass(frozen=True)
class Pixels:
    """A turn over the image is given its pixels.

    Attributes:
        dim: of the loop's axis.
        loop: which knows the pixels.
    """

    dim: int
    loop: Pieces

    def __call__(self, x: Tensor, turn: range) -> Tensor:
        """The pixels of a turn."""
        found = self.loop.pixels(turn)
        return torch.narrow(x, self.dim, found.start, len(found))


@dataclass(frozen=True)
class Own:
    """A turn is given what belongs to its windows, of a block that holds each window's own.

    Attributes:
        order: the block's dimensions in which channels are last.
        apart: sizes in that order, the windows in a dimension of their own.
        dim: that dimension.
    """

    order: tuple[int, ...]
    apart: tuple[int, ...]
    dim: int

    def __call__(self, x: Tensor, turn: range) -> Tensor:
        """What belongs to some windows."""
        x = torch.reshape(torch.permute(x, self.order), self.apart)
        x = torch.narrow(x, self.dim, turn.start, len(turn))
        together = [-1, *self.apart[1:]]
        together[self.dim - 1 : self.dim + 1] = [self.apart[self.dim - 1] * len(turn)]
        x = torch.reshape(x, together)
        return torch.permute(x, [self.order.index(d) for d in range(len(self.order))])


Cut = Whole | Stretch | Pixels | Own
Given = Sequence[tuple[int, Cut]]
"""What a body is given: of which argument of the loop, and what of it."""


class Turns(nn.Module):
    """A loop whose turns run bodies, graphs or loops again.

    Takes what its turns are cut out of, and gives each leaf of the network's output for all its
    windows. So a plan has as many nodes for a large image as for a small one.
    """

    def __init__(
        self,
        loop: Loop,
        bodies: Mapping[str, nn.Module],
        given: Mapping[str, Given],
        dim: int,
        leaves: int,
        once: nn.Module | None = None,
    ) -> None:
        """Make a loop.

        Args:
            loop: what is run.
            bodies: by the names that the loop has for them. What a body gives behind the leaves is
                carried to the next turn, behind its first argument.
            given: to each of them.
            dim: the dimension of the results that counts the loop's windows, from the last.
            leaves: how many results there are.
            once: gives arguments that are the same for every turn, behind those that are passed.
        """
        super().__init__()
        self.loop, self.given, self.dim, self.leaves = loop, dict(given), dim, leaves
        self.bodies, self.once = nn.ModuleDict(bodies), once
        self.turns = loop.turns
        windows = [window for turn in self.turns for window in turn]
        places = {window: place for place, window in enumerate(windows)}
        # As the windows come, each once: most loops give them so.
        order = [places[window] for window in range(loop.windows)]
        self.order = None if order == list(range(len(windows))) else order

    def forward(self, *args: Any) -> tuple[Any, ...]:
        """Run every turn."""
        if self.once is not None:
            args = (*args, *self.once())
        found: list[Sequence[Any]] = []
        carried: Sequence[Any] = ()
        for turn in self.turns:
            results = self._turn(turn, args, carried)
            found.append(results[: self.leaves])
            carried = results[self.leaves :]
        return tuple(self._joined(same) for same in zip(*found, strict=True))

    def _turn(self, turn: range, args: Sequence[Any], carried: Sequence[Any]) -> Any:
        """Run one turn; what it carries to the next is behind its leaves."""
        name = self.loop.body(turn)
        first, *others = [cut(args[place], turn) for place, cut in self.given[name]]
        return self.bodies[name](first, *carried, *others)

    def _joined(self, leaves: Sequence[Any]) -> Any:
        """One leaf of all turns, in the order of the windows and each once."""
        if not isinstance(leaves[0], Tensor):
            return leaves[0]
        x = torch.cat(list(leaves), self.dim)
        if self.order is None:
            return x
        return torch.index_select(x, self.dim, torch.tensor(self.order, device=x.device))

    def through(self, change: Callable[[nn.Module], nn.Module]) -> "Turns":
        """The same loop with other bodies."""
        bodies = {name: change(body) for name, body in self.bodies.items()}
        return Turns(self.loop, bodies, self.given, self.dim, self.leaves, self.once)


def in_turns(
    loop: Loop, bodies: Mapping[str, nn.Module], given: Mapping[str, Given], dim: int, leaves: int
) -> nn.Module:
    """What runs a loop; one of a single turn is its body."""
    if len(loop.turns) == 1:
        return next(iter(bodies.values()))
    return Turns(loop, bodies, given, dim, leaves)


def through_parts(
    module: nn.Module, wrap: Callable[[nn.Module], nn.Module], *, bands: bool = True
) -> nn.Module:
    """A plan with something else in the place of each part that computes from pixels.

    Args:
        module: of a plan.
        wrap: makes of a part a module that takes and gives the same.
        bands: whether bands are parts, too; otherwise they are of one.
    """
    if isinstance(module, Turns) and (bands or module.loop.independent):
        return module.through(lambda body: through_parts(body, wrap, bands=bands))
    return wrap(module)


def through_graphs(
    module: nn.Module, change: Callable[[fx.GraphModule], fx.GraphModule]
) -> nn.Module:
    """A part of a plan with each graph in it changed."""
    if isinstance(module, Turns):
        found = module.through(lambda body: through_graphs(body, change))
        if module.once is not None:
            found.once = through_graphs(module.once, change)
        return found
    if not isinstance(module, fx.GraphModule):
        return module
    changed = change(module)
    for name in {str(node.target) for node in changed.graph.find_nodes(op="call_module")}:
        changed.set_submodule(name, through_graphs(module.get_submodule(name), change))
    return changed
