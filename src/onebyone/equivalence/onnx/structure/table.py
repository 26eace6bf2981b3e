"""One table of functions for both files: equal functions are the same entry.

An entry (`Term`) is an operator applied to entries, over axes that have numbers but no order in
memory. Its axes are numbered as its operands number theirs, so the same function gets the same
entry whatever layouts its operands and result have in a file. What a file's value is beyond that,
its axes and their order, is its `Layout`.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.constants import Tensor, digest
from onebyone.equivalence.onnx.structure.axes import (
    cells_of,
    constant_group,
    link_of,
    numbered,
    operand_order,
    runs_of,
)
from onebyone.equivalence.onnx.structure.layout import (
    Digit,
    Layout,
    identity,
    merged,
    radix,
    size_of,
    view,
)
from onebyone.equivalence.onnx.structure.sizes import ONE, Size, product
from onebyone.equivalence.onnx.structure.values import Formula, Letter, Operand, Term, Value


class Table:
    """The functions of all files read so far."""

    def __init__(self) -> None:
        self._terms: dict[Hashable, Term] = {}
        self._arranged: dict[Hashable, tuple[Value, Term]] = {}
        self._uses: Counter[Hashable] = Counter()
        self.place = (0, "")  # The file and node that is being read.

    def term(
        self,
        operator: str,
        attributes: tuple[Any, ...],
        operands: Sequence[tuple[Term, Any]],
        element: int,
        constant: tuple[Tensor, Layout] | None = None,
        reason: str = "",
    ) -> Term:
        """The entry for an operator applied to entries, made where it is new."""
        links = tuple((term.number, link) for term, link in operands)
        key = (operator, attributes, links, element)
        if key not in self._terms:
            number = len(self._terms)
            new = Term(number, operator, attributes, tuple(operands), element, {}, constant, reason)
            self._terms[key] = new
        found = self._terms[key]
        found.names.setdefault(*self.place)
        return found

    def entry(self, value: Value) -> Term:
        """The entry that a value holds; a constant's has axes in the order of the value's."""
        function = value.function
        if isinstance(function, Term):
            return function
        key = (id(function), value.layout)
        if key not in self._arranged:
            if isinstance(function, Formula):
                made = self._formula(function, value.layout)
            else:
                made = self._tensor(function, value.layout)
            self._arranged[key] = value, made  # The value keeps the function's id in use.
        made = self._arranged[key][1]
        made.names.setdefault(*self.place)
        return made

    def _tensor(self, tensor: Tensor, layout: Layout) -> Term:
        sizes = tuple(size_of(group) for group in layout if group)
        name = tensor.read(lambda array: digest(view(array, layout)))
        return self.term("Constant", (sizes, name), (), tensor.element, (tensor, layout))

    def _formula(self, formula: Formula, layout: Layout) -> Term:
        pieces = radix([digit for group in layout for digit in group])
        operands = []
        for value, axes in formula.operands:
            parts = [[digit for digit in pieces if digit.axis == axis] for axis in axes]
            parts = [part if group else [] for part, group in zip(parts, value.layout, strict=True)]
            cut = value.reshaped([digit.size for part in parts for digit in part])
            flat = (digit for part in parts for digit in part)
            operands.append((value.function, dict(zip(flat, cut.layout, strict=True))))
        runs = runs_of(layout, lambda digit: [digit in where for _, where in operands])
        links = []
        for function, where in operands:
            present = [index for index, run in enumerate(runs) if run[0] in where]
            groups = tuple(merged(d for digit in runs[i] for d in where[digit]) for i in present)
            links.append((self.entry(Value(function, groups)), tuple(present)))
        sizes = tuple(size_of(group) for group in layout if group)
        return self.term(formula.operator, (formula.attributes, sizes), links, formula.element)

    def literal(
        self,
        operator: str,
        attributes: tuple[Any, ...],
        operands: Sequence[Value | None],
        element: int,
        reason: str,
        draws: bool = False,
    ) -> Term:
        """The entry for an operator that reads its operands as they lie.

        One that draws at random is another function each time that one file has it.
        """
        links: list[tuple[Term, Any]] = []
        given: list[Hashable] = []
        for value in operands:
            if value is None:
                given.append(None)
                continue
            shape = None if value.axes is None else value.shape
            known = None if value.elements is None else (value.elements, value.element)
            given.append((shape, known))
            if known is None:
                links.append((self.entry(value), None if value.constant else value.axes))
        settled: tuple[Any, ...] = (attributes, tuple(given))
        if draws:
            use = (self.place[0], operator, settled, tuple((t.number, at) for t, at in links))
            self._uses[use] += 1
            settled = (*settled, self._uses[use])
        return self.term(operator, settled, links, element, reason=reason)

    def join(
        self,
        operator: str,
        operands: Sequence[Operand],
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
            Undecided: axes with one letter do not run together, or an operand has another number
                of axes.
        """
        for value, letters in operands:
            if len(letters) != len(value.layout):
                raise Undecided(f"an operand of {len(value.layout)} axes, expected {len(letters)}")
        fresh = fresh or {}
        element = operands[0][0].element if element is None else element
        reduced = any(letter not in out for _, letters in operands for letter in letters)
        if all(value.constant for value, _ in operands):
            if not (reduced or over or fresh):
                return _deferred(operator, operands, out, attributes, element)
            operands = [(Value(self.entry(v), identity(v.shape)), at) for v, at in operands]

        def kind(letter: Letter) -> str:
            return "over" if letter in over else "kept" if letter in out else "reduced"

        cells, order = cells_of(operands), operand_order(operands, commutative)
        axes = numbered(operands, cells, order, kind)
        links = [
            self._link(
                operands[index][0],
                {cell.digits[index]: cell.place for cell in cells if index in cell.digits},
            )
            for index in (order if commutative else range(len(operands)))
        ]
        layout = {
            letter: merged(cell.place for cell in cells if cell.letter == letter)
            for letter in (*out, *ordered)
        }
        for letter, group in zip(fresh, identity(fresh.values(), len(axes)), strict=True):
            layout[letter] = group
        settings = (
            attributes,
            tuple((kind(axis[0].letter), product(cell.size for cell in axis)) for axis in axes),
            tuple(layout[letter] for letter in ordered),
            tuple(size for size in fresh.values() if size != ONE),
        )
        made = self.term(operator, settings, links, element)
        return Value(made, tuple(layout[letter] for letter in out))

    def _link(self, value: Value, here: Mapping[Digit, Digit]) -> tuple[Term, Any]:
        """The entry of an operand and how it lies; a constant is put in the order of the axes."""
        if isinstance(value.function, Term):
            return value.function, link_of(here)
        present = tuple(sorted({place.axis for place in here.values()}))
        groups = tuple(constant_group(here, axis) for axis in present)
        return self.entry(Value(value.function, groups)), present


def _deferred(
    operator: str,
    operands: Sequence[Operand],
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
    return Value(function, identity(sizes[letter] for letter in out))
