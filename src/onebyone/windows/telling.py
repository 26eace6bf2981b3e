"""What a report says in words: operators, and numbers with their units."""

from torch import fx

from onebyone.wording import si


def operator_of(node: fx.Node) -> str:
    """An operator's ATen name."""
    packet = getattr(node.target, "overloadpacket", None)
    return packet.__name__ if packet is not None else str(node.target)


def counted(count: int) -> str:
    """A number of operations in three digits."""
    return si(count).rstrip()


def binary(count: int) -> str:
    """A number of bytes in four digits."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} GiB"
