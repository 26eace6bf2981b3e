"""Two whole programs on their inputs, beside what adding up in another order makes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

from onebyone.equivalence.ladder import NUMBERS, Check
from onebyone.graphs.aten import aten

Run = Callable[[Any, type[fx.Interpreter]], list[Tensor]]


class _Reordered(fx.Interpreter):
    """Runs a program with the sums of its products in another order."""

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Exchange the channels of both factors alike."""
        place = _CHANNELS.get(target)
        if place is not None:
            first, *dims = place
            x, y = args[first : first + 2]
            count = y.shape[dims[1]]
            if x.shape[dims[0]] == count:  # groups keep their order
                order = torch.arange(count - 1, -1, -1, device=y.device)
                factors = x.index_select(dims[0], order), y.index_select(dims[1], order)
                args = (*args[:first], *factors, *args[first + 2 :])
        return super().call_function(target, args, kwargs)


# Which argument is the first factor, and where both have the channels that are summed over.
_CHANNELS: dict[Any, tuple[int, int, int]] = {
    aten.linear.default: (0, -1, 1),
    aten.mm.default: (0, 1, 0),
    aten.addmm.default: (1, 1, 0),
    aten.conv1d.default: (0, 1, 1),
    aten.conv2d.default: (0, 1, 1),
    aten.conv3d.default: (0, 1, 1),
}


def check_runs(before: Run, after: Run, inputs: Any) -> Check:
    """Compare two programs, each run by an interpreter that gives all its tensors, on inputs."""
    expected, found = before(inputs, fx.Interpreter), after(inputs, fx.Interpreter)
    reordered = before(inputs, _Reordered)
    largest, relative = apart(expected, found)
    spread, _ = apart(expected, reordered)
    # Half of the digits: rounding stays far below, anything wrong is far above.
    types = [t.dtype for t in expected if t.is_floating_point()]
    tolerance = max((torch.finfo(dtype).eps ** 0.5 for dtype in types), default=0.0)
    detail = (
        f"whole programs on their example inputs differ by {largest:.1e} at most, {relative:.1e} "
        f"of the largest output; sums in another order by {spread:.1e}"
    )
    return Check(NUMBERS, relative <= tolerance, detail, inputs=1)


def apart(expected: list[Tensor], found: list[Tensor]) -> tuple[float, float]:
    """The largest difference, and the largest relative to the largest number of its tensor."""
    largest = relative = 0.0
    for a, b in zip(expected, found, strict=True):
        if a.shape != b.shape:
            return torch.inf, torch.inf
        if a.numel():
            same = (a == b) | (a.isnan() & b.isnan())
            difference = (a.double() - b.double()).abs().nan_to_num(torch.inf)
            most = float(difference.masked_fill(same, 0).max())
            largest = max(largest, most)
            relative = max(relative, most / max(float(a.double().abs().max()), 1e-30))
    return largest, relative
