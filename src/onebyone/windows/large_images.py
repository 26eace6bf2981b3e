"""What of a network windows share in large images, without a plan for one."""

from math import prod

from onebyone.windows.choosing import undivided
from onebyone.windows.geometry import Geometry
from onebyone.windows.lowering import Lowered
from onebyone.wording import percent

MANY = 256
"""Windows along each axis of a large image: more of them hardly share more."""
NOTHING = 0.995
"""Share of the operations from which on it is all of them, as it would be written."""


def shares(lowered: Lowered, geometry: Geometry) -> str:
    """What windows of a network share, in a sentence."""
    left, name = operations_left(lowered, geometry), type(lowered.captured.model).__name__
    if left is None:
        said = "it has no operations to share"
    elif left >= NOTHING:
        said = "they share none of its operations"
    else:
        said = f"in large images they share all but {percent(left)} of its operations"
    return f"{name} at every window; {said}"


def operations_left(lowered: Lowered, geometry: Geometry) -> float | None:
    """Operations of a large image as a share of those of its crops; None where there are none.

    The image is not divided to fit the memory, which would compute some things twice.

    Args:
        lowered: the network.
        geometry: the windows.
    """
    sides = zip(geometry.window[1:], geometry.stride, strict=True)
    size = tuple(window + (MANY - 1) * stride for window, stride in sides)
    pieces, sharing = undivided(lowered, geometry, size)
    crops = sum(lowered.multiply_adds.values()) * MANY ** len(size)
    here = sum(sharing.multiply_adds.values()) * prod(len(loop.turns) for loop in pieces)
    return here / crops if crops else None
