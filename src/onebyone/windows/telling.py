"""What a report says in words: operators, and numbers with their units."""

from torch import fx


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
