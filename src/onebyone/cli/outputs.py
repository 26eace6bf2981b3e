"""The files that a command writes, none of which may be one that it reads."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, combinations, count
from pathlib import Path
from typing import Any

from onebyone.errors import InputError
from onebyone.writing import check_target, is_same


def check_outputs(
    given: Mapping[str, Any],
    reads: Callable[[], Iterable[Path]] = tuple,
    **suffixes: tuple[str, ...],
) -> None:
    """Find out, before any work, that a command can write its files and loses none by it.

    Whatever else stands on the command line and names a file counts as read.

    Args:
        given: What was given to the command, by parameter: its `locals()`.
        reads: Gives files that it reads and that its command line does not name.
        **suffixes: For each option that names a file to write, how the name may end.

    Raises:
        InputError: A name ends otherwise, cannot be written, names a file that is read, or the
            same file as another output.
    """
    words = [word for name, word in given.items() if name not in suffixes]

    def read() -> Iterator[Path]:
        for word in words:
            yield from _named(word)
        yield from reads()

    outputs = {name: given[name] for name in suffixes if given[name] is not None}
    for name, path in outputs.items():
        known = suffixes[name]
        if path.suffix.lower() not in known:
            raise InputError(f"--{name} {path}: give a name that ends in {', '.join(known)}")
        check_target(path, read())
    for (first, a), (second, b) in combinations(outputs.items(), 2):
        if is_same(a, b):
            raise InputError(f"--{second} {b}: is the file of --{first}, too; give another name")


def next_free(path: Path) -> Path:
    """Return a name where nothing is yet: the one given, or it with a number, as picture-2.html."""
    names = chain([path], (path.with_stem(f"{path.stem}-{number}") for number in count(2)))
    return next(name for name in names if not (name.exists() or name.is_symlink()))


def _named(word: object) -> Iterator[Path]:
    """The files that a word may name: itself, one quoted within, a model's, a module's."""
    if not isinstance(word, str | Path):
        return
    text = str(word)
    yield Path(text)
    for part in {*re.split(r"['\"]", text), *re.split(r"[()'\"]", text)}:  # as in conv('w.npy')
        yield Path(part)
        yield Path(part.rpartition(":")[0])  # as in net.pt2:features.0
        module = part.partition(":")[0].split(".")
        if module[0].isidentifier() and ":" in part:  # as in package.module:function
            for folder in ("", *sys.path):
                yield Path(folder, *module).with_suffix(".py")
                yield Path(folder, *module, "__init__.py")
