"""`onebyone equal`: whether two layers are the same map."""

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from onebyone.cli.values import LAYER_HELP, parse_integers


def equal(
    a: Annotated[str, typer.Argument(metavar="A", help=f"A layer: {LAYER_HELP}.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another layer.")],
    *,
    input: Annotated[str, typer.Option(help="The input grid, channels first, as 2,2,2.")],
    output: Annotated[
        str | None, typer.Option(help="The output grid; by default the other layer's.")
    ] = None,
    tol: Annotated[
        float, typer.Option(help="The output difference to allow for inputs of norm 1.")
    ] = 0.0,
    weights_a: Annotated[
        Path | None, typer.Option(help="A's weights, a safetensors file; else a fixed seed.")
    ] = None,
    weights_b: Annotated[Path | None, typer.Option(help="B's weights, likewise.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> None:
    """Say whether two layers give equal outputs for every input; exit status 0 yes, 1 no."""
    from onebyone.cli.layer_spec import parse_layer
    from onebyone.layers import equal as layers_equal

    grid = parse_integers("--input", input) or ()
    places = parse_integers("--output", output)
    first = parse_layer(a, grid, places, weights_a)
    second = parse_layer(b, grid, places, weights_b)
    verdict = layers_equal(first, second, grid, places, tol)
    if as_json:
        typer.echo(json.dumps(_fields(verdict), ensure_ascii=False))
    else:
        _show(verdict)
    if not verdict:
        raise typer.Exit(1)


def _show(verdict: Any) -> None:
    typer.echo(verdict.reason if verdict else f"not equal: {verdict.reason}")
    if math.isfinite(verdict.distance) and verdict.bound:
        typer.echo(f"distance {verdict.distance:.6g} (Frobenius norm of the difference)")
        typer.echo(f"bound    {verdict.bound:.6g} (any output, over inputs of norm 1)")


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
