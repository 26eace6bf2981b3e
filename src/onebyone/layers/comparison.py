"""The equal forms of one layer side by side: what each stores, costs, accepts and takes here."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from onebyone import notebook
from onebyone.errors import InputError
from onebyone.layers.alternatives import Forward, alternatives
from onebyone.layers.kinds import MEMORY_LIMIT, Form, LayerGeometry
from onebyone.layers.reading import read
from onebyone.layers.values import require_finite
from onebyone.turns import by_turns
from onebyone.wording import by, si

BAR = 10
COLUMNS = ("form", "weights", "operations", "bytes", "sizes", "trains alike", "time")
NUMBERS = ("weights", "operations", "bytes", "time")
SECONDS, LEAST_ROUNDS, MOST_ROUNDS = 2.0, 5, 200


@dataclass(frozen=True)
class FormRow:
    """One form of a layer.

    Attributes:
        form: its name, with the layout that its inputs have in memory.
        weights: stored, biases not counted.
        operations: for the batch; a multiplication and an addition are two, and taps that read
            padding or hold a zero count like the others.
        bytes: of weights, biases, inputs and outputs, each moved once.
        sizes: the input sizes that it accepts.
        trains_alike: whether it has the same weights as the given layer, so that training keeps
            the two equal (S12).
        seconds: the median time of one forward pass; None where the form was not built.
        spread: the first and third quartile of the times.
    """

    form: str
    weights: int
    operations: int
    bytes: int
    sizes: str
    trains_alike: bool
    seconds: float | None = None
    spread: tuple[float, float] | None = None


@dataclass(frozen=True)
class Comparison:
    """The forms that a layer can take, and the time of each on this machine.

    Attributes:
        layer: the given layer, in words.
        input: its grid (C, *space).
        output: its grid (O, *space').
        batch: inputs in a batch.
        device: on which it was timed.
        threads: of PyTorch on the CPU.
        rounds: how often each form was run; the forms took turns.
        rows: one for each form.

    Example:
        >>> found = ob.compare(nn.Conv2d(2, 3, 1), input=(2, 4, 4))
        >>> [(row.form, row.weights) for row in found.rows[:3]]
        [('dense', 1536), ('local', 96), ('convolution, channels first', 6)]
        >>> found.fastest in found.rows
        True
    """

    layer: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    batch: int
    device: str
    threads: int
    rounds: int
    rows: tuple[FormRow, ...]

    @property
    def fastest(self) -> FormRow:
        """The form with the least time of those that training keeps equal."""
        return min(self._alike, key=lambda row: row.seconds or 0.0)

    @property
    def advice(self) -> str:
        """Which form to take, and why."""
        best = self.fastest
        factor = max(row.seconds or 0.0 for row in self._alike) / (best.seconds or math.inf)
        said = f"take {best.form}: the fastest here of the forms with the same weights"
        if len(self._alike) > 1:
            said += f", {factor:.1f}× faster than the slowest of them"
        if any(not row.trains_alike for row in self.rows):
            said += "; training ends the equality of the others (S12)"
        return said

    @property
    def _alike(self) -> list[FormRow]:
        return [row for row in self.rows if row.trains_alike and row.seconds is not None]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, strings, lists and dicts."""
        return {**asdict(self), "fastest": self.fastest.form, "advice": self.advice}

    def table(self) -> Table:
        """The forms as a rich table."""
        made = Table(
            title=self._title, title_justify="left", title_style="bold", caption=self.advice
        )
        made.caption_justify = "left"
        for name in COLUMNS:
            made.add_column(
                name,
                justify="right" if name in NUMBERS else "left",
                min_width=16 if name == "form" else None,
            )
        made.add_column("")
        slowest = max(row.seconds or 0.0 for row in self.rows)
        for row in self.rows:
            part = 0.0 if row.seconds is None else row.seconds / slowest
            made.add_row(*_cells(row), "█" * max(1, round(BAR * part)) if part else "")
        return made

    def __rich__(self) -> Table:
        return self.table()

    def __str__(self) -> str:
        console = Console(width=120, color_system=None)
        with console.capture() as capture:
            console.print(self.table())
        return capture.get()

    def __repr__(self) -> str:
        return f"{self._title}: {self.advice}"

    def _repr_html_(self) -> str:
        forms = notebook.table(COLUMNS, map(_cells, self.rows), NUMBERS)
        return notebook.shown("Comparison", f"{self._title}\n{self.advice}", {}, forms)

    @property
    def _title(self) -> str:
        return f"{self.layer}, {self.input} → {self.output}, batch {self.batch}, {self.device}"


def compare(
    layer: nn.Module, input: Sequence[int], output: Sequence[int] | None = None, batch: int = 1
) -> Comparison:
    """Return every form that a layer can take, with its costs and its time measured here.

    Each form reads its input in the layout that it is made for; changing layouts is not timed.

    Args:
        layer: a layer that `matrix` takes.
        input: the input grid (C, *space).
        output: the output grid (O, *space'); needed where a dense layer's outputs have a grid.
        batch: inputs in a batch.

    Raises:
        InputError: an argument is unusable.

    Example:
        >>> found = ob.compare(nn.Conv2d(8, 8, 3), input=(8, 10, 10), batch=4)
        >>> [row.form for row in found.rows if row.trains_alike]
        ['convolution, channels first', 'convolution, channels last']
        >>> all(row.seconds > 0 for row in found.rows)
        True
    """
    if not isinstance(batch, int) or batch < 1:
        raise InputError(f"batch={batch!r}: give a whole number of at least 1")
    form = read(layer, input, output)
    require_finite(form)
    device, dtype = form.weight.device, form.weight.dtype
    size = batch * math.prod(form.geometry.input) * form.weight.element_size()
    if size > MEMORY_LIMIT:
        raise InputError(
            f"batch={batch}: such a batch of {form.geometry.input} takes {size:,} bytes; give a "
            "smaller one"
        )
    x = torch.randn(batch, *form.geometry.input, device=device, dtype=dtype)
    forms = list(alternatives(layer, form, x))
    runs = {name: partial(_finished, run) for name, _, run in forms if run is not None}
    with torch.no_grad():
        by_turns(runs, 1)  # what runs first takes longest
        times = by_turns(runs, MOST_ROUNDS, least=LEAST_ROUNDS, within=SECONDS)
    rows = [_row(name, geometry, form, batch, times.get(name)) for name, geometry, _ in forms]
    return Comparison(
        str(form.geometry),
        form.geometry.input,
        form.geometry.output,
        batch,
        str(device),
        torch.get_num_threads(),
        max(map(len, times.values()), default=0),
        tuple(rows),
    )


def _finished(run: Forward) -> None:
    """Run a form until an accelerator has computed it, too."""
    y = run()
    if y.device.type != "cpu":
        torch.accelerator.synchronize(y.device)


def _row(
    name: str, geometry: LayerGeometry, source: Form, batch: int, seconds: Sequence[float] | None
) -> FormRow:
    weights, taps = math.prod(geometry.weight_shape), math.prod(geometry.kernel)
    outputs, inputs = math.prod(geometry.output), math.prod(geometry.input)
    biases = 0 if source.bias is None else math.prod(geometry.bias_shape)
    per_output = taps * (geometry.input[0] // geometry.groups)
    median, spread = None, None
    if seconds is not None:
        first, median, third = np.quantile(seconds, (0.25, 0.5, 0.75)).tolist()
        spread = first, third
    return FormRow(
        name,
        weights,
        2 * batch * outputs * per_output,
        (weights + biases + batch * (inputs + outputs)) * source.weight.element_size(),
        _sizes(geometry),
        weights == math.prod(source.geometry.weight_shape),
        median,
        spread,
    )


def _cells(row: FormRow) -> list[str]:
    """A form as the columns of a table."""
    numbers = [si(n) for n in (row.weights, row.operations, row.bytes)]
    taken = "too large"
    if row.seconds is not None and row.spread is not None:
        first, third = row.spread
        taken = f"{si(row.seconds)}s ± {(third - first) / 2 / row.seconds:.0%}"
    return [row.form, *numbers, row.sizes, "yes" if row.trains_alike else "no", taken]


def _sizes(geometry: LayerGeometry) -> str:
    if not geometry.shared:
        return f"{by(geometry.input[1:])} only" if geometry.axes else "one"
    spans = [a.dilation * (a.kernel - 1) + 1 - a.before - a.after for a in geometry.axes]
    least = [max(1, span) for span in spans]
    return "any" if set(least) == {1} else f"from {by(least)}"
