"""A network whose tensors are still those that its graph was captured with."""

from operator import attrgetter

from torch import Tensor

from onebyone.errors import InputError
from onebyone.graphs.aten import value_of
from onebyone.graphs.capture import Captured


def refuse_other_tensors(captured: Captured) -> None:
    """Raise InputError where the live network lacks a tensor that its graph reads, or its shape.

    Other values are seen when the graph runs, and so are other types.
    """
    for node in captured.graph.find_nodes(op="get_attr"):
        holder, _, name = str(node.target).partition(".")
        was = tuple(value_of(node).shape)
        try:
            found = attrgetter(name)(getattr(captured, holder))
        except AttributeError:
            found = None
        now = tuple(found.shape) if isinstance(found, Tensor) else "gone"
        if now != was:
            raise InputError(
                f"model has changed since slide: {name} was of shape {was} and is now {now}; "
                f"make a new sliding model by onebyone.slide"
            )
