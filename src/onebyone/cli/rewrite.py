"""`onebyone rewrite`: linear layers to 1×1 convolutions and back, in a file, checked."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from onebyone.choices import Checked, Layout, Operator
from onebyone.cli.answer import Answer
from onebyone.cli.completion import ending
from onebyone.cli.equal import FILES, compare_files
from onebyone.cli.outputs import check_outputs
from onebyone.cli.stages import stages
from onebyone.errors import InputError
from onebyone.writing import replacing


def rewrite(
    source: Annotated[Path, typer.Argument(metavar="IN", help=f"A file: {FILES}.")],
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT",
            help="The file to write, of the same kind.",
            autocompletion=ending(".onnx", ".pt2", ".safetensors"),
        ),
    ] = None,
    *,
    to: Annotated[Operator | None, typer.Option(help="What the layers become.")] = None,
    layout: Annotated[Layout, typer.Option(help="Of new convolutions.")] = "BCHW",
    where: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Only layers in whose names it is found.")
    ] = None,
    skip: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Not layers in whose names it is found.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(help="Where to write the report as JSON.", autocompletion=ending(".json")),
    ] = None,
    check: Annotated[Checked, typer.Option(help="How much of it is checked.")] = "full",
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
    from onebyone.equivalence import compare
    from onebyone.rewriting import rewrite as rewriting_rewrite
    from onebyone.rewriting.dispatch import files_of
    from onebyone.rewriting.selection import Selection

    if to is None:
        raise InputError("--to is missing: say convolution or linear")
    if (out is None) is not dry_run:
        raise InputError("give OUT, the file to write, or --dry-run and no OUT")
    check_outputs(locals(), lambda: files_of(source), report=(".json",))
    with stages() as shown:
        shown.begin("rewriting")
        found = rewriting_rewrite(
            source, to, out=out, where=where, skip=skip, layout=layout, check="off", trust=trust
        ).report
        if out is not None and check != "off":
            checks = compare(source, out, check, trust=trust, begin=shown.begin)
            found = replace(found, checks=checks)
    fields, selection = found.to_dict(), Selection(where, skip)
    if report is not None:
        with replacing(report) as beside:
            beside.write_text(json.dumps(fields, ensure_ascii=False) + "\n", encoding="utf-8")
    left = where is not None and any(not selection.reason(row.name) for row in found.left)
    Answer(fields, found, yes=found.passed and not left).tell(as_json=as_json)


def _check_only(
    before: Path, after: Path | None, level: Checked, as_json: bool, trust: bool
) -> None:
    if after is None:
        raise InputError("--check-only needs two files: the one before and the one after")
    if level == "off":
        raise InputError(f"--check {level}: with --check-only say full or structure")
    found = compare_files(before, after, level, trust)
    text = "\n".join(map(str, found.checks))
    Answer(found.to_dict()["checks"], text, yes=bool(found)).tell(as_json=as_json)
