"""Why a plan is what it is: what sharing saves and costs, pieces, windows at a time, backend."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import prod
from typing import TYPE_CHECKING

from torch import fx

from onebyone.graphs.aten import layer_name, value_of
from onebyone.windows.costs import Costs
from onebyone.windows.cut import Sharing, share, work_of
from onebyone.windows.geometry import Geometry
from onebyone.windows.grid import Grid
from onebyone.windows.lowering import Lowered
from onebyone.windows.plan import Plan
from onebyone.windows.schedule import Loop
from onebyone.windows.telling import binary, counted
from onebyone.wording import by

if TYPE_CHECKING:
    from rich.console import Group


@dataclass(frozen=True)
class Run:
    """Operators one after the other that windows share in the same way.

    Attributes:
        first: layer of the first.
        last: layer of the last.
        operators: how many there are.
        shared: first and last-plus-one shared position along each axis, after the last of them.
        positions: positions of one window along each axis; empty after the last map.
        windows_apart: lattice places from one window to the next along each axis.
        dilation: lattice places from one position to the next along each axis.
        crops: what every crop takes: operations, and numbers written, which count as `costs` says.
        shared_work: what sharing takes wherever it can be kept, in the same unit.
        here: what the plan takes, in the same unit.
        cost_of_ending: what the plan would take more if sharing ended at the first of them, for all
            that is computed from it too.
        ended: why sharing ends at the first of them, if it does.
    """

    first: str
    last: str
    operators: int
    shared: tuple[tuple[int, int], ...]
    positions: tuple[int, ...]
    windows_apart: tuple[int, ...]
    dilation: tuple[int, ...]
    crops: int
    shared_work: int
    here: int
    cost_of_ending: int
    ended: str

    @property
    def why(self) -> str:
        """What decided, in a few words."""
        if self.ended:
            return f"sharing ends: {self.ended}"
        if not any(a < b for a, b in self.shared):
            return "each window by itself: sharing has ended"
        return f"ending it here would cost {counted(self.cost_of_ending)} more"


@dataclass(frozen=True)
class Explanation:
    """Why a plan is what it is.

    Attributes:
        runs: the operators in order, those alike together; of the largest piece.
        costs: what numbers count in the cut; what is joined counts where sharing might end.
        pieces: into how many pieces the image is divided, and why.
        bands: how many rows of windows are run at a time, and why.
        at_a_time: how many windows are run at a time of what they do not share, and why.
        backend: what runs the plan, and why.
    """

    runs: tuple[Run, ...]
    costs: Costs
    pieces: str
    bands: str
    at_a_time: str
    backend: str

    def __rich__(self) -> "Group":
        # Rich takes a tenth of a second to import.
        from rich.console import Group
        from rich.text import Text

        from onebyone.windows.showing import table

        words, numbers = ("layers", "shared", "lattice"), ("crops", "if shared", "here")
        runs = table(words, numbers, (_cells(run) for run in self.runs), ("why",))
        unit = f"In operations; each number written counts as {self.costs.written} of them."
        reasons = (self.pieces, self.bands, self.at_a_time, self.backend)
        return Group(runs, *map(Text, (unit, *reasons)))


def explain_plan(plan: Plan, geometry: Geometry, backend: str, *, limited: bool) -> Explanation:
    """Tell why a plan is what it is.

    Args:
        plan: for one image size.
        geometry: the windows.
        backend: what runs it, and why.
        limited: whether its memory was asked for.
    """
    grid = Grid.of(plan.lowered, plan.sharing.axes, plan.schedule.thrift)
    bands, *others = plan.schedule.loops
    return Explanation(
        _runs(grid, plan.sharing),
        plan.lowered.target.costs,
        _pieces(plan, geometry, limited=limited),
        _bands(grid, bands),
        _at_a_time(grid, others),
        f"Backend: {backend}",
    )


def _runs(grid: Grid, sharing: Sharing) -> tuple[Run, ...]:
    lowered = grid.lowered
    uncut = share(lowered, grid.image)
    starts = 0

    def alike(node: fx.Node) -> tuple[object, ...]:
        nonlocal starts
        starts += bool(sharing.ending(node))
        if node in grid.alone and not grid.is_shared(node):
            return (starts,)
        axes = grid.axes.get(node, ())
        return (starts, *((axis.n, axis.t, axis.u, axis.shared) for axis in axes))

    groups = [list(nodes) for _, nodes in groupby(lowered.multiply_adds, alike)]
    return tuple(_run(lowered, sharing, uncut, nodes) for nodes in groups)


def _run(lowered: Lowered, sharing: Sharing, uncut: Sharing, nodes: list[fx.Node]) -> Run:
    axes = sharing.axes.get(nodes[-1], ())
    after = _computed_from(nodes[0]) & lowered.multiply_adds.keys()
    return Run(
        layer_name(nodes[0]),
        layer_name(nodes[-1]),
        len(nodes),
        tuple((axis.a, axis.b) if axis.shared else (0, 0) for axis in axes),
        tuple(axis.n for axis in axes),
        tuple(axis.t for axis in axes),
        tuple(axis.u for axis in axes),
        _crops(lowered, sharing, nodes),
        _work(lowered, uncut, nodes),
        _work(lowered, sharing, nodes),
        _crops(lowered, sharing, after) - _work(lowered, sharing, after),
        sharing.ending(nodes[0]),
    )


def _computed_from(node: fx.Node) -> set[fx.Node]:
    found, left = {node}, [node]
    while left:
        new = left.pop().users.keys() - found
        found |= new
        left += new
    return found


def _work(lowered: Lowered, sharing: Sharing, nodes: Iterable[fx.Node]) -> int:
    """Operations and numbers written, as the cut weighs them."""
    written = lowered.target.costs.written
    return sum(sharing.multiply_adds[n] + written * sharing.elements[n] for n in nodes)


def _crops(lowered: Lowered, sharing: Sharing, nodes: Iterable[fx.Node]) -> int:
    windows = prod(axis.m for axis in sharing.axes[lowered.captured.image])
    return windows * sum(work_of(lowered, n) for n in nodes)


def _pieces(plan: Plan, geometry: Geometry, *, limited: bool) -> str:
    if geometry.padding == "image":
        shifts = "one shift" if plan.pieces == 1 else f"{plan.pieces} shifts"
        return (
            f"Pieces: {shifts} of the image, one for each residue of the stride "
            f"{by(geometry.stride)} modulo the network's own, {by(plan.lowered.shared_stride)}"
        )
    schedule = plan.schedule
    allowed = f"{binary(schedule.limit)} are allowed {'as asked for' if limited else 'by default'}"
    part = binary(schedule.bytes)
    if plan.pieces == 1:
        return f"Pieces: one; it takes about {part}, and {allowed}"
    windows = [loop.most for loop in schedule.pieces]
    return (
        f"Pieces: {plan.pieces} of {by(windows)} windows, about {part} each; the whole image "
        f"would take {binary(schedule.whole)}, and {allowed}"
    )


def _cached(grid: Grid, times: int = 1) -> str:
    size: int = value_of(grid.lowered.captured.image).dtype.itemsize
    return binary(times * grid.cached * size)


def _bands(grid: Grid, bands: Loop) -> str:
    """How many windows along the first axis are run at a time."""
    count = len(bands.turns)
    if count == 1:
        return f"Bands: one, of all {bands.windows} windows along the first axis"
    return (
        f"Bands: {count}, of {bands.most} of {bands.windows} windows along the first axis, so "
        f"that each computes {_cached(grid)} of a value at most; rows in common are kept"
    )


def _at_a_time(grid: Grid, loops: Sequence[Loop]) -> str:
    """How many windows are run at a time of what belongs to single ones."""
    found, windows = [loop.most for loop in loops], [loop.windows for loop in loops]
    most = _cached(grid, 4)
    if found == windows:
        return f"Windows at a time: all {by(found)}; no value of single windows is above {most}"
    return (
        f"Windows at a time, of what belongs to single windows: {by(found)} of {by(windows)}: "
        f"{_cached(grid)} in the largest value, or up to {most} where operators are many"
    )


def _cells(run: Run) -> list[str]:
    names = run.first if run.first == run.last else f"{run.first} … {run.last}"
    several = f" ({run.operators})" if run.operators > 1 else ""
    shared = [
        f"{a}–{b - 1} of {n}" if a < b else f"none of {n}"
        for (a, b), n in zip(run.shared, run.positions, strict=True)
    ]
    lattice = [
        f"{t}, {u}" if a < b else "–"
        for t, u, (a, b) in zip(run.windows_apart, run.dilation, run.shared, strict=True)
    ]
    return [
        names + several, *(_each(cells) for cells in (shared, lattice)),
        counted(run.crops), counted(run.shared_work), counted(run.here), run.why,
    ]  # fmt: skip


def _each(cells: list[str]) -> str:
    """What holds along each axis; once, where it is the same along all."""
    return cells[0] if len(set(cells)) == 1 else "; ".join(cells)
