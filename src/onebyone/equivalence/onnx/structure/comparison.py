"""Whether two files are one function, by their structure: for every input, in real arithmetic."""

import numpy as np
import onnx_ir as ir

from onebyone.equivalence.ladder import STRUCTURE, Check, Undecided, Unlike, rung
from onebyone.equivalence.onnx.files import File
from onebyone.equivalence.onnx.structure.layout import view
from onebyone.equivalence.onnx.structure.reading import dimensions, read
from onebyone.equivalence.onnx.structure.table import Table
from onebyone.equivalence.onnx.structure.values import Term, Value
from onebyone.wording import by


@rung(STRUCTURE)
def structure(before: File, after: File) -> Check:
    """Read both files into one table of functions and compare the outputs' entries."""
    table = Table()
    try:
        old, new = before.written_out, after.written_out
        symbols: dict[str, str] = {}
        _compare_inputs(old, new, symbols)
        first, second = read(table, old, 0, {}), read(table, new, 1, symbols)
        table.place = (0, "")
        _compare_outputs(table, first, second)
    except Undecided as reason:
        file, node = table.place
        where = f" at {node} of {(before, after)[file].path.name}" if node else ""
        raise Undecided(f"{reason}{where}") from reason
    return Check(STRUCTURE, True, "equal for every input in real arithmetic", inputs=None)


def _compare_inputs(before: ir.Model, after: ir.Model, symbols: dict[str, str]) -> None:
    """Refuse other inputs; note what the first file calls the second one's dynamic sizes."""
    first, second = ([v.name for v in model.graph.inputs] for model in (before, after))
    if first != second:
        raise Unlike(f"the inputs are {first} before and {second} after")
    for value, other in zip(before.graph.inputs, after.graph.inputs, strict=True):
        name = value.name
        old, new = dimensions(value, str(name)), dimensions(other, str(name))
        if value.type != other.type:
            raise Unlike(f"input {name} is {value.type} before and {other.type} after")
        alike = (old is None) == (new is None) and len(old or ()) == len(new or ())
        for a, b in zip(old or (), new or (), strict=alike):
            fixed = isinstance(a, int) or isinstance(b, int)
            alike &= a == b if fixed else symbols.setdefault(str(b), str(a)) == a
        if not alike:
            raise Unlike(f"input {name} has the shape {value.shape} before and {other.shape} after")


def _compare_outputs(table: Table, first: dict[str, Value], second: dict[str, Value]) -> None:
    if list(first) != list(second):
        raise Unlike(f"outputs {list(first)} before, {list(second)} after")
    for name, a in first.items():
        b = second[name]
        old, new = table.entry(a), table.entry(b)
        if old is not new:
            raise Unlike(f"output {name}: {difference(old, new)}")
        if a.axes is None or b.axes is None:
            alike = a.axes is b.axes
        else:
            alike = (a.constant or a.axes == b.axes) and a.shape == b.shape
        if not alike:
            raise Unlike(f"output {name}: its axes are {_axes(a)} before, {_axes(b)} after")


def difference(old: Term, new: Term) -> str:
    """Where two functions first differ, going from the output towards the inputs.

    Raises:
        Undecided: different operators stand there, and one of them is not followed.
    """
    unlike: tuple[Term, Term] | None = old, new
    while unlike:
        old, new = unlike
        here, there = _named(old, 0), _named(new, 1)
        if (old.operator, len(old.operands)) != (new.operator, len(new.operands)):
            if old.reason or new.reason:
                raise Undecided(f"expected {here}, found {there}")
            return f"expected {here}, found {there}"
        pairs = zip(old.operands, new.operands, strict=True)
        unlike = next(((a, b) for (a, _), (b, _) in pairs if a is not b), None)
    if old.operator == "Constant":
        return f"{_elements(old, new)}; {here}, {there}"
    links = [(a, b) for (_, a), (_, b) in zip(old.operands, new.operands, strict=True) if a != b]
    if links:
        return f"{here} and {there} read their operands with other axes"
    return f"{here} has the settings {old.attributes}, {there} {new.attributes}"


def _elements(old: Term, new: Term) -> str:
    a, b = _held(old), _held(new)
    if old.element != new.element:
        return f"constants of type {a.dtype} before and {b.dtype} after"
    if old.attributes[0] != new.attributes[0]:
        sizes = [by(term.attributes[0]) for term in (old, new)]
        return f"constants of sizes {sizes[0]} before and {sizes[1]} after"
    for index, (x, y) in enumerate(zip(a.flat, b.flat, strict=True)):
        if np.asarray(x).tobytes() != np.asarray(y).tobytes():
            return f"element {index} of {a.size} is {x} before and {y} after"
    raise AssertionError("constants with other digests have other elements")


def _held(term: Term) -> np.ndarray:
    assert term.constant is not None, "it is a constant"
    tensor, layout = term.constant
    return view(tensor.array, layout)


def _named(term: Term, file: int) -> str:
    name = term.names.get(file) or next(iter(term.names.values()), "")
    return f"{term.operator} ({name}{term.reason and ': '}{term.reason})"


def _axes(value: Value) -> str:
    if value.axes is None:
        return "not known"
    return str([[(d.axis, str(d.stride), str(d.size)) for d in group] for group in value.axes])
