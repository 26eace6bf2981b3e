"""Operators that move positions without computing: padding, slices, upsampling."""

from torch import fx

from onebyone.graphs.aten import aten
from onebyone.windows.blocks import Builder, Fill
from onebyone.windows.movers import Kernel, Repeat
from onebyone.windows.operators.call import Call, operator, unchanged
from onebyone.windows.steps import NotShared, Place, Step

# PyTorch's names of padding modes, and NumPy's.
_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@operator(aten.pad.default, aten.constant_pad_nd.default)
def padding(call: Call) -> Step:
    """Explicit padding of any mode; negative padding crops."""
    layout, bound = call.layout, call.bound
    mode, ndim = bound.get("mode", "constant"), len(layout.shape) + 1
    pads = [0] * (2 * ndim - len(bound["pad"])) + list(reversed(bound["pad"]))
    # Reversed, the list holds (behind, before) of each dimension in order.
    behind, before = pads[0::2], pads[1::2]
    if layout.flat or any(before[d] or behind[d] for d in (0, *layout.others)):
        raise NotShared("pads other dimensions than positions")
    movers = tuple(Kernel(before=before[d], behind=behind[d]) for d in layout.dims)
    fill = Fill(
        float(bound.get("value") or 0.0),
        _MODES[mode],
        tuple(before[d] for d in layout.dims),
        tuple(behind[d] for d in layout.dims),
    )
    return call.step(unchanged, movers, fill=fill, on_map=call.again())


@operator(aten.slice.Tensor)
def strided_slice(call: Call) -> Step:
    """A slice of channels, or of positions: a kernel of one."""
    layout, bound = call.layout, call.bound
    if layout.flat:
        raise NotShared("slices flattened positions")
    dim = bound["dim"] % (len(layout.shape) + 1)
    if dim not in layout.dims:
        return call.step(call.again())
    n, step = layout.shape[dim - 1], bound["step"]
    start = min(max(_from_end(bound["start"] or 0, n), 0), n)
    count = call.shape[dim - 1]
    behind = (count - 1) * step + 1 - n + start
    movers = tuple(
        Kernel(1, step, 1, -start, behind) if d == dim else Kernel() for d in layout.dims
    )
    return call.step(unchanged, movers)


def _from_end(index: int, n: int) -> int:
    return index + n if index < 0 else index


@operator(aten.upsample_nearest1d.vec, aten.upsample_nearest2d.vec, aten.upsample_nearest3d.vec)
def nearest_upsampling(call: Call) -> Step:
    """Nearest-neighbour interpolation by whole factors."""
    layout, rank = call.spatial(), call.rank
    before, after = layout.shape[1:], call.shape[1:]
    factors = [m // n for n, m in zip(before, after, strict=True)]
    exact = [n * f for n, f in zip(before, factors, strict=True)]
    scales = call.bound["scale_factors"] or factors
    if list(after) != exact or [float(f) for f in factors] != [float(s) for s in scales]:
        raise NotShared("interpolates by a factor that is not whole")
    target = getattr(aten, f"upsample_nearest{rank}d").vec

    def apply(build: Builder, tensors: list[fx.Node], _place: Place) -> fx.Node:
        return build.call(target, tensors[0], None, [float(f) for f in factors])

    return call.step(apply, call.movers(lambda i: Repeat(factors[i])))
