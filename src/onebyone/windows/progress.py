"""How much of a plan has run, told without slowing it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import fx, nn

from onebyone.windows.looping import Turns

OWN = ("model", "constants")  # children of a graph that are the network's, not parts of the plan


@contextmanager
def followed(module: nn.Module, tell: Callable[[float], None]) -> Iterator[None]:
    """Call `tell` with the share of a module's operators that has run, from 0 to 1.

    It is called where a part begins or ends: a piece of the image, a band, some windows of a level.
    What is one graph without parts tells nothing.

    Args:
        module: what runs a plan, once within the block.
        tell: takes the share.
    """
    marks: list[int] = []
    parts: dict[nn.Module, None] = {}
    total = _walk(module, 0, marks, parts)
    coming = iter(marks)

    def note(*_: Any) -> None:
        tell(next(coming, total) / total)

    with ExitStack() as stack:
        for part in parts:
            stack.callback(part.register_forward_pre_hook(note).remove)
            stack.callback(part.register_forward_hook(note).remove)
        yield


def _walk(module: nn.Module, done: int, marks: list[int], parts: dict[nn.Module, None]) -> int:
    """Count operators in the order in which they run; mark where a part begins and ends."""
    if isinstance(module, Turns):
        for turn in module.turns:
            done = _part(module.bodies[module.loop.body(turn)], done, marks, parts)
        return done
    if not isinstance(module, fx.GraphModule):  # around a graph or loop, or compiled from one
        within = [c for c in module.children() if isinstance(c, Turns | fx.GraphModule)]
        return _walk(within[0], done, marks, parts) if within else done + 1
    for node in module.graph.nodes:
        if node.op == "call_function":
            done += 1
        elif node.op == "call_module" and node.target not in OWN:
            done = _part(module.get_submodule(str(node.target)), done, marks, parts)
    return done


def _part(part: nn.Module, done: int, marks: list[int], parts: dict[nn.Module, None]) -> int:
    if isinstance(part, Turns):
        return _walk(part, done, marks, parts)
    parts[part] = None
    marks.append(done)
    done = _walk(part, done, marks, parts)
    marks.append(done)
    return done
