"""Index maps: how the axes of a value are made of the axes of the function that it holds.

Each axis of a value is a mixed-radix number, and its digits are digits of the function's own axes.
A transpose permutes axes and a reshape regroups digits, so any chain of them is one such map, and
two chains are equal when their maps are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.structure.sizes import ONE, Size, product


@dataclass(frozen=True)
class Digit:
    """The digit (index // stride) mod size of the index along one axis."""

    axis: int
    stride: Size
    size: Size

    def split(self, leading: Size) -> "tuple[Digit, Digit] | None":
        """Two digits, the more significant of size `leading`; None where it does not divide."""
        rest = self.size.over(leading)
        if rest is None:
            return None
        return Digit(self.axis, self.stride * rest, leading), Digit(self.axis, self.stride, rest)

    def precedes(self, other: "Digit") -> bool:
        """Whether the two, written one after the other, are one digit."""
        return self.axis == other.axis and self.stride == other.stride * other.size


Group = tuple[Digit, ...]
Layout = tuple[Group, ...]


def identity(sizes: Iterable[Size], number: int = 0) -> Layout:
    """The map of a value that is the function itself, whose axes are numbered from there on.

    Axes of size 1 have no digits.
    """
    layout: list[Group] = []
    for size in sizes:
        layout.append(() if size == ONE else (Digit(number, ONE, size),))
        number += size != ONE
    return tuple(layout)


def size_of(group: Group) -> Size:
    """The size of an axis made of these digits."""
    return product(digit.size for digit in group)


def merged(digits: Iterable[Digit]) -> Group:
    """The same digits, neighbours joined where they are one."""
    out: list[Digit] = []
    for digit in digits:
        if out and out[-1].precedes(digit):
            last = out.pop()
            digit = Digit(digit.axis, digit.stride, last.size * digit.size)  # noqa: PLW2901 (grows)
        out.append(digit)
    return tuple(out)


def regroup(layout: Layout, target: Sequence[Size]) -> Layout:
    """The map after a reshape to `target`.

    Raises:
        Undecided: the new axes cut digits where their sizes do not divide.
    """
    given, wanted = list(map(size_of, layout)), list(target)
    left = list(reversed([digit for group in layout for digit in group]))
    groups = []
    for size in target:
        group: list[Digit] = []
        missing = size
        while missing != ONE:
            if not left:
                raise Undecided(f"a reshape to {wanted} has more elements than {given}")
            digit = left.pop()
            rest = missing.over(digit.size)
            if rest is None:
                pieces = digit.split(missing)
                if pieces is None:
                    raise Undecided(f"a reshape of {given} to {wanted}")
                digit, rest = pieces[0], ONE
                left.append(pieces[1])
            group.append(digit)
            missing = rest
        groups.append(merged(group))
    if left:
        raise Undecided(f"a reshape of {given} to fewer elements, {wanted}")
    return tuple(groups)


def refined(groups: Sequence[Group]) -> list[tuple[Digit, ...]]:
    """Cut the digits of axes that run together into pieces that run together.

    Raises:
        Undecided: the axes differ in size or their digits do not divide each other.
    """
    stacks = [list(reversed(group)) for group in groups]
    rows = []
    while all(stacks):
        heads = [stack.pop() for stack in stacks]
        size = next(
            (h.size for h in heads if all(other.size.over(h.size) for other in heads)), None
        )
        if size is None:
            sizes = " and ".join(str([digit.size for digit in group]) for group in groups)
            raise Undecided(f"axes {sizes} together")
        row = []
        for stack, head in zip(stacks, heads, strict=True):
            pieces = head.split(size)
            assert pieces is not None
            row.append(pieces[0])
            if pieces[1].size != ONE:
                stack.append(pieces[1])
        rows.append(tuple(row))
    if any(stacks):
        sizes = " and ".join(str(size_of(group)) for group in groups)
        raise Undecided(f"axes of sizes {sizes} run together")
    return rows


def view(array: np.ndarray, layout: Layout) -> np.ndarray:
    """A constant's elements with one axis for each digit of `layout`, without copying them."""
    order = [digit for group in layout for digit in group]
    pieces = radix(order)
    sizes = [_number(digit) for digit in pieces]
    return array.reshape(sizes).transpose([pieces.index(digit) for digit in order])


def radix(digits: list[Digit]) -> list[Digit]:
    """All digits of a function's axes, axis by axis, the most significant first."""
    out: list[Digit] = []
    for axis in sorted({digit.axis for digit in digits}):
        strides = {digit.stride: digit for digit in digits if digit.axis == axis}
        chain, stride = [], ONE
        while stride in strides:
            chain.append(strides[stride])
            stride = strides[stride].stride * strides[stride].size
        out.extend(reversed(chain))
    assert len(out) == len(digits), "a layout has every digit of its function once"
    return out


def _number(digit: Digit) -> int:
    known = digit.size.known
    assert known is not None, "a constant has known sizes"
    return known
