"""`onebyone equal`: whether two layers are the same map, or two files the same network."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from onebyone.choices import Level
from onebyone.cli.answer import Answer
from onebyone.cli.options import LAYER_HELP, Input, Json, Output, Trust
from onebyone.cli.stages import stages
from onebyone.errors import InputError

FILES = ".onnx, .pt2 (an exported program) or .safetensors (weights)"


def equal(
    a: Annotated[
        str, typer.Argument(metavar="A", help=f"A file: {FILES}. Or a layer: {LAYER_HELP}.")
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="Another of the same kind.")],
    *,
    input: Input = None,
    output: Output = None,
    tol: Annotated[
        float, typer.Option(help="The output difference to allow for inputs of norm 1.")
    ] = 0.0,
    weights_a: Annotated[
        Path | None, typer.Option(help="A's weights, .safetensors or .npy; else a fixed seed.")
    ] = None,
    weights_b: Annotated[Path | None, typer.Option(help="B's weights, likewise.")] = None,
    level: Annotated[
        Level, typer.Option(help="Of files: full, or structure, which runs nothing.")
    ] = "full",
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Say whether two layers or files give equal outputs for every input; exit status 0 yes, 1 no.

    Files are whole networks, whoever wrote them. Each line after the first is what one way to
    compare them found.
    """
    from onebyone.equivalence.dispatch import SUFFIXES

    files = [Path(text).suffix.lower() in SUFFIXES for text in (a, b)]
    if any(files):
        if not all(files):
            raise InputError(f"{a} and {b}: give two files ({FILES}) or two layers")
        if (input, output, tol, weights_a, weights_b) != (None, None, 0.0, None, None):
            raise InputError("--input, --output, --tol and --weights go with layers, not files")
        found = compare_files(Path(a), Path(b), level, trust)
        Answer(found.to_dict(), str(found), yes=bool(found)).tell(as_json=as_json)
        return
    if level != "full":
        raise InputError("--level goes with files, not with layers")
    from onebyone.cli.layer_spec import layers_on_grid
    from onebyone.layers import equal as layers_equal

    (first, second), grid, places = layers_on_grid(
        (a, b), (weights_a, weights_b), input, output, trust
    )
    verdict = layers_equal(first, second, grid, places, tol)
    Answer(_fields(verdict), _text(verdict), yes=verdict.equal).tell(as_json=as_json)


def compare_files(before: Path, after: Path, level: Level, trust: bool) -> Any:
    """Compare two files, and say on a terminal what runs: for large files it takes long."""
    from onebyone.equivalence import Equivalence, compare

    with stages() as shown:
        return Equivalence(compare(before, after, level, trust=trust, begin=shown.begin))


def _text(verdict: Any) -> str:
    text: str = verdict.reason if verdict else f"not equal: {verdict.reason}"
    if math.isfinite(verdict.distance) and verdict.bound:
        text += f"\ndistance {verdict.distance:.6g} (Frobenius norm of the difference)"
        text += f"\nbound    {verdict.bound:.6g} (any output, over inputs of norm 1)"
    return text


def _fields(verdict: Any) -> dict[str, Any]:
    """Return the verdict's fields; null for what is infinite or absent."""
    witness, connection = verdict.witness, verdict.connection
    distance, bound = (v if math.isfinite(v) else None for v in (verdict.distance, verdict.bound))
    return {
        "equal": verdict.equal,
        "reason": verdict.reason,
        "witness": None if witness is None else witness.tolist(),
        "connection": None if connection is None else connection._asdict(),
        "distance": distance,
        "bound": bound,
    }
