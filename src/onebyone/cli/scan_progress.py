"""How far a scan is: a line that changes on a terminal, a line a minute elsewhere."""

import time
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from onebyone.cli.streams import say

_SECONDS = 60


class Shown:
    """Shows the progress of one image on standard error while a block runs."""

    def __init__(self, image: str) -> None:
        self._image, self._said = image, time.monotonic()
        console = Console(stderr=True)
        self._live = Live(console=console, transient=True) if console.is_terminal else None

    def __enter__(self) -> "Shown":
        if self._live is not None:
            self._live.start()
            self._live.update(Text(f"{self._image}: beginning"))
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, progress: Any) -> None:
        """Take how far it is."""
        line = f"{self._image}: {line_of(progress)}"
        if self._live is not None:
            self._live.update(Text(line, overflow="ellipsis", no_wrap=True))
        elif time.monotonic() - self._said >= _SECONDS:
            self._said = time.monotonic()
            say(line)


def line_of(progress: Any) -> str:
    """How far a scan is, in a line."""
    counts, seconds = progress.counts, max(progress.seconds, 1e-9)
    left = (progress.of - progress.tiles) * seconds / max(counts.tiles, 1)
    busy = max(counts.reading + counts.computing + counts.writing, 1e-9)
    masked = counts.masked / max(counts.masked + counts.windows, 1)
    return (
        f"{progress.tiles} of {progress.of} tiles, {counts.windows / seconds:.0f} windows/s, "
        f"{masked:.0%} masked, {_span(left)} left; reading {counts.reading / busy:.0%}, "
        f"computing {counts.computing / busy:.0%}, writing {counts.writing / busy:.0%}"
    )


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
