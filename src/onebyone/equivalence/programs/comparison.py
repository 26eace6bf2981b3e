"""The rungs of two programs, which know the ATen operators and not how one was made of the other.

*Structure* walks both graphs from the outputs: a node is the same in both, or each program
has a fragment for it that makes it from the same values and from constants. The matrices that the
two fragments multiply by are compared bit for bit. *Integers* runs both fragments on small
integers, where float arithmetic is exact and the results must be equal. *Numbers* runs both
programs on the example inputs that they carry.
"""

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, fx
from torch.export import ExportedProgram

from onebyone.equivalence.ladder import INTEGERS, STRUCTURE, Check, Unlike, rung
from onebyone.equivalence.programs.fragments import Fragment, Program, size_when_run
from onebyone.equivalence.programs.numbers import check_runs
from onebyone.errors import first_line
from onebyone.graphs.aten import value_of

LARGEST = 3  # of the integers: with it float32 is exact for sums over 1.8 million channels


def check_programs(
    before: ExportedProgram, after: ExportedProgram, level: str
) -> tuple[Check, ...]:
    """Compare two programs, whoever made them; values that stay have their names in both.

    Returns:
        "structure"; with "full" also "integers", and "numbers" where the program carries inputs.
        A check that fails is the last one.
    """
    a, b = Program(before), Program(after)
    pairs: list[tuple[Fragment, Fragment]] = []
    checks = [_structure(a, b, pairs)]
    if checks[-1].passed and level == "full":
        checks.append(_integers(pairs))
    if checks[-1].passed and level == "full" and before.example_inputs is not None:
        checks.append(check_runs(a.run, b.run, before.example_inputs))
    return tuple(checks)


@rung(STRUCTURE)
def _structure(a: Program, b: Program, pairs: list[tuple[Fragment, Fragment]]) -> Check:
    """Compare the graphs; fragments that differ are added to the pairs."""
    _compare_interfaces(a, b)
    pairs.extend(_differing(a, b))
    if not pairs:
        return Check(STRUCTURE, True, "the same operators and constants", inputs=None)
    for pair in pairs:
        _compare_matrices(*pair)
    equal = f"{len(pairs)} weights are equal bit for bit, and all else in the graphs is"
    return Check(STRUCTURE, True, equal)


@rung(INTEGERS)
def _integers(pairs: list[tuple[Fragment, Fragment]]) -> Check:
    for pair in pairs:
        _compare_integers(*pair)
    equal = f"{len(pairs)} layers give equal outputs for integers up to {LARGEST}"
    return Check(INTEGERS, True, equal if pairs else "no part differs")


def same_bits(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors have one type and shape and hold the same bits."""
    if (a.shape, a.dtype, a.device) != (b.shape, b.dtype, b.device):
        return False
    if a.is_meta:
        return True
    flat = (t.detach().contiguous().as_strided((t.numel(),), (1,)) for t in (a, b))
    return torch.equal(*(t.view(torch.uint8) for t in flat))


def _compare_interfaces(a: Program, b: Program) -> None:
    if _signature(a) != _signature(b):
        raise Unlike("the signatures differ")
    if a.program.state_dict.keys() != b.program.state_dict.keys():
        raise Unlike("the state dicts have other names")
    for name in a.program.graph_signature.user_inputs:
        old, new = (_declared(each.nodes[name]) for each in (a, b) if name in each.nodes)
        if old != new:
            raise Unlike(f"input {name} is {old} before and {new} after")


def _signature(of: Program) -> list[str]:
    """What goes in and out, without the names of the nodes that give the outputs."""
    outputs = of.program.graph_signature.output_specs
    said = [
        (out.kind, out.target, type(out.arg).__name__, getattr(out.arg, "value", None))
        for out in outputs
    ]
    return [*map(str, of.specs), *map(str, said)]


def _declared(node: fx.Node) -> str:
    value = value_of(node)
    if not isinstance(value, Tensor):
        return type(value).__name__
    sizes = (str(size) if isinstance(size, int) else "any" for size in value.shape)
    return f"{value.dtype} [{', '.join(sizes)}]"


def _differing(a: Program, b: Program) -> Iterator[tuple[Fragment, Fragment]]:
    """Compare all that the outputs need; gives the fragments that differ."""
    common = a.nodes.keys() & b.nodes.keys()
    waiting, seen = list(zip(a.outputs, b.outputs, strict=True)), set()
    while waiting:
        old, new = waiting.pop()
        if (old.name, new.name) in seen:
            continue
        seen.add((old.name, new.name))
        sources: Iterable[str] = ()
        if old.name in a.constants and new.name == old.name:
            if not same_bits(a.constants[old.name], b.constants[old.name]):
                raise Unlike(f"{old.name} is used elsewhere too and has changed")
        elif _written(old) == _written(new):
            sources = (node.name for node in old.all_input_nodes)
        else:
            pair = Fragment(a, old, common), Fragment(b, new, common)
            _compare_fragments(*pair)
            yield pair
            sources = pair[0].sources & pair[1].sources
        waiting += [(a.nodes[name], b.nodes[name]) for name in sources]


def _written(node: fx.Node) -> str:
    """A node as it stands, with the graphs that it holds."""
    parts = [str((node.op, str(node.target), node.args, node.kwargs))]
    if node.op == "get_attr":
        held = attrgetter(str(node.target))(node.graph.owning_module)
        inner = held.graph.nodes if isinstance(held, fx.GraphModule) else ()
        parts += [f"{step.name} = {_written(step)}" for step in inner]
    return "; ".join(parts)


def _compare_fragments(old: Fragment, new: Fragment) -> None:
    name = old.end.name
    if old.sources != new.sources:
        fault = f"is made from {', '.join(new.sources)}, not from {', '.join(old.sources)}"
    elif len(old.products) != 1 or len(new.products) != 1:
        fault = "is made in another way, and not by one product"
    elif old.constants != new.constants or old.weight != new.weight:
        fault = "reads other constants"
    elif (value_of(old.end).shape, value_of(old.end).dtype) != (
        value_of(new.end).shape, value_of(new.end).dtype
    ):  # fmt: skip
        fault = "has another shape or type"
    else:
        return
    raise Unlike(f"{name} {fault}")


def _compare_matrices(old: Fragment, new: Fragment) -> None:
    weights = [part.owner.constants[part.weight] for part in (old, new)]
    matrices = [part.matrix(weight) for part, weight in zip((old, new), weights, strict=True)]
    if not same_bits(*matrices):
        raise Unlike(f"{old.end.name} multiplies by another matrix")
    for name in old.constants - {old.weight}:
        if not same_bits(old.owner.constants[name], new.owner.constants[name]):
            raise Unlike(f"{name} has changed")


def _compare_integers(old: Fragment, new: Fragment) -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(like: Any) -> Tensor:
        shape = [size_when_run(size) for size in like.shape]
        values = torch.randint(-LARGEST, LARGEST + 1, shape, generator=generator)
        return values.float().to(like.device)

    given = {name: draw(value_of(old.owner.nodes[name])) for name in sorted(old.sources)}
    given |= {name: draw(old.owner.constants[name]) for name in sorted(old.constants)}
    weight = given[old.weight]
    shape = new.owner.constants[new.weight].shape
    if shape != weight.shape:
        weight = torch.empty(shape, device=weight.device)
        new.matrix(weight).copy_(old.matrix(given[old.weight]))
    expected = old.value(old.end, given)
    try:
        found = new.value(new.end, {**given, new.weight: weight})
    except (RuntimeError, IndexError) as error:
        raise Unlike(f"{old.end.name} cannot be computed: {first_line(error)}") from error
    if expected.shape != found.shape:
        raise Unlike(f"{old.end.name} is {tuple(found.shape)}, not {tuple(expected.shape)}")
    if not torch.equal(expected, found):
        apart = int((expected != found).sum())
        raise Unlike(f"{apart} of {found.numel()} numbers of {old.end.name} differ")
