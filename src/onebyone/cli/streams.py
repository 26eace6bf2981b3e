"""Standard output and error as shells hand them over: closed, full, or without our characters."""

import codecs
import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

PLAIN = {
    "×": "x", "·": "*", "−": "-", "–": "-", "→": "->", "⊗": "(x)", "≤": "<=", "≥": ">=",
    "±": "+-", "µ": "u", "√": "sqrt", "█": "#", "’": "'", "“": '"', "”": '"',
}  # fmt: skip
"""What is written where an encoding lacks a character."""


@contextmanager
def made_safe() -> Iterator[None]:
    """Let nothing that is printed fail: what is closed leads nowhere, every character is written.

    A closed stream's number would go to the next file that is opened, and what is printed into it.

    Raises:
        OSError: Standard output cannot be written to the end.
    """
    codecs.register_error("onebyone", _plain)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="onebyone")
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        except OSError:
            _lead_nowhere(sys.stdout)  # Python would try again at exit
            raise


def say(text: str) -> None:
    """Print one line on standard error; one that cannot be written is no reason to stop."""
    try:
        print(*text.split(), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        _lead_nowhere(sys.stderr)


def _lead_nowhere(stream: TextIO) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Write a character by others; a byte of a file name that is no character, as it is."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character, behind = error.object[error.start], error.start + 1
    if "\udc80" <= character <= "\udcff":
        return bytes([ord(character) - 0xDC00]), behind
    alike = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return PLAIN.get(character) or alike or "?", behind
