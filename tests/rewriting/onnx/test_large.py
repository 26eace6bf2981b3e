"""A file of 4 GiB: memory that depends on the largest weight only, and the pace of a copy.

Rewritten and checked; `benchmarks/large_file.py` times it with more care.
"""

import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from helpers.large_onnx import SIDE, make

REWRITE = """
import json, resource, sys, time
from pathlib import Path
import numpy, onnx_ir, scipy.sparse.csgraph
from onebyone.equivalence.onnx import check_onnx
from onebyone.rewriting.onnx import rewrite_onnx

folder, part = Path(sys.argv[1]), int(sys.argv[2])

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def copy():
    start = time.perf_counter()
    with (folder / "big.data").open("rb") as source, (folder / "copy").open("wb") as target:
        for _ in range(part >> 20):
            target.write(source.read(1 << 20))
    (folder / "copy").unlink()
    return time.perf_counter() - start

copied, before = copy(), peak()
start = time.perf_counter()
rewrite_onnx(folder / "big.onnx", "convolution", folder / "out.onnx")
rewritten = time.perf_counter() - start
(found,) = check_onnx(folder / "big.onnx", folder / "out.onnx", "structure")
extra = peak() - before
seen = {"extra": extra, "rewritten": rewritten, "copied": copied + copy(), "check": found.passed}
print(json.dumps(seen))
"""


@pytest.mark.slow  # writes some 9 GiB, and so takes a minute
def test_memory_and_pace(tmp_path: Path) -> None:
    size = make(tmp_path)
    assert size >= 4 << 30
    part = size // 4
    command = [sys.executable, "-c", REWRITE, str(tmp_path), str(part)]
    seen = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert (tmp_path / "out.onnx.data").stat().st_size >= size
    assert seen["check"]
    assert seen["extra"] < 3 * SIDE * SIDE * 4, seen
    # A quarter was copied before and after; a busy disk is not the rewrite's fault.
    assert seen["rewritten"] < 2 * 2 * seen["copied"] + 10, seen
    model = onnx.load(tmp_path / "out.onnx", load_external_data=False)
    assert {node.op_type for node in model.graph.node} == {
        "Transpose",
        "Unsqueeze",
        "Squeeze",
        "Conv",
    }
    with (tmp_path / "out.onnx.data").open("rb") as data:
        for k, weight in enumerate(t for t in model.graph.initializer if t.name.startswith("w")):
            place = {entry.key: entry.value for entry in weight.external_data}
            data.seek(int(place["offset"]))
            assert data.read(4) == bytes([k + 1] * 4)
            data.seek(int(place["offset"]) + 4 * SIDE)  # the second of the first column
            assert data.read(4) == bytes([k + 1] * 4)
