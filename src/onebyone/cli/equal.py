"""`onebyone equal`: whether two layers are the same map."""

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from onebyone.cli.options import LAYER_HELP, Input, Json, Output, Trust, layers_on_grid


def equal(
    a: Annotated[str, typer.Argument(metavar="A", help=f"A layer: {LAYER_HELP}.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another layer.")],
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
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Say whether two layers give equal outputs for every input; exit status 0 yes, 1 no."""
    from onebyone.layers import equal as layers_equal

    (first, second), grid, places = layers_on_grid(
        (a, b), (weights_a, weights_b), input, output, trust
    )
    verdict = layers_equal(first, second, grid, places, tol)
    if as_json:
        print(json.dumps(_fields(verdict), ensure_ascii=False))
    else:
        _show(verdict)
    if not verdict:
        raise typer.Exit(1)


def _show(verdict: Any) -> None:
    print(verdict.reason if verdict else f"not equal: {verdict.reason}")
    if math.isfinite(verdict.distance) and verdict.bound:
        print(f"distance {verdict.distance:.6g} (Frobenius norm of the difference)")
        print(f"bound    {verdict.bound:.6g} (any output, over inputs of norm 1)")


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
