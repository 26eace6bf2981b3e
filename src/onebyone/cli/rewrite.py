"""`onebyone rewrite`: linear layers to 1×1 convolutions and back, in a file, checked."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from onebyone.cli.outputs import check_outputs
from onebyone.errors import InputError
from onebyone.writing import replacing

KINDS_HELP = ".onnx, .pt2 (an exported program) or .safetensors (weights)"


def rewrite(
    source: Annotated[Path, typer.Argument(metavar="IN", help=f"A file: {KINDS_HELP}.")],
    out: Annotated[
        Path | None, typer.Argument(metavar="OUT", help="The file to write, of the same kind.")
    ] = None,
    *,
    to: Annotated[str | None, typer.Option(help="convolution or linear.")] = None,
    layout: Annotated[
        str, typer.Option(help="Of new convolutions: conv1d, BCS1, BC1S or BCHW.")
    ] = "BCHW",
    where: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Only layers in whose names it is found.")
    ] = None,
    skip: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Not layers in whose names it is found.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Where to write the report as JSON.")] = None,
    check: Annotated[str, typer.Option(help="full, structure or off.")] = "full",
    check_only: Annotated[
        bool, typer.Option("--check-only", help="Only compare IN with OUT, whoever wrote it.")
    ] = False,
    trust: Annotated[
        bool, typer.Option("--trust", help="Load a .pt2 file whatever it holds.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Rewrite linear layers to 1×1 convolutions or back, and check what was written.

    Exit status 1 where the check fails, or --where names a layer that had to be left.
    """
    if check_only:
        if (to, where, skip, report) != (None,) * 4 or dry_run:
            raise InputError("--check-only goes with --check, --trust and --json only")
        _check_only(source, out, check, as_json, trust)
        return
    from onebyone.rewriting import rewrite as rewriting_rewrite
    from onebyone.rewriting.dispatch import LEVELS, compare_files, files_of
    from onebyone.rewriting.selection import Selection

    if to is None:
        raise InputError("--to is missing: say convolution or linear")
    if (out is None) is not dry_run:
        raise InputError("give OUT, the file to write, or --dry-run and no OUT")
    check_outputs(locals(), lambda: files_of(source), report=(".json",))
    if check not in LEVELS:
        raise InputError(f"--check {check}: say one of {', '.join(LEVELS)}")
    with _shown() as begin:
        begin("rewriting")
        found = rewriting_rewrite(
            source, to, out=out, where=where, skip=skip, layout=layout, check="off", trust=trust
        ).report
        if out is not None and check != "off":
            checks = compare_files(source, out, check, trust=trust, begin=begin)
            found = replace(found, checks=checks)
    text = json.dumps(found.to_dict(), ensure_ascii=False)
    if report is not None:
        with replacing(report) as beside:
            beside.write_text(text + "\n", encoding="utf-8")
    if as_json:
        print(text)
    else:
        Console(width=None if sys.stdout.isatty() else 120).print(found)
    selection = Selection(where, skip)
    left = where is not None and any(not selection.reason(row.name) for row in found.left)
    if left or not found.passed:
        raise typer.Exit(1)


@contextmanager
def _shown() -> Iterator[Callable[[str], None]]:
    """Say on a terminal what is begun and for how long it runs; checks of large files take long."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as bar:
        task = bar.add_task("")
        yield lambda name: bar.update(task, description=name, refresh=True)


def _check_only(before: Path, after: Path | None, level: str, as_json: bool, trust: bool) -> None:
    from onebyone.rewriting.dispatch import compare_files

    if after is None:
        raise InputError("--check-only needs two files: the one before and the one after")
    if level not in ("full", "structure"):
        raise InputError(f"--check {level}: with --check-only say full or structure")
    with _shown() as begin:
        checks = compare_files(before, after, level, trust=trust, begin=begin)
    if as_json:
        print(json.dumps([vars(check) for check in checks], ensure_ascii=False))
    else:
        for check in checks:
            print(str(check))
    if not all(check.passed for check in checks):
        raise typer.Exit(1)
