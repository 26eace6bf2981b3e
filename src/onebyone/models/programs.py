"""The one way to open a `.pt2` file: what it holds is data, and runs no code of its own."""

import math
import zipfile
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.utils import _pytree as pytree

from onebyone.errors import InputError, first_line
from onebyone.models.archive import CONSTANTS, WEIGHTS, Archive, without_numbers
from onebyone.models.grammar import Refused
from onebyone.models.quiet import quiet
from onebyone.models.values import check_values, number_of

_MOST_NUMBERS = 2**26
"""In an input that is drawn as an example."""


def load_program(path: str | Path, *, trust: bool = False) -> ExportedProgram:
    """Load an exported program that `torch.export.save` wrote, as data.

    Args:
        path: the `.pt2` file.
        trust: let torch load it whatever it holds, which can run any code.

    Raises:
        InputError: the file is none, is damaged, or holds more than operators of a closed list,
            plain values and tensors.
    """
    path = Path(path)
    if not path.is_file():
        others = [other.name for other in path.parent.glob("*.pt2")]
        near = get_close_matches(path.name, others, n=1)
        hint = f"; did you mean {path.with_name(near[0])}?" if near else ""
        raise InputError(f"{path}: no such file{hint}")
    try:
        with quiet("torch.export"):
            return torch.export.load(path) if trust else _load(path)
    except Refused as refusal:
        raise InputError(
            f"{path}: {refusal}; this could run any code when loaded: pass trust=True, or --trust, "
            "if you trust where it comes from"
        ) from None
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(
            f"{path}: not a readable .pt2 archive, or truncated ({first_line(error)})"
        ) from error
    except Exception as error:  # torch.export raises errors of many kinds
        raise InputError(f"{path}: torch.export.load failed: {first_line(error)}") from error


def window(program: ExportedProgram) -> tuple[int, ...] | None:
    """The window (C, *space) of a program's only input; None where it has another, or any size."""
    inputs = _user_inputs(program)
    value = inputs[0].meta.get("val") if len(inputs) == 1 else None
    if not isinstance(value, Tensor) or value.ndim < 2:
        return None
    sizes = value.shape[1:]
    return tuple(sizes) if all(isinstance(n, int) for n in sizes) else None


def _load(path: Path) -> ExportedProgram:
    from torch.export.pt2_archive._package import load_pt2

    with Archive(path) as archive:
        description = archive.program()
        tensors = {part: archive.tensors(part) for part in (WEIGHTS, CONSTANTS)}
    found = load_pt2(without_numbers(description, tensors))
    program = found.exported_programs["model"]
    program.state_dict.update(tensors[WEIGHTS])
    program.constants.update(tensors[CONSTANTS])
    sizes = _sizes(program)
    check_values(program.graph, _constants(program), sizes)
    program.example_inputs = _example(program, sizes)
    return program


def _user_inputs(program: ExportedProgram) -> list[Any]:
    specs = program.graph_signature.input_specs
    names = {spec.arg.name for spec in specs if spec.kind is InputKind.USER_INPUT}
    return [n for n in program.graph.find_nodes(op="placeholder") if n.name in names]


def _constants(program: ExportedProgram) -> dict[Any, Tensor]:
    """The nodes of parameters, buffers and constants, with their tensors."""
    targets = {
        spec.arg.name: spec.target
        for spec in program.graph_signature.input_specs
        if spec.kind is not InputKind.USER_INPUT
    }
    held = {**program.constants, **program.state_dict}
    found = {}
    for node in program.graph.find_nodes(op="placeholder"):
        if node.name in targets:
            if targets[node.name] not in held:
                raise Refused(f"has no tensor for {targets[node.name]}")
            found[node] = held[targets[node.name]]
    return found


def _sizes(program: ExportedProgram) -> dict[Any, int]:
    """Sizes to try: twice those that the program was exported with, where they may be so large."""
    found: dict[Any, int] = {}
    for node in _user_inputs(program):
        value = node.meta.get("val")
        for size in value.shape if isinstance(value, Tensor) else ():
            if isinstance(size, torch.SymInt) and size.node.expr.is_Symbol:
                symbol = size.node.expr
                allowed = program.range_constraints[symbol]
                once = max(int(allowed.lower), size.node.hint or 2)
                found[symbol] = 2 * once if 2 * once <= allowed.upper else once
    return found


def _example(program: ExportedProgram, sizes: Mapping[Any, int]) -> Any:
    """Inputs of a program, drawn, in place of those in the file, which are pickled."""
    generator = torch.Generator().manual_seed(0)
    leaves = []
    for node in _user_inputs(program):
        value = node.meta.get("val")
        if isinstance(value, Tensor):
            shape = [number_of(n, sizes) for n in value.shape]
            if math.prod(shape) > _MOST_NUMBERS:
                return None
            drawn = torch.randn(shape, generator=generator)
            zeros = torch.zeros(shape, dtype=value.dtype, device=value.device)
            leaves.append(zeros.copy_(drawn) if value.is_floating_point() else zeros)
        else:
            leaves.append(number_of(value, sizes))
    structure = program.call_spec.in_spec
    return None if structure is None else pytree.tree_unflatten(leaves, structure)
