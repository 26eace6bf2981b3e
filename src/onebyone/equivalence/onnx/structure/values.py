"""Values of a file: functions of its inputs, each with the layout of its axes."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.constants import Tensor
from onebyone.equivalence.onnx.structure.layout import Layout, regroup, size_of
from onebyone.equivalence.onnx.structure.sizes import Size

Letter = Hashable
Known = tuple[Size, ...]
"""The elements of a small integer tensor, as sizes."""


@dataclass(frozen=True, eq=False)
class Term:
    """A function in the table: an operator with its settings, applied to entries.

    Attributes:
        number: its place in the table.
        operands: entries, each with how its axes lie on this one's.
        element: the element type, as ONNX numbers them.
        names: of the nodes that first gave it, by file.
        constant: where its elements are, and their order.
        reason: why its operator was not followed; empty where it was.
    """

    number: int
    operator: str
    attributes: tuple[Any, ...]
    operands: tuple[tuple["Term", Any], ...]
    element: int
    names: dict[int, str] = field(default_factory=dict)
    constant: tuple[Tensor, Layout] | None = None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Formula:
    """An elementwise function of constants; it joins the table once its axes have an order.

    With each operand stands which axis of the formula each of its axes is.
    """

    operator: str
    attributes: tuple[Any, ...]
    operands: tuple[tuple["Value", tuple[int, ...]], ...]
    element: int


@dataclass(frozen=True)
class Value:
    """A value of a file: a function, and how its axes lie in the value's.

    Attributes:
        function: an entry of the table, or a constant, which has no order of axes of its own.
        axes: the digits of each axis of the value; None where their number is not known.
        elements: of a small integer tensor, as far as they are known.
    """

    function: Term | Tensor | Formula
    axes: Layout | None
    elements: Known | None = None

    @property
    def layout(self) -> Layout:
        """The digits of each axis of the value; `Undecided` where the axes are not known."""
        if self.axes is None:
            raise Undecided("the number of axes is not known")
        return self.axes

    @property
    def constant(self) -> bool:
        """Whether it is the same for every input."""
        return not isinstance(self.function, Term)

    @property
    def shape(self) -> tuple[Size, ...]:
        """The size of each axis."""
        return tuple(size_of(group) for group in self.layout)

    @property
    def element(self) -> int:
        """The element type, as ONNX numbers them."""
        return self.function.element

    def reshaped(self, target: Sequence[Size]) -> "Value":
        """The same elements with other axes; `Undecided` where that is no regrouping of digits."""
        return Value(self.function, regroup(self.layout, target))

    def transposed(self, order: Sequence[int]) -> "Value":
        """The axes in another order."""
        return Value(self.function, tuple(self.layout[axis] for axis in order))


Operand = tuple[Value, Sequence[Letter]]
"""A value with a letter for each of its axes."""
