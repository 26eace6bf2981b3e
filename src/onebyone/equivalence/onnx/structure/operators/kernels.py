"""How a kernel slides along an axis, of convolutions and poolings alike."""

from collections.abc import Sequence
from typing import NamedTuple

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.structure.operators.call import Call
from onebyone.equivalence.onnx.structure.sizes import Size


class Kernel(NamedTuple):
    """A kernel along one axis; `before` and `after` are the zeros that it reads beyond the ends."""

    length: int
    stride: int
    dilation: int
    before: int
    after: int

    def places(self, size: Size) -> Size:
        """How many places it has along an axis."""
        extent = self.dilation * (self.length - 1) + 1
        return (size + (self.before + self.after - extent)).floored(self.stride) + 1

    def covers(self, size: Size) -> bool:
        """Whether it is the whole axis, as it lies."""
        return (self.dilation, self.before, self.after) == (1, 0, 0) and size.known == self.length


def kernels(call: Call, lengths: Sequence[int]) -> list[Kernel]:
    """The kernel of a node along each axis of positions, where no padding depends on a size."""
    rank = len(lengths)
    mode = call.attribute("auto_pad", "NOTSET")
    if mode not in ("NOTSET", "VALID") and set(lengths) != {1}:  # one element needs no padding
        raise Undecided(f"{call.node.op_type} with auto_pad {mode}")
    pads = (call.attribute("pads") if mode == "NOTSET" else None) or [0] * 2 * rank
    strides = call.attribute("strides") or [1] * rank
    dilations = call.attribute("dilations") or [1] * rank
    columns = zip(lengths, strides, dilations, pads[:rank], pads[rank:], strict=True)
    return [Kernel(*each) for each in columns]
