"""What a report says in words: where sharing ends, and numbers with their units."""

from torch import fx

from onebyone.windows.cut import Sharing
from onebyone.windows.lowering import Lowered


def ending(lowered: Lowered, sharing: Sharing, node: fx.Node) -> str:
    """Why sharing ends at a node for the first time; nothing where it does not."""
    before = [sharing.axes[n] for n in node.all_input_nodes if n in sharing.axes]
    if not any(axis.shared for found in before for axis in found):
        return ""
    if node not in lowered.steps:
        return lowered.reasons.get(node, "")
    axes = sharing.axes[node]
    lost = [
        k for k, axis in enumerate(axes) if not axis.shared and all(b[k].shared for b in before)
    ]
    if not lost:
        return ""
    unpaid = set(lost) <= sharing.unpaid.get(node, frozenset())
    why = "costs more than it saves" if unpaid else "padding reaches every position"
    return why if len(lost) == len(axes) else f"{why}, along axis {', '.join(map(str, lost))}"


def operator_of(node: fx.Node) -> str:
    """An operator's ATen name."""
    packet = getattr(node.target, "overloadpacket", None)
    return packet.__name__ if packet is not None else str(node.target)


def counted(count: int) -> str:
    """A number of operations in three digits."""
    operations = float(count)
    for unit in ("", " k", " M", " G", " T"):
        if operations < 1000:
            return f"{operations:.3g}{unit}"
        operations /= 1000
    return f"{operations:.4g} P"


def binary(count: int) -> str:
    """A number of bytes in four digits."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} GiB"
