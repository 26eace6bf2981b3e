"""`onebyone convert`: a layer in another form, equal for every input."""

from functools import partial
from typing import Any

from onebyone.cli.answer import Answer
from onebyone.cli.layer_command import Grids, layer_command
from onebyone.cli.options import TENSORS, To


@layer_command(TENSORS)
def convert(layer: Any, grids: Grids, *, to: To) -> Answer:
    """Turn a layer into an equal one of another kind; exit status 1 where there is none."""
    from onebyone.cli.tensors import shapes, write_tensors
    from onebyone.layers import NotConvertible
    from onebyone.layers import convert as layers_convert

    try:
        found = layers_convert(layer, to, **grids)
    except NotConvertible as refusal:
        return _refused(refusal)
    return Answer(
        {"convertible": True, **shapes(found)},
        f"{found}\n{_count(found):,} weights, {_count(layer):,} before",
        partial(write_tensors, found),
    )


def _count(layer: Any) -> int:
    """Return the number of weights that a layer stores, biases not counted."""
    return int(layer.get_parameter("weight").numel())


def _refused(refusal: Any) -> Answer:
    witness, near = refusal.witness, refusal.nearest
    fields = {
        "convertible": False,
        "reason": refusal.reason,
        "witness": None if witness is None else witness.tolist(),
        "distance": near.distance,
        "relative": near.relative,
    }
    text = (
        f"not convertible: {refusal.reason}\n"
        f"the nearest is {near.distance:.6g} away, {near.relative:.0%} of the layer's norm"
    )
    return Answer(fields, text, yes=False)
