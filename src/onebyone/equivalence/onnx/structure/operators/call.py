"""One node of a file with what is known of its inputs, and the registry of operators."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.attributes import Setting, settings
from onebyone.equivalence.onnx.structure.table import Table
from onebyone.equivalence.onnx.structure.values import Known, Value


@dataclass(frozen=True)
class Call:
    """A node whose inputs have been read; None is one that is left out."""

    table: Table
    node: Any
    inputs: Sequence[Value | None]
    version: int

    def __getitem__(self, index: int) -> Value:
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            raise Undecided(f"{self.node.op_type} without its input {index}")
        return value

    def has(self, index: int) -> bool:
        """Whether the input is given."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def attribute(self, name: str, default: Any = None) -> Any:
        """The value of an attribute, `default` where it is not set."""
        attribute = self.node.attributes.get(name)
        return default if attribute is None else attribute.value

    def settings(self, *skipped: str) -> tuple[Setting, ...]:
        """All attributes bit for bit, without defaults and those skipped."""
        return settings(self.node, self.version, *skipped)

    def sizes(self, index: int) -> Known:
        """The elements of an input that must be known integers, or else it is `Undecided`."""
        elements = self[index].elements if self.has(index) else None
        if elements is None:
            raise Undecided(f"{self.node.op_type} whose input {index} is computed at run time")
        return elements

    def integers(self, index: int) -> tuple[int, ...]:
        """The same, as numbers; `Undecided` where they depend on a symbol."""
        numbers = [size.known for size in self.sizes(index)]
        if None in numbers:
            raise Undecided(f"{self.node.op_type} whose input {index} depends on a dynamic size")
        return tuple(number for number in numbers if number is not None)

    def setting(self, name: str, index: int, since: int) -> tuple[int, ...] | None:
        """Integers that are an attribute before operator set `since`, an input from then on."""
        if self.version >= since:
            return self.integers(index) if self.has(index) else None
        value = self.attribute(name)
        return None if value is None else tuple(value)

    def axis(self, default: int, rank: int) -> int:
        """The attribute `axis`, counted from the front."""
        axis: int = self.attribute("axis", default)
        return axis + rank if axis < 0 else axis


Operator = Callable[[Call], Value | list[Value]]
OPERATORS: dict[str, Operator] = {}


def operator(*names: str) -> Callable[[Operator], Operator]:
    """Register the function that reads the nodes of these ONNX operators."""

    def register(function: Operator) -> Operator:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return register


def trailing(values: Sequence[Value]) -> list[tuple[Value, range]]:
    """Letters for operands that broadcast: axes counted from the back."""
    return [(value, range(-len(value.shape), 0)) for value in values]
