"""One table of functions for both files: equal functions are the same entry.

An entry (`Term`) is an operator applied to entries, over axes that have numbers but no order in
memory. Its axes are numbered as its operands number theirs, so the same function gets the same
entry whatever layouts its operands and result have in a file. What a file's value is beyond that,
its axes and their order, is its `Layout`.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from onebyone.rewrite.check.constants import Tensor, digest, radix, view
from onebyone.rewrite.check.layout import (
    Digit,
    Group,
    Layout,
    merged,
    refined,
    regroup,
    size_of,
    whole,
)
from onebyone.rewrite.check.sizes import ONE, Size

Letter = Hashable


@dataclass(frozen=True, eq=False)
class Term:
    """A function in the table.

    Attributes:
        number: its place in the table.
        operator: what is applied.
        attributes: with what settings.
        operands: to what: entries, each with how its axes lie on this one's.
        element: the element type, as ONNX numbers them.
        names: of the nodes that first gave it, by file.
        elements: of a constant, as a view.
    """

    number: int
    operator: str
    attributes: tuple[Any, ...]
    operands: tuple[tuple["Term", Any], ...]
    element: int
    names: dict[int, str] = field(default_factory=dict)
    elements: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Formula:
    """An elementwise function of constants; it joins the table once its axes have an order.

    Attributes:
        operator: what is applied.
        attributes: with what settings.
        operands: constants, and which axis of the formula each of their axes is.
        element: the element type.
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
        layout: the digits of each axis of the value.
    """

    function: Term | Tensor | Formula
    layout: Layout

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
        """The same elements with other axes.

        Raises:
            Undecided: the reshape is no regrouping of axes.
        """
        return replace(self, layout=regroup(self.layout, target))

    def transposed(self, order: Sequence[int]) -> "Value":
        """The axes in another order."""
        return replace(self, layout=tuple(self.layout[axis] for axis in order))


@dataclass
class Cell:
    """Pieces of the operands' axes that run together, one of each operand that has them."""

    letter: Letter
    size: Size
    digits: dict[int, Digit]


class Table:
    """The functions of all files read so far."""

    def __init__(self) -> None:
        self._terms: dict[Hashable, Term] = {}
        self._arranged: dict[Hashable, tuple[Value, Term]] = {}
        self.place = (0, "")  # The file and node that is being read.

    def term(
        self,
        operator: str,
        attributes: tuple[Any, ...],
        operands: Sequence[tuple[Term, Any]],
        element: int,
        elements: Callable[[], np.ndarray] | None = None,
    ) -> Term:
        """The entry for an operator applied to entries, made where it is new."""
        links = tuple((term.number, link) for term, link in operands)
        key = (operator, attributes, links, element)
        if key not in self._terms:
            held = elements() if elements else None
            number = len(self._terms)
            new = Term(number, operator, attributes, tuple(operands), element, {}, held)
            self._terms[key] = new
        found = self._terms[key]
        found.names.setdefault(*self.place)
        return found

    def arranged(self, value: Value) -> Term:
        """The entry for a constant whose axes have the order of the value's."""
        key = (id(value.function), value.layout)
        if key not in self._arranged:
            function = value.function
            made = (
                self._formula(function, value.layout)
                if isinstance(function, Formula)
                else self._tensor(function, value.layout)
            )
            self._arranged[key] = value, made  # The value keeps the function's id in use.
        made = self._arranged[key][1]
        made.names.setdefault(*self.place)
        return made

    def constant(self, sizes: tuple[Size, ...], elements: np.ndarray, element: int) -> Term:
        """The entry for a constant with these elements in this order."""
        attributes = (sizes, digest(elements))
        return self.term("Constant", attributes, (), element, lambda: elements)

    def _tensor(self, tensor: Any, layout: Layout) -> Term:
        sizes = tuple(size_of(group) for group in layout if group)
        return self.constant(sizes, view(tensor, layout), tensor.element)

    def _formula(self, formula: Formula, layout: Layout) -> Term:
        pieces = radix([digit for group in layout for digit in group])
        operands = []
        for value, axes in formula.operands:
            parts = [[digit for digit in pieces if digit.axis == axis] for axis in axes]
            parts = [part if group else [] for part, group in zip(parts, value.layout, strict=True)]
            cut = value.reshaped([digit.size for part in parts for digit in part])
            flat = (digit for part in parts for digit in part)
            operands.append((value.function, dict(zip(flat, cut.layout, strict=True))))
        runs = _runs(layout, lambda digit: [digit in where for _, where in operands])
        links = []
        for function, where in operands:
            present = [index for index, run in enumerate(runs) if run[0] in where]
            groups = tuple(merged(d for digit in runs[i] for d in where[digit]) for i in present)
            links.append((self.arranged(Value(function, groups)), tuple(present)))
        sizes = tuple(size_of(group) for group in layout if group)
        return self.term(formula.operator, (formula.attributes, sizes), links, formula.element)

    def literal(
        self,
        operator: str,
        attributes: tuple[Any, ...],
        operands: Sequence[Value | None],
        element: int,
    ) -> Term:
        """The entry for an operator that reads its operands as they lie."""
        links: list[tuple[Term, Any]] = []
        given: list[tuple[Size, ...] | None] = []
        for operand in operands:
            given.append(None if operand is None else operand.shape)
            if operand is not None and operand.constant:
                links.append((self.arranged(operand), None))
            elif operand is not None and isinstance(operand.function, Term):
                links.append((operand.function, operand.layout))
        return self.term(operator, (attributes, tuple(given)), links, element)

    def join(
        self,
        operator: str,
        operands: Sequence[tuple[Value, Sequence[Letter]]],
        out: Sequence[Letter],
        attributes: tuple[Any, ...] = (),
        *,
        over: Sequence[Letter] = (),
        ordered: Sequence[Letter] = (),
        fresh: Mapping[Letter, Size] | None = None,
        commutative: bool = False,
        element: int | None = None,
    ) -> Value:
        """Apply an operator whose operands' axes run together where their letters are the same.

        Args:
            operator: its name.
            operands: values with a letter for each of their axes.
            out: the letter of each axis of the result; letters that are not there are reduced.
            attributes: the operator's settings.
            over: letters that are kept, along which the operator mixes.
            ordered: reduced letters along which the order matters.
            fresh: axes of the result that no operand has, with their sizes.
            commutative: whether the order of the operands does not matter.
            element: the result's element type; the first operand's where it is not given.

        Raises:
            Undecided: axes with one letter do not run together.
        """
        fresh = fresh or {}
        element = operands[0][0].element if element is None else element
        reduced = any(letter not in out for _, letters in operands for letter in letters)
        if all(value.constant for value, _ in operands):
            if not (reduced or over or fresh):
                return _deferred(operator, operands, out, attributes, element)
            operands = [(self._fixed(value), letters) for value, letters in operands]
        cells = _cells(operands)
        order = _order(operands, commutative)
        kinds = [
            "over" if cell.letter in over else "kept" if cell.letter in out else "reduced"
            for cell in cells
        ]
        axes = _axes(operands, cells, kinds, order)
        places = {}
        for number, axis in enumerate(axes):
            stride = ONE
            for cell in reversed(axis):
                places[cell] = Digit(number, stride, cells[cell].size)
                stride = stride * cells[cell].size
        links: list[tuple[Term, Any]] = []
        for index in order if commutative else range(len(operands)):
            value = operands[index][0]
            here = {c.digits[index]: places[n] for n, c in enumerate(cells) if index in c.digits}
            if isinstance(value.function, Term):
                links.append((value.function, _link(here)))
            else:
                by_axis = sorted(here.items(), key=lambda pair: pair[1].axis)
                present = tuple(dict.fromkeys(place.axis for _, place in by_axis))
                groups = tuple(_constant_group(here, axis) for axis in present)
                links.append((self.arranged(Value(value.function, groups)), present))

        def layout(letter: Letter) -> Group:
            return merged(places[n] for n, cell in enumerate(cells) if cell.letter == letter)

        shape = tuple((kinds[axis[0]], _size(cells, axis)) for axis in axes)
        sequences = tuple(layout(letter) for letter in ordered)
        new = {}
        for number, (letter, size) in enumerate(fresh.items(), len(axes)):
            new[letter] = () if size == ONE else (Digit(number, ONE, size),)
        sizes = tuple(size for size in fresh.values() if size != ONE)
        settings = (attributes, shape, sequences, sizes)
        made = self.term(operator, settings, links, element)
        groups = tuple(new[letter] if letter in new else layout(letter) for letter in out)
        return Value(made, groups)

    def _fixed(self, value: Value) -> Value:
        return Value(self.arranged(value), whole(value.shape)) if value.constant else value


def _deferred(
    operator: str,
    operands: Sequence[tuple[Value, Sequence[Letter]]],
    out: Sequence[Letter],
    attributes: tuple[Any, ...],
    element: int,
) -> Value:
    sizes = dict.fromkeys(out, ONE)
    for value, letters in operands:
        for letter, size in zip(letters, value.shape, strict=True):
            sizes[letter] = size if size != ONE else sizes[letter]
    numbered = [letter for letter in out if sizes[letter] != ONE]
    parts = []
    for value, letters in operands:
        kept = [axis for axis, letter in enumerate(letters) if letter in numbered]
        axes = tuple(numbered.index(letters[axis]) for axis in kept)
        parts.append((value.transposed(kept), axes))
    function = Formula(operator, attributes, tuple(parts), element)
    return Value(function, whole(sizes[letter] for letter in out))


def _cells(operands: Sequence[tuple[Value, Sequence[Letter]]]) -> list[Cell]:
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


def _order(operands: Sequence[tuple[Value, Sequence[Letter]]], commutative: bool) -> list[int]:
    """Operands in the order in which their axes are numbered: constants have no say."""

    def rank(index: int) -> tuple[int, int]:
        function = operands[index][0].function
        if not isinstance(function, Term):
            return 1, index
        return 0, function.number if commutative else index

    return sorted(range(len(operands)), key=rank)


def _axes(
    operands: Sequence[tuple[Value, Sequence[Letter]]],
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


def _size(cells: Sequence[Cell], axis: Sequence[int]) -> Size:
    size = ONE
    for cell in axis:
        size = size * cells[cell].size
    return size


def _link(here: Mapping[Digit, Digit]) -> tuple[tuple[Digit, Digit], ...]:
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


def _constant_group(here: Mapping[Digit, Digit], axis: int) -> Group:
    """The digits of a constant along one axis of the result, the most significant first."""
    back = {place: digit for digit, place in here.items() if place.axis == axis}
    return merged(back[place] for place in radix(list(back)))


def _runs(layout: Layout, presence: Callable[[Digit], list[bool]]) -> list[list[Digit]]:
    """The digits of a layout, neighbours of one axis together where the same operands have them."""
    runs: list[list[Digit]] = []
    for group in layout:
        for place, digit in enumerate(group):
            if place and presence(runs[-1][-1]) == presence(digit):
                runs[-1].append(digit)
            else:
                runs.append([digit])
    return runs
