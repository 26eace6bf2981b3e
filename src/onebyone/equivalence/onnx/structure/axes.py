"""How axes that run together are cut, numbered and joined."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from onebyone.equivalence.onnx.structure.layout import Digit, Group, Layout, merged, radix, refined
from onebyone.equivalence.onnx.structure.sizes import ONE, Size
from onebyone.equivalence.onnx.structure.values import Letter, Operand, Term


@dataclass
class Cell:
    """Pieces of the operands' axes that run together, one of each operand that has them."""

    letter: Letter
    size: Size
    digits: dict[int, Digit]


def cells_of(operands: Sequence[Operand]) -> list[Cell]:
    """The axes of all operands cut into cells, letter by letter.

    Raises:
        Undecided: axes with one letter do not run together.
    """
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


def numbering(operands: Sequence[Operand], commutative: bool) -> list[int]:
    """Operands in the order in which their axes are numbered: constants have no say."""

    def rank(index: int) -> tuple[int, int]:
        function = operands[index][0].function
        if not isinstance(function, Term):
            return 1, index
        return 0, function.number if commutative else index

    return sorted(range(len(operands)), key=rank)


def joined_axes(
    operands: Sequence[Operand],
    cells: Sequence[Cell],
    kinds: Sequence[str],
    order: Sequence[int],
) -> list[list[int]]:
    """The cells in the order of the operands' axes, neighbours joined where all operands agree."""
    numbered: list[int] = []
    for index in order:
        here = {cell.digits[index]: n for n, cell in enumerate(cells) if index in cell.digits}
        numbered.extend(here[d] for d in radix(list(here)) if here[d] not in numbered)
    variable = [index for index, (value, _) in enumerate(operands) if not value.constant]

    def joined(first: int, second: int) -> bool:
        a, b = cells[first].digits, cells[second].digits
        return (
            kinds[first] == kinds[second]
            and a.keys() == b.keys()
            and all(a[index].precedes(b[index]) for index in variable if index in a)
        )

    axes: list[list[int]] = []
    for cell in numbered:
        if axes and joined(axes[-1][-1], cell):
            axes[-1].append(cell)
        else:
            axes.append([cell])
    return axes


def places_of(cells: Sequence[Cell], axes: Sequence[Sequence[int]]) -> dict[int, Digit]:
    """Where each cell lies in the result's axes."""
    places = {}
    for number, axis in enumerate(axes):
        stride = ONE
        for cell in reversed(axis):
            places[cell] = Digit(number, stride, cells[cell].size)
            stride = stride * cells[cell].size
    return places


def places_in(
    operand: int, cells: Sequence[Cell], places: Mapping[int, Digit]
) -> dict[Digit, Digit]:
    """Where each digit of an operand lies in the result's axes."""
    return {
        cell.digits[operand]: places[n] for n, cell in enumerate(cells) if operand in cell.digits
    }


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
