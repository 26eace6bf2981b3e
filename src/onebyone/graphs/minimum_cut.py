"""The cheapest yes or no to each of many questions that depend on one another."""

from collections.abc import Iterable, Mapping

import numpy as np

Pair = tuple[int, int]

# SciPy's flows are 32-bit integers.
LARGEST = 2**30


def minimum_cut(
    no: np.ndarray, yes: np.ndarray, implied: Iterable[Pair], apart: Mapping[Pair, float]
) -> np.ndarray:
    """Answer every question so that all costs together are least.

    Args:
        no: what a no to each costs, rounded to whole numbers; infinite where it must be a yes.
            All finite costs together must stay below `LARGEST`.
        yes: what a yes costs.
        implied: pairs (a, b): if a is a yes, b is one, too.
        apart: what it costs if a is a yes and b is a no, by pairs (a, b).

    Returns:
        Which are a yes: of the answers that cost the least, the one with the fewest.
    """
    # A third of a second to import: as long as planning takes.
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    count = len(no)
    source, sink = count, count + 1
    arcs: dict[Pair, float] = {(source, k): cost for k, cost in enumerate(no)}
    arcs |= {(k, sink): cost for k, cost in enumerate(yes)}
    arcs |= apart
    arcs |= dict.fromkeys(implied, LARGEST)
    capacities = np.rint(np.minimum(list(arcs.values()), LARGEST)).astype(np.int32)
    graph = csr_array((capacities, np.array(list(arcs)).T), shape=(count + 2, count + 2))
    left = (graph - maximum_flow(graph, source, sink).flow).tocsr()
    left.eliminate_zeros()
    chosen = np.zeros(count + 2, dtype=bool)
    chosen[breadth_first_order(left, source, return_predecessors=False)] = True
    return chosen[:count]
