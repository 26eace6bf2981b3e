"""How long rewriting a file of 4.25 GiB takes beside a copy of it.

    python benchmarks/large_file.py

Seventeen weights of 256 MiB, each written transposed. Before or after each, as many bytes are
copied by reading and writing a MiB at a time: by turns, so that both find the system's memory and
disk in the same state, which changes their times more than anything else. Takes 13 GiB of disk.
"""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import onnx_ir as ir

from onebyone.rewriting.onnx import files, rewrite_onnx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers.large_onnx import LAYERS, SIDE, make

MIB = 2**20
WEIGHT = SIDE * SIDE * 4


class Turns:
    """Writes a weight as `files.stream` does, and copies as many bytes; keeps both times."""

    def __init__(self, source: BinaryIO, target: BinaryIO) -> None:
        self.source, self.target, self.stream = source, target, files.stream
        self.written: list[float] = []
        self.copied: list[float] = []

    def __call__(self, tensor: ir.TensorProtocol, file: Any) -> None:
        """Both, the first of them by turns."""
        if len(self.written) % 2:
            self.copy()
        start = time.perf_counter()
        self.stream(tensor, file)
        self.written.append(time.perf_counter() - start)
        if len(self.written) % 2:
            self.copy()

    def copy(self) -> None:
        """The next 256 MiB."""
        start = time.perf_counter()
        for _ in range(WEIGHT // MIB):
            self.target.write(self.source.read(MIB))
        self.copied.append(time.perf_counter() - start)


def measure(folder: Path) -> tuple[float, float]:
    """Seconds that the weights take, rewritten and copied."""
    source, target = folder / "big.data", folder / "copy"
    with source.open("rb") as old, target.open("wb") as new:
        turns = Turns(old, new)
        files.stream = turns
        try:
            rewrite_onnx(folder / "big.onnx", "convolution", folder / "out.onnx")
        finally:
            files.stream = turns.stream
    for file in (target, folder / "out.onnx", folder / "out.onnx.data"):
        file.unlink()
    return sum(turns.written), sum(turns.copied)


def main() -> None:
    """Measure in a folder that is removed afterwards, and print a line for each round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to write; the system's by default")
    arguments = parser.parse_args()
    with TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        size = make(folder)
        for _ in range(arguments.rounds):
            written, copied = measure(folder)
            print(
                f"{size / 2**30:.2f} GiB, {LAYERS} weights: rewritten {written:.1f} s, "
                f"copied {copied:.1f} s, {written / copied:.2f}×",
                flush=True,
            )


if __name__ == "__main__":
    main()
