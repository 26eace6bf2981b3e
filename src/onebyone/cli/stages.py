"""What a long command is doing, shown on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Stages:
    """One line that says which stage is running and, where it is known, how much of it is done."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def begin(self, name: str) -> None:
        """Show the next stage; nothing is known of how long it takes."""
        self._progress.reset(self._task, description=name, total=None)
        self._progress.refresh()  # however short it is

    def tell(self, share: float) -> None:
        """Show how much of the stage is done, from 0 to 1."""
        self._progress.update(self._task, completed=share, total=1)

    @contextmanager
    def hidden(self, asked: bool) -> Iterator[None]:
        """Show nothing while the block runs, if asked: what runs in it shows its own progress."""
        if asked:
            self._progress.stop()
        try:
            yield
        finally:
            if asked:
                self._progress.start()


@contextmanager
def stages() -> Iterator[Stages]:
    """Show stages on standard error while the block runs, where that is a terminal."""
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with progress:
        yield Stages(progress, progress.add_task("", total=None))
