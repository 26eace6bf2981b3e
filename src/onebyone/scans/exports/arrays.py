"""A map as one NumPy array."""

from pathlib import Path

import numpy as np

from onebyone.scans.exports.stripes import stripes
from onebyone.scans.maps import Map

SCORE = np.dtype("<f4")


def write_npy(map: Map, path: Path) -> None:
    """Write the scores as `.npy` [K, *grid], float32; NaN where a window has none."""
    shape = map.scores[0].shape
    of_row = SCORE.itemsize * int(np.prod(shape[2:], dtype=np.int64))
    header = {"descr": SCORE.str, "fortran_order": False, "shape": shape}
    # Through the file and not a memory map: there a full disk ends the process.
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()
        for rows, scores in stripes(map):
            for k, of_class in enumerate(scores):
                file.seek(start + of_row * (k * shape[1] + rows.start))
                file.write(np.ascontiguousarray(of_class, SCORE).data)
