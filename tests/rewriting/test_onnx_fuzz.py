"""Damaged ONNX files: one line or a verdict, never another error, in bounded time and memory.

Each case damages a file, and where it can still be read it is compared with the whole one, both
ways, and rewritten to both forms. A number gives the same case in every run.
"""

import faulthandler
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from helpers.onnx_damage import DAMAGES, DATA, SOURCES, data_of
from onebyone.equivalence.onnx import check_onnx
from onebyone.errors import InputError
from onebyone.models.onnx import file as onnx_file
from onebyone.rewriting.onnx import rewrite_onnx

BLOCK = 200
BLOCKS = 16
"""Cases in all: 3,200, of which the first block runs by default."""
SECONDS = 120
MEMORY = 2 << 30
FULL_EVERY = 37

pytestmark = pytest.mark.filterwarnings("ignore:.*left out")  # shapes that are declared wrong


class Watch:
    """What Python opens, and a limit of time that ends the process: C++ hears nothing else."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.on = True
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.on and event == "open" and isinstance(arguments[0], str | os.PathLike):
            self.opened.append(os.fspath(arguments[0]))


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    made = Watch()
    yield made
    made.on = False
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="module")
def sources() -> dict[str, bytes]:
    return {name: build().SerializeToString() for name, build in SOURCES.items()}


def damaged(number: int, sources: dict[str, bytes]) -> tuple[str, str, bytes]:
    """The source of a case, its kind of damage, and the file."""
    names = list(sources)
    name = names[number % len(names)]
    damage = DAMAGES[number // len(names) % len(DAMAGES)]
    others = [data for other, data in sources.items() if other != name]
    return name, damage.name, damage.apply(Random(number), sources[name], others)


def refusal(call: Callable[[], object]) -> str:
    """The line that refuses a file; empty where it is taken."""
    try:
        call()
    except InputError as error:
        return str(error)
    return ""


def survive(number: int, sources: dict[str, bytes], folder: Path) -> bool:
    """Read, compare and rewrite a damaged file; whether it could be read."""
    name, _, data = damaged(number, sources)
    whole, broken, out = (folder / f"{stem}.onnx" for stem in ("whole", "broken", "out"))
    whole.write_bytes(sources[name])
    broken.write_bytes(data)
    (folder / DATA).write_bytes(data_of(name))
    refused = refusal(lambda: onnx_file.read(broken))
    level = "structure" if number % FULL_EVERY else "full"
    calls: list[Callable[[], object]] = [
        lambda: check_onnx(broken, whole, level),
        lambda: rewrite_onnx(broken, "convolution", out),
        lambda: check_onnx(whole, broken, level),
        lambda: rewrite_onnx(broken, "linear", out),
    ]
    for call in calls[: 2 if refused else None]:
        said = refusal(call)
        assert bool(said) >= bool(refused)
        if said:
            assert said.startswith(f"{broken}: ")
            assert said.isprintable()
    return not refused


@pytest.mark.parametrize(
    "block", [pytest.param(k, marks=pytest.mark.slow if k else ()) for k in range(BLOCKS)]
)
def test_damage_is_told_in_one_line(
    block: int, sources: dict[str, bytes], watch: Watch, tmp_path: Path
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    watch.opened.clear()
    read = 0
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        try:
            read += survive(number, sources, tmp_path)
        except Exception as error:
            raise AssertionError(f"case {number}: {damaged(number, sources)[:2]}") from error
    faulthandler.cancel_dump_traceback_later()
    assert 0 < read < BLOCK, "damage of both kinds"
    homes = (tempfile.gettempdir(), sys.prefix, sys.base_prefix, str(Path(__file__).parents[2]))
    assert not [file for file in watch.opened if not file.startswith(homes)]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < MEMORY
