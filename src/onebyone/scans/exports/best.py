"""The windows of a map with the highest scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from onebyone.scans.exports.stripes import labelled_stripes
from onebyone.scans.maps import Map


@dataclass(frozen=True)
class Best:
    """Windows, the highest score first; of equal ones the first in the map's order.

    Attributes:
        windows: [n, axes], where each is in the grid.
        classes: [n], the number of its class with the highest score.
        scores: [n], that score.
    """

    windows: np.ndarray
    classes: np.ndarray
    scores: np.ndarray


def best_windows(map: Map, top: int, classes: Sequence[int] | None = None) -> Best:
    """Find the `top` windows in which some class scores highest.

    Args:
        map: all of it is looked at, and `top` windows are held.
        top: how many.
        classes: that count; default all.
    """
    best = Best(
        np.empty((0, len(map.grid)), np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    )
    for rows, scores, labels in labelled_stripes(map):
        whose, highest = _highest(scores, labels, classes)
        found = _first(highest.ravel(), top)
        places = np.stack(np.unravel_index(found, highest.shape), axis=1)
        places[:, 0] += rows.start
        best = Best(
            np.concatenate([best.windows, places]),
            np.concatenate([best.classes, whose.ravel()[found]]),
            np.concatenate([best.scores, highest.ravel()[found]]),
        )
        kept = _first(best.scores, top)
        best = Best(best.windows[kept], best.classes[kept], best.scores[kept])
    return best


def _highest(
    scores: np.ndarray, labels: np.ndarray, classes: Sequence[int] | None
) -> tuple[np.ndarray, np.ndarray]:
    """The class with the highest score of every window, and that score; NaN if it has none."""
    counts = ~np.isnan(scores)
    if classes is not None:
        counts &= np.isin(labels, classes)
    place = np.where(counts, scores, -np.inf).argmax(axis=0)[None]
    whose = np.take_along_axis(np.broadcast_to(labels, scores.shape), place, axis=0)[0]
    highest = np.take_along_axis(np.where(counts, scores, np.nan), place, axis=0)[0]
    return whose.astype(np.int64), highest


def _first(scores: np.ndarray, count: int) -> np.ndarray:
    """Places of the `count` highest scores, the highest first and equal ones in their order."""
    places = np.flatnonzero(~np.isnan(scores))
    if len(places) > count:
        least = np.partition(scores[places], -count)[-count]
        places = places[scores[places] >= least]
    return places[np.argsort(-scores[places], kind="stable")][:count]
