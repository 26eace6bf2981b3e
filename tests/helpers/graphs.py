"""Captured graphs compared by what they compute, whatever their nodes' names and order are."""

from collections import Counter

from torch import fx

from onebyone.graphs.aten import layer_name, value_of
from onebyone.graphs.capture import Captured
from onebyone.graphs.value import Value


class _Digest:
    """What a node computes and how, as a number that prints itself inside other nodes' digests."""

    def __init__(self, text: str) -> None:
        self.text = str(hash(text))

    def __repr__(self) -> str:
        return self.text


def structure(captured: Captured) -> tuple[Counter[str], str]:
    """Every node with all that it is computed from, its shape and layer; and the results."""
    digests: dict[fx.Node, _Digest] = {}
    for node in captured.graph.nodes:
        if node.op != "output":
            target = "" if node.op == "placeholder" else str(node.target)
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), digests.__getitem__)
            own = (node.op, target, args if node.op != "placeholder" else (), kwargs)
            digests[node] = _Digest(repr((own, str(value_of(node)), _layer(node))))
    found = Counter(str(digest) for digest in digests.values())
    found.update(f"{n} {t.tolist()}" for n, t in captured.constants.named_buffers())
    results = fx.node.map_arg(captured.results, digests.__getitem__)
    return found, repr((results, captured.structure))


def _layer(node: fx.Node) -> str:
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    named = isinstance(value_of(node), Value) and stack and stack[-1][0]
    return layer_name(node) if named else ""
