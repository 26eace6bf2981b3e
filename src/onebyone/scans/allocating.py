"""How a worker's C library hands memory back while it runs tiles."""

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""The parameters of glibc's mallopt, from malloc.h."""
_MIB = 2**20


def keep_freed_memory() -> None:
    """Have this process keep up to 128 MiB of what it frees, for the next tile.

    Left alone, glibc comes to these thresholds by itself. Dask sets its workers to hand back at
    once what is above 64 KiB, and each tensor then waits for fresh pages: a light network took
    half as long again. Elsewhere than in glibc nothing is done.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, 32 * _MIB)
        libc.mallopt(_TRIM_THRESHOLD, 128 * _MIB)
