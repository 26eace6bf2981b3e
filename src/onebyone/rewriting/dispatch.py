"""The one call for modules, exported programs and files."""

import io
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.jit import ScriptModule

from onebyone.choices import Checked, Layout, Operator
from onebyone.equivalence import compare
from onebyone.equivalence.dispatch import require_file
from onebyone.errors import InputError
from onebyone.models import load_program
from onebyone.rewriting.layouts import LAYOUTS
from onebyone.rewriting.module_check import check_modules
from onebyone.rewriting.modules import rewrite_module
from onebyone.rewriting.programs import rewrite_program
from onebyone.rewriting.report import Rewritten
from onebyone.rewriting.selection import Selection
from onebyone.rewriting.tensors import rewrite_safetensors
from onebyone.writing import check_target, replacing

CHECKS = get_args(Checked)


def rewrite(
    source: nn.Module | ExportedProgram | str | Path,
    to: Operator,
    *,
    out: str | Path | None = None,
    where: str | None = None,
    skip: str | None = None,
    layout: Layout = "BCHW",
    check: Checked = "full",
    inplace: bool = False,
    trust: bool = False,
) -> Rewritten:
    """Make linear layers compute by 1×1 convolutions, or the other way round (S1, S2).

    Args:
        source: a module, an exported program, or a file: `.onnx`, `.pt2`, or weights in
            `.safetensors`. The layers of a module keep their names, hooks and flags; its
            `state_dict` stays as it was, so that checkpoints go both ways.
        to: "convolution" or "linear".
        out: the file to write; without it a file is only looked at, and the report says what would
            be done.
        where: a regular expression; layers in whose names it is not found are left.
        skip: a regular expression; layers in whose names it is found are left.
        layout: how [..., S, C] lies as a convolution's input: "conv1d" [B, C, S], "BCS1",
            "BC1S", or "BCHW", [B, C, H, W] of [B, H, W, C].
        check: "full" compares structure, integers and numbers (`Report.checks`), "structure" the
            weights bit for bit, "off" nothing.
        inplace: change a module itself, not a copy. An optimizer made before holds the old
            parameters.
        trust: load a `.pt2` file whatever it holds, which can run any code; without it, a file
            that holds more than operators and plain data is refused.

    Returns:
        The new module, program or path (None where nothing was written), and the report, with a
        row for every layer that could be meant and the reason where it was left.

    Raises:
        InputError: an argument cannot be used, or nothing is found under `where`.

    Example:
        >>> model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> found = ob.rewrite(model, to="convolution")
        >>> [row.became for row in found.report.rows]
        ['Conv2d 4×8×1×1', 'Conv2d 2×4×1×1']
        >>> x = torch.rand(5, 8)
        >>> torch.allclose(found.model(x), model(x), atol=1e-6)
        True
    """
    _require("to", to, get_args(Operator))
    _require("layout", layout, LAYOUTS)
    _require("check", check, CHECKS)
    selection = Selection(where, skip)
    if isinstance(source, nn.Module):
        _refuse(out, source)
        model, report, pairs = rewrite_module(source, to, selection, layout, inplace)
        checks = () if check == "off" else check_modules(pairs, check)
        return Rewritten(model, replace(report, checks=checks))
    if inplace:
        raise InputError("inplace=True goes with a module; a file or program stays as it was")
    if isinstance(source, ExportedProgram):
        _refuse(out, source)
        program, report = rewrite_program(source, to, selection, layout)
        checks = () if check == "off" else compare(source, program, check)
        return Rewritten(program, replace(report, checks=checks))
    if not isinstance(source, str | Path):
        raise InputError(f"source={source!r}: give a module, an exported program or a file")
    path, target = Path(source), None if out is None else Path(out)
    _check_paths(path, target)
    rewritten = _rewrite_file(path, to, target, selection, layout, trust)
    if target is None or check == "off":
        return rewritten
    checks = compare(path, target, check, trust=trust)
    return Rewritten(target, replace(rewritten.report, checks=checks))


def files_of(path: Path) -> Iterator[Path]:
    """A file and, where it is ONNX and can be read, the files of data that it names."""
    yield path
    if path.suffix.lower() == ".onnx":
        from onebyone.rewriting.onnx.files import data_files

        yield from data_files(path)


def _rewrite_file(
    path: Path, to: str, out: Path | None, selection: Selection, layout: str, trust: bool
) -> Rewritten:
    if path.suffix.lower() == ".safetensors":
        return rewrite_safetensors(path, to, out, selection, layout)
    if path.suffix.lower() == ".pt2":
        program, report = rewrite_program(load_program(path, trust=trust), to, selection, layout)
        if out is not None:
            archive = io.BytesIO()  # on a disk that is full, PyTorch's writer ends the process
            torch.export.save(program, archive)
            with replacing(out) as beside:
                beside.write_bytes(archive.getbuffer())
        return Rewritten(out, report)
    from onebyone.rewriting.onnx import rewrite_onnx

    return rewrite_onnx(path, to, out, selection, layout)


def _check_paths(path: Path, out: Path | None) -> None:
    require_file(path)
    if out is None:
        return
    if out.suffix.lower() != path.suffix.lower():
        raise InputError(f"out={out} must be of the kind of {path}: give a {path.suffix} file")
    check_target(out, files_of(path))


def _require(argument: str, given: str, known: Collection[str]) -> None:
    if given not in known:
        raise InputError(f"{argument}={given!r} is unknown; use one of {', '.join(known)}")


def _refuse(out: str | Path | None, source: nn.Module | ExportedProgram) -> None:
    if out is not None:
        raise InputError(f"out={out} goes with a file; save what the module or program becomes")
    if isinstance(source, ScriptModule):
        raise InputError("source is TorchScript, which cannot change; give the module that it was")
