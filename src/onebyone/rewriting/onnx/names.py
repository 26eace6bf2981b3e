"""Names of new nodes and values: made from old ones, never twice, the same in every run."""

import onnx_ir as ir

_TURNED = {"channels_first": "channels_last", "channels_last": "channels_first"}


class Names:
    """The names that a model holds, and new ones made from them."""

    def __init__(self, model: ir.Model) -> None:
        self._taken: set[str] = set()
        for graph in model.graphs():
            self._taken.update(ir.convenience.create_value_mapping(graph))
            self._taken.update(node.name or "" for node in graph)

    def fresh(self, name: str) -> str:
        """This name, or with the first free number behind it."""
        number, free = 0, name
        while free in self._taken:
            number += 1
            free = f"{name}_{number}"
        self._taken.add(free)
        return free

    def give_up(self, name: str | None) -> None:
        """Let the name be used again."""
        self._taken.discard(name or "")


def turned(name: str | None, order: str) -> str:
    """The name of a value with its axes in the other order; turned back, it is its first."""
    base, _, last = (name or "").rpartition("/")
    return base if last == _TURNED[order] else f"{name}/{order}"


def became(name: str | None, old: str, new: str) -> str:
    """`fc1/MatMul` becomes `fc1/Conv`; a name without its operator gets the new one behind it."""
    name = name or old
    head, found, tail = name.rpartition(old)
    return f"{head}{new}{tail}" if found else f"{name}/{new}"
