"""What a plan shares and saves, layer by layer."""

from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onebyone.errors import InputError
from onebyone.graphs.aten import layer_name, window_shape
from onebyone.notebook import framed
from onebyone.windows.explanation import Explanation
from onebyone.windows.geometry import Geometry
from onebyone.windows.plan import Plan
from onebyone.windows.telling import counted, operator_of
from onebyone.wording import by
from onebyone.writing import replacing

if TYPE_CHECKING:
    from rich.console import Group


@dataclass(frozen=True)
class Row:
    """One operator.

    Attributes:
        layer: path of the module it comes from.
        operator: its ATen name.
        shape: of its value for one window, without the batch; empty where it is no tensor.
        positions: positions of one window along each axis; empty after the last map.
        shared: first and last-plus-one shared position along each axis.
        windows_apart: lattice places from one window to the next along each axis.
        dilation: lattice places from one position to the next along each axis.
        crops: operations of running every crop.
        here: operations of the plan's largest piece.
        ended: why sharing ends here, if it does.
    """

    layer: str
    operator: str
    shape: tuple[int, ...]
    positions: tuple[int, ...]
    shared: tuple[tuple[int, int], ...]
    windows_apart: tuple[int, ...]
    dilation: tuple[int, ...]
    crops: int
    here: int
    ended: str


@dataclass(frozen=True)
class Report:
    """What is shared at each layer for one image size, and the operations saved.

    Attributes:
        window: (C, *space).
        stride: pixels between windows.
        size: of the image.
        grid: windows along each axis.
        padding: "crop" or "image".
        pieces: parts, or shifts of the image.
        turns: the windows of each piece along each axis: first, last-plus-one and step. Windows
            of one piece share, those of two do not.
        crops: operations of running every crop; a multiplication and an addition are two.
        here: operations of the plan.
        rows: one for each operator.
        backend: which runs the plan; with "auto" and after a run, what each took.
        explanation: why it is planned so, where that was asked for.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(128, 2))
        >>> report = ob.slide(model.eval(), window=(1, 8, 8), stride=4).report(32, 32)
        >>> report.grid, report.ratio > 1
        ((7, 7), True)
        >>> row = report.rows[0]  # the convolution pads: the outermost positions are each window's
        >>> row.positions, row.shared
        ((8, 8), ((1, 7), (1, 7)))
        >>> report.save("sharing.html")  # a picture of it, which notebooks show by itself
    """

    window: tuple[int, ...]
    stride: tuple[int, ...]
    size: tuple[int, ...]
    grid: tuple[int, ...]
    padding: str
    pieces: int
    turns: tuple[tuple[tuple[int, int, int], ...], ...]
    crops: int
    here: int
    rows: tuple[Row, ...]
    backend: str = "torch"
    explanation: Explanation | None = None

    @property
    def ratio(self) -> float:
        """Operations of crops over operations of the plan."""
        return self.crops / self.here if self.here else 1.0

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, strings, lists and dicts."""
        return {**asdict(self), "ratio": self.ratio}

    @property
    def ends(self) -> list[Row]:
        """The rows where sharing ends."""
        return [row for row in self.rows if row.ended]

    @property
    def summary(self) -> str:
        """The figures in one line."""
        pieces = f", {self.pieces} pieces" if self.pieces > 1 else ""
        return (
            f"{by(self.grid)} windows of {by(self.window[1:])} at stride {by(self.stride)} on "
            f"{by(self.size)}: {counted(self.here)} operations instead of {counted(self.crops)}, "
            f"{self.ratio:.1f}× fewer{pieces}"
        )

    @property
    def html(self) -> str:
        """The picture of what windows share: one page that needs no network."""
        from onebyone.windows.sharing_page import page

        return page(self)

    def save(self, path: str | Path, picture: str = "") -> None:
        """Write the picture of what windows share to an .html file.

        Args:
            path: the file to write; it appears whole or not at all.
            picture: of the image, a data: URI, to be seen under the windows.

        Raises:
            InputError: the name ends otherwise, or the file cannot be written.
        """
        if Path(path).suffix.lower() != ".html":
            raise InputError(f"path={str(path)!r}: give a name that ends in .html")
        from onebyone.windows.sharing_page import page

        content = page(self, picture).encode()
        with replacing(path) as temporary:
            temporary.write_bytes(content)

    # Rich takes a tenth of a second to import, and few who slide look at a report.

    def __rich__(self) -> "Group":
        from rich.console import Group
        from rich.text import Text

        from onebyone.windows.showing import table

        words, numbers = ("layer", "operator", "positions", "shared"), ("crops", "here", "saved")
        rows = table(words, numbers, (_cells(row) for row in self.rows if row.crops))
        ends = [f"Sharing ends at {row.layer} ({row.operator}): {row.ended}" for row in self.ends]
        lines = map(Text, (*ends, f"Backend: {self.backend}"))
        why = [] if self.explanation is None else [self.explanation]
        return Group(Text(self.summary, style="bold"), rows, *lines, *why)

    def __str__(self) -> str:
        from onebyone.windows.showing import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        return framed(self.html, "What windows share")


def report(plan: Plan, geometry: Geometry) -> Report:
    """Tell for each operator what a plan shares; the largest piece stands for all."""
    lowered, sharing = plan.lowered, plan.sharing
    windows = prod(axis.m for axis in sharing.axes[lowered.captured.image])
    rows = []
    for node, work in lowered.multiply_adds.items():
        axes = sharing.axes.get(node, ())
        rows.append(
            Row(
                layer_name(node),
                operator_of(node),
                window_shape(node) or (),
                tuple(axis.n for axis in axes),
                tuple((axis.a, axis.b) if axis.shared else (0, 0) for axis in axes),
                tuple(axis.t for axis in axes),
                tuple(axis.u for axis in axes),
                work * windows,
                sharing.multiply_adds[node],
                sharing.ending(node),
            )
        )
    turns = tuple(
        tuple((turn.start, turn.stop, turn.step) for turn in loop.turns)
        for loop in plan.schedule.pieces
    )
    return Report(
        geometry.window, geometry.stride, plan.size, plan.grid, geometry.padding, plan.pieces,
        turns, plan.crops, plan.multiply_adds, tuple(rows),
    )  # fmt: skip


def _cells(row: Row) -> list[str]:
    shared = " ".join(f"{a}–{b - 1}" if b > a else "none" for a, b in row.shared)
    saved = f"{row.crops / row.here:.1f}×" if row.here else ""
    return [
        row.layer, row.operator, by(row.positions), shared,
        counted(row.crops), counted(row.here), saved,
    ]  # fmt: skip
