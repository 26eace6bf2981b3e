"""Hypothesis strategies that draw small networks with windows, scan strides and image sizes.

A network is grown value by value: every step is drawn to fit the shape it reads, so nothing is
filtered out, and shapes are found by running the step itself. Everything is kept tiny; what
varies is how windows meet edges, strides and branches.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import nn

from helpers import operators
from helpers.modules import Apply, Wired, settle
from helpers.operators import Draw, Shape

WINDOW_SIDES = {1: (6, 20), 2: (5, 11), 3: (4, 6)}
MOST_WINDOWS = {1: 10, 2: 4, 3: 2}
MOST_STEPS = {1: 6, 2: 6, 3: 4}


@dataclass(frozen=True)
class Scan:
    """One case: a stride per axis, and the image sizes to try it on."""

    stride: tuple[int, ...]
    sizes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Case:
    """A drawn network with its window (C, *space) and the scans to try it with."""

    model: nn.Module
    window: tuple[int, ...]
    scans: tuple[Scan, ...]
    batch: int
    seed: int


def shape_after(step: nn.Module, *inputs: Shape) -> Shape:
    """The shape [C, *space] that `step` gives for inputs of these shapes."""
    with torch.no_grad():
        out = step.eval()(*(torch.zeros(2, *shape) for shape in inputs))
    return tuple(out.shape[1:])


def draw_join(draw: Draw, a: Shape, b: Shape) -> Apply:
    """Two values joined by addition, product or concatenation, the larger cropped to the smaller.

    Where channel counts differ they are concatenated, so residual, dense and U-shaped networks
    all come out of it.
    """
    kind = draw(st.sampled_from(["cat", "add", "multiply"])) if a[0] == b[0] else "cat"
    sizes = tuple(map(min, a[1:], b[1:]))

    def draw_cut(larger: Shape) -> tuple[slice, ...]:
        spare = (n - m for n, m in zip(larger, sizes, strict=True))
        starts = [draw(st.integers(0, most)) for most in spare]
        return tuple(slice(o, o + n) for o, n in zip(starts, sizes, strict=True))

    cuts = (draw_cut(a[1:]), draw_cut(b[1:]))
    join: dict[str, Callable[..., torch.Tensor]] = {
        "cat": lambda x, y: torch.cat([x, y], 1),
        "add": lambda x, y: x + y,
        "multiply": lambda x, y: x * torch.sigmoid(y),
    }
    return Apply(f"{kind} {cuts}", lambda x, y: join[kind](x[(..., *cuts[0])], y[(..., *cuts[1])]))


def draw_network(draw: Draw, window: Shape, branches: bool) -> nn.Module:
    """A chain of operators over `window`, or with `branches` a graph, ending in a drawn head."""
    steps: list[nn.Module] = []
    sources: list[tuple[int, ...]] = []
    shapes = [window]

    def grow(step: nn.Module, *source: int) -> None:
        steps.append(step)
        sources.append(source)
        shapes.append(shape_after(step, *(shapes[i] for i in source)))

    for _ in range(draw(st.integers(1, MOST_STEPS[len(window) - 1]))):
        last = len(shapes) - 1
        earlier = draw(st.integers(0, last)) if branches else last
        if earlier < last and draw(st.booleans()) and shapes[earlier][0] + shapes[last][0] < 16:
            grow(draw_join(draw, shapes[last], shapes[earlier]), last, earlier)
        else:
            grow(operators.draw_operator(draw, shapes[earlier]), earlier)
    body = len(shapes) - 1
    heads = []
    for _ in range(draw(st.integers(1, 2)) if branches else 1):
        grow(operators.draw_head(draw, shapes[body]), body)
        heads.append(len(shapes) - 1)
    names = draw(st.sampled_from([None, ("class", "box")])) if len(heads) > 1 else None
    return Wired(steps, sources, heads, names)


def draw_scan(draw: Draw, window: Shape, sizes: int) -> Scan:
    """A stride (fine, coprime to the network's, or beyond the window) and images it leaves over."""
    space = window[1:]
    rank = len(space)
    longest = max(space) + 2
    one = st.one_of(st.integers(1, 4), st.integers(1, longest))
    stride = (draw(one),) * rank if draw(st.booleans()) else tuple(draw(one) for _ in space)
    images = []
    for _ in range(sizes):
        grid = tuple(draw(st.integers(1, MOST_WINDOWS[rank])) for _ in space)
        left = tuple(draw(st.integers(0, s - 1)) for s in stride)
        images.append(
            tuple(w + (m - 1) * s + r for w, m, s, r in zip(space, grid, stride, left, strict=True))
        )
    return Scan(stride, tuple(images))


@st.composite
def cases(draw: Draw, rank: int, *, branches: bool, strides: int = 2, sizes: int = 4) -> Case:
    """Draw a network of spatial `rank` with `strides` scan strides on `sizes` images each."""
    low, high = WINDOW_SIDES[rank]
    window = (draw(st.integers(1, 3)), *(draw(st.integers(low, high)) for _ in range(rank)))
    seed = draw(st.integers(0, 2**16))
    model = settle(draw_network(draw, window, branches), seed).double()
    scans = tuple(draw_scan(draw, window, sizes) for _ in range(strides))
    return Case(model, window, scans, draw(st.integers(1, 2)), seed)
