"""`onebyone bench`: sliding timed against what people use today."""

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from onebyone.cli.completion import one_of
from onebyone.errors import InputError

if TYPE_CHECKING:
    from onebyone.bench.scan_cases import ScanCase
    from onebyone.bench.scan_results import ScanResult

ROUNDS = 5
QUICK_SECONDS = 0.5


def bench(
    *,
    case: Annotated[
        str | None, typer.Option(help="Cases whose names match.", metavar="REGEX")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few small cases, on PyTorch alone; minutes.")
    ] = False,
    backends: Annotated[
        str | None,
        typer.Option(
            help="Default torch,onnxruntime,openvino; inductor compiles for minutes a case.",
            metavar="NAME,...",
            autocompletion=one_of("torch", "onnxruntime", "openvino", "inductor"),
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(help="How often each side runs.", min=1)] = ROUNDS,
    threads: Annotated[
        int | None,
        typer.Option(help="Threads of each side; default PyTorch's, for scans 1.", min=1),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            help="Write the table into this .md file, with .json, .svg and .png beside it."
        ),
    ] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Name the cases and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Time onebyone against crops, MONAI and converted networks, in one run, by turns."""
    from onebyone.bench.cases import CASES, chosen
    from onebyone.bench.scan_cases import SCANS

    console = Console()
    if show_list:
        for each in CASES:
            console.print(f"{each.name}  {' '.join(sorted(each.tags))}".rstrip())
        for one in SCANS:
            console.print(f"{one.name}{'  quick' * one.quick}")
        return
    cases, scans = chosen(case, quick=quick)
    if save is not None and scans:
        raise InputError("--save: a page has no place for scans; print them, or use --json")
    if save is not None:
        from onebyone.bench.saving import check_page

        check_page(save)
    import torch

    from onebyone.bench.machine import this_machine
    from onebyone.bench.results import CaseResult, Results
    from onebyone.bench.run import BACKENDS, SECONDS, run_case
    from onebyone.bench.saving import save as write
    from onebyone.bench.scan_table import scan_notes, scan_rich_table
    from onebyone.bench.table import notes, rich_table

    run_on = _parse_backends(backends) or (BACKENDS[:1] if quick else BACKENDS)
    torch.set_num_threads(threads or torch.get_num_threads())
    machine = this_machine()
    error = Console(stderr=True)
    day, words = date.today().isoformat(), _command(case, quick, backends, rounds, threads)
    found: list[CaseResult] = []
    for each in cases:
        with error.status(each.name) as status:
            found.append(
                run_case(
                    each,
                    rounds=rounds,
                    backends=run_on,
                    seconds=QUICK_SECONDS if quick else SECONDS,
                    say=lambda now, name=each.name: status.update(f"{name}: {now}"),
                )
            )
        results = Results(day, words, machine, rounds, tuple(found))
        if save is not None:
            write(save, results)  # after each case: an interrupted run keeps what it measured
    measured = _run_scans(scans, rounds, threads or 1, error)
    results = Results(day, words, machine, rounds, tuple(found), measured)
    if as_json:
        print(results.to_json())
        return
    if cases:
        console.print(rich_table(results, console.width))
    if scans:
        console.print(scan_rich_table(measured))
    for note in [*notes(results), *scan_notes(measured)]:
        console.print(note, soft_wrap=True)


def _run_scans(
    scans: "list[ScanCase]", rounds: int, threads: int, error: Console
) -> "tuple[ScanResult, ...]":
    """Measure scans; the images that they read are made once, and removed."""
    if not scans:
        return ()
    from onebyone.bench.scan_run import run_scan

    found = []
    with TemporaryDirectory() as folder:
        for each in scans:
            with error.status(each.name) as status:
                found.append(
                    run_scan(
                        each,
                        Path(folder),
                        rounds=rounds,
                        threads=threads,
                        say=lambda now, name=each.name: status.update(f"{name}: {now}"),
                    )
                )
    return tuple(found)


def _parse_backends(names: str | None) -> tuple[str, ...] | None:
    from onebyone.windows.backends import ASKED

    if names is None:
        return None
    found = tuple(names.split(","))
    known = ASKED[:-1]  # but "auto", which is none of its own
    if unknown := [name for name in found if name not in known]:
        raise InputError(f"--backends {names}: {unknown[0]!r} is none of {', '.join(known)}")
    return found


def _command(
    case: str | None, quick: bool, backends: str | None, rounds: int, threads: int | None
) -> str:
    words = ["onebyone bench"]
    words += [] if case is None else [f"--case '{case}'"]
    words += ["--quick"] if quick else []
    words += [] if backends is None else [f"--backends {backends}"]
    words += [] if rounds == ROUNDS else [f"--rounds {rounds}"]
    words += [] if threads is None else [f"--threads {threads}"]
    return " ".join(words)
