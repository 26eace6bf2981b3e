"""The machine that measures: its name, its speed at multiplying matrices, memory in use."""

import ctypes
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from onebyone.turns import seconds

Result = TypeVar("Result")

SIDE = 2048
ROUNDS = 5


@dataclass(frozen=True)
class Machine:
    """Where and with what something was measured.

    Attributes:
        processor: its model.
        threads: of PyTorch and of the other runtimes.
        torch: PyTorch's version.
        python: Python's.
        peak: operations a second in a product of two float32 matrices of 2048×2048; a
            multiplication and an addition are two.
    """

    processor: str
    threads: int
    torch: str
    python: str
    peak: float


def this_machine() -> Machine:
    """This machine with the threads that PyTorch has now; takes a second or two."""
    return Machine(
        processor(),
        torch.get_num_threads(),
        str(torch.__version__),
        platform.python_version(),
        matmul_peak(),
    )


def processor() -> str:
    """The processor's model, from where Linux tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def matmul_peak() -> float:
    """The most operations a second that a product of two large matrices reaches."""
    a, b = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    return 2 * SIDE**3 / min(seconds(lambda: torch.mm(a, b)) for _ in range(ROUNDS))


def run_noting_memory(run: Callable[[], Result]) -> tuple[Result, int | None]:
    """Run something: its result, and the most memory that it took; None where that is unknown.

    Linux keeps the mark; memory that was freed but kept for reuse is handed back first, where the
    C library can do that.
    """
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # sets the mark to what is in use
        before = _high_water()
    except OSError:
        before = None
    result = run()
    return result, None if before is None else max(0, (_high_water() or 0) - before)


def _high_water() -> int | None:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
