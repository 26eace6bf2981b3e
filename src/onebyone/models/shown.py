"""Text from a stranger's file, as it may stand in a message: short, on one line, printable."""

from onebyone.errors import printable

_MOST = 80


def shown(value: object) -> str:
    """A value in at most 80 printable characters; text in quotes."""
    text = ascii(value)
    return text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"


def line(text: str, most: int = 300) -> str:
    """A message of another library on one line of printable characters."""
    words = " ".join(text.split())
    kept = printable(words[:most])
    return kept if len(words) <= most else f"{kept}…"
