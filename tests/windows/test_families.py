"""Every family of torchvision's classification networks agrees with its crops."""

import pytest
import torch
from torch.utils._pytree import tree_leaves

import onebyone as ob
from helpers.oracle import assert_contract
from helpers.torchvision_offline import FAMILIES, Family, builders

STRIDE = 32


def test_every_builder_is_in_one_family() -> None:
    assert sorted(name for family in FAMILIES for name in family.builders()) == builders()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_family(family: Family) -> None:
    model = family.build()
    window = (3, family.window, family.window)
    # An image that leaves a remainder on both axes.
    height, width = (family.window + (n - 1) * STRIDE + 5 for n in family.grid)
    x = torch.randn(1, 3, height, width)
    sliding = ob.slide(model, window, STRIDE)
    with torch.no_grad():
        output = sliding(x)
    assert_contract(output, model, x, window, STRIDE, batch=2)
    # Outputs that hardly differ between windows would agree with anything.
    for leaf in tree_leaves(output):
        spread = leaf.flatten(2).amax(2) - leaf.flatten(2).amin(2)
        assert spread.max() > 0.01 * leaf.abs().max()
    assert sliding.report(height, width).ratio >= 1
