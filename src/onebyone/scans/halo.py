"""Pixels beside a tile's windows that their scores depend on, with padding="image"."""

from dataclasses import dataclass
from math import lcm

import torch
from torch.utils._pytree import tree_leaves

from onebyone.errors import InputError
from onebyone.scans.positions import Positions, Run
from onebyone.windows.sliding import SlidingModel

_WINDOWS = 6
"""As many windows long is the strip on which it is measured how far scores see."""


@dataclass(frozen=True)
class Halo:
    """What is read beside windows along one axis.

    A part of the image has borders of its own, where the network pads; windows that see those are
    not kept.

    Attributes:
        before: pixels before the first window, at least.
        after: pixels behind the last, at least.
        step: pixels that parts of the image may begin at, so that layers with a stride lie as they
            do over the whole: multiples of these.
    """

    before: int = 0
    after: int = 0
    step: int = 1

    def region(self, axis: Positions, run: Run) -> range:
        """The pixels that are read for windows; to the image's own borders at most."""
        start = max(run.start - self.before, 0)
        end = run.start + (len(run.windows) - 1) * axis.stride + axis.window
        after = min(end + self.after, max(axis.length, end)) if self.after else end
        return range(start - start % self.step if self.before else start, after)


def halo_of(sliding: SlidingModel) -> tuple[Halo, ...]:
    """What is read beside windows along each axis: nothing, but with padding="image".

    Raises:
        InputError: scores depend on pixels however far away.
    """
    rank = len(sliding.stride)
    if sliding.geometry.padding == "crop":
        return (Halo(),) * rank
    return tuple(_measured(sliding, axis) for axis in range(rank))


def _measured(sliding: SlidingModel, axis: int) -> Halo:
    """How far scores see along an axis: pixels that are NaN make scores NaN that depend on them."""
    channels, *space = sliding.window
    step = lcm(sliding.stride[axis], sliding._lowered.shared_stride[axis])
    window, size = space[axis], list(space)
    size[axis] = -(-_WINDOWS * window // step) * step + window
    marked = window  # pixels at either end
    seen = []
    for side in (slice(0, marked), slice(size[axis] - marked, None)):
        pixels = torch.zeros(channels, *size, device=sliding._like().device)
        pixels.movedim(axis + 1, 0)[side] = torch.nan
        with torch.inference_mode():
            scores = torch.as_tensor(tree_leaves(sliding(pixels))[0])
        nan = scores.isnan().any(0).movedim(axis, 0)
        nan = nan.reshape(len(nan), -1).any(1)
        starts = torch.arange(len(nan))[nan] * sliding.stride[axis]
        seen.append((int(starts.min()), int(starts.max())))
    before = max(seen[0][1] - marked + 1, 0)
    after = max(size[axis] - marked - seen[1][0] - window, 0)
    if max(before, after) + 2 * window > size[axis] - marked:
        raise InputError(
            'padding="image" lets scores depend on pixels however far away; scan with "crop"'
        )
    # A layer with a stride sees less or more by where it begins, by less than a step.
    return Halo(before + step, after + step, step)
