"""A worker keeps the memory that it frees, also where Dask set it to hand all back."""

import os
import platform
import subprocess
import sys

import pytest

COUNT = """
import ctypes
import sys
import numpy as np
from onebyone.scans.allocating import keep_freed_memory

class Info(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    _fields_ = [(name, ctypes.c_size_t) for name in names]

info = ctypes.CDLL(None).mallinfo2
info.restype = Info
if sys.argv[1:]:
    keep_freed_memory()
before = info().hblks
held = np.ones(2**20)
print(info().hblks - before)
del held
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of the C library glibc only")
def test_a_tensor_takes_kept_memory_where_dask_would_map_it_anew():
    env = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "65536"}

    def mapped(*given: str) -> int:
        command = [sys.executable, "-c", COUNT, *given]
        return int(subprocess.run(command, env=env, check=True, capture_output=True).stdout)

    assert mapped() == 1
    assert mapped("keep") == 0
