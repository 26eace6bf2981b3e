from itertools import product

import numpy as np
import pytest

from onebyone.graphs.minimum_cut import minimum_cut


@pytest.mark.parametrize("seed", range(40))
def test_no_choice_costs_less_and_none_of_that_cost_has_fewer(seed):
    """Against every choice there is."""
    generator = np.random.default_rng(seed)
    count = 6
    no, yes = generator.integers(0, 4, (2, count)).astype(float)
    no[0], yes[1] = np.inf, np.inf
    implied = [tuple(generator.choice(range(1, count), 2, replace=False)) for _ in range(3)]
    pairs = [tuple(generator.choice(count, 2, replace=False)) for _ in range(4)]
    apart = {pair: int(cost) for pair, cost in zip(pairs, generator.integers(1, 4, 4), strict=True)}

    def cost(chosen):
        total = sum(yes[k] if taken else no[k] for k, taken in enumerate(chosen))
        total += sum(cost for (a, b), cost in apart.items() if chosen[a] and not chosen[b])
        return np.inf if any(chosen[a] and not chosen[b] for a, b in implied) else total

    best = min(product([False, True], repeat=count), key=lambda chosen: (cost(chosen), sum(chosen)))
    assert tuple(minimum_cut(no, yes, implied, apart)) == best
