"""A whole image made small."""

import numpy as np

from onebyone.scans.sources.source import Source


def thumbnail(source: Source, side: int) -> np.ndarray:
    """A picture [C, H, W] as float32 means of blocks, of which no side is longer than asked for.

    Made of the coarsest level that has as many pixels, band by band.

    Args:
        source: an image of two axes.
        side: pixels of the longer side, at most.
    """
    large = [n for n, level in enumerate(source.levels) if max(level.size) >= side]
    level = large[-1] if large else 0
    height, width = source.levels[level].size
    step = -(-max(height, width) // side)
    ends = np.append(np.arange(0, width, step), width)
    rows = []
    for top in range(0, height, step):
        band = source.read(level, (top, 0), (min(step, height - top), width))
        sums = np.add.reduceat(band.mean(axis=1, dtype=np.float64), ends[:-1], axis=1)
        rows.append(sums / np.diff(ends))
    return np.stack(rows, axis=1).astype(np.float32)
