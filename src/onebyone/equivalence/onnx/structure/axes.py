"""How axes that run together are cut, numbered and joined."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from onebyone.equivalence.onnx.structure.layout import Digit, Group, Layout, merged, radix, refined
from onebyone.equivalence.onnx.structure.sizes import ONE, Size
from onebyone.equivalence.onnx.structure.values import Letter, Operand, Term


@dataclass(eq=False)
class Cell:
    """Pieces of the operands' axes that run together, one of each operand that has them.

    Attributes:
        letter: of these axes.
        size: of each piece.
        digits: the piece of each operand that has one.
        place: where it lies in the result's axes, once these are numbered.
    """

    letter: Letter
    size: Size
    digits: dict[int, Digit]
    place: Digit = field(init=False)


def cells_of(operands: Sequence[Operand]) -> list[Cell]:
    """The axes of all operands cut into cells, letter by letter."""
    groups: dict[Letter, dict[int, Group]] = {}
    for index, (value, letters) in enumerate(operands):
        for letter, group in zip(letters, value.layout, strict=True):
            if group:
                groups.setdefault(letter, {})[index] = group
    return [
        Cell(letter, row[0].size, dict(zip(present, row, strict=True)))
        for letter, present in groups.items()
        for row in refined(list(present.values()))
    ]


def operand_order(operands: Sequence[Operand], commutative: bool) -> list[int]:
    """Operands in the order in which their axes are numbered: constants have no say."""

    def rank(index: int) -> tuple[int, int]:
        function = operands[index][0].function
        if not isinstance(function, Term):
            return 1, index
        return 0, function.number if commutative else index

    return sorted(range(len(operands)), key=rank)


def numbered(
    operands: Sequence[Operand],
    cells: Sequence[Cell],
    order: Sequence[int],
    kind: Callable[[Letter], str],
) -> list[list[Cell]]:
    """Put the cells into axes in the order of the operands', neighbours joined where all agree."""
    waiting: list[Cell] = []
    for index in order:
        here = {cell.digits[index]: cell for cell in cells if index in cell.digits}
        waiting.extend(here[d] for d in radix(list(here)) if here[d] not in waiting)
    variable = [index for index, (value, _) in enumerate(operands) if not value.constant]

    def joined(first: Cell, second: Cell) -> bool:
        a, b = first.digits, second.digits
        return (
            kind(first.letter) == kind(second.letter)
            and a.keys() == b.keys()
            and all(a[index].precedes(b[index]) for index in variable if index in a)
        )

    axes: list[list[Cell]] = []
    for cell in waiting:
        if axes and joined(axes[-1][-1], cell):
            axes[-1].append(cell)
        else:
            axes.append([cell])
    for number, axis in enumerate(axes):
        stride = ONE
        for cell in reversed(axis):
            cell.place = Digit(number, stride, cell.size)
            stride = stride * cell.size
    return axes


def link_of(here: Mapping[Digit, Digit]) -> tuple[tuple[Digit, Digit], ...]:
    """Where the digits of an operand lie in the result's axes, in as few pieces as can be."""
    pairs: list[tuple[Digit, Digit]] = []
    for digit in radix(list(here)):
        place = here[digit]
        if pairs and pairs[-1][0].precedes(digit) and pairs[-1][1].precedes(place):
            (a, b), size = pairs.pop(), digit.size
            digit = Digit(digit.axis, digit.stride, a.size * size)  # noqa: PLW2901 (grows)
            place = Digit(place.axis, place.stride, b.size * size)
        pairs.append((digit, place))
    return tuple(pairs)


def constant_group(here: Mapping[Digit, Digit], axis: int) -> Group:
    """The digits of a constant along one axis of the result, the most significant first."""
    back = {place: digit for digit, place in here.items() if place.axis == axis}
    return merged(back[place] for place in radix(list(back)))


def runs_of(layout: Layout, presence: Callable[[Digit], list[bool]]) -> list[list[Digit]]:
    """The digits of a layout, neighbours of one axis together where the same operands have them."""
    runs: list[list[Digit]] = []
    for group in layout:
        for place, digit in enumerate(group):
            if place and presence(runs[-1][-1]) == presence(digit):
                runs[-1].append(digit)
            else:
                runs.append([digit])
    return runs
