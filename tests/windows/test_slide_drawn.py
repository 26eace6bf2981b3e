"""Drawn networks, strides and images: `slide` equals float64 crops, case after case.

HYPOTHESIS_PROFILE=search draws new cases, and many more of them, on every run.
"""

import os

import pytest
import torch
from hypothesis import given, settings

import onebyone as ob
from helpers.networks import Case, cases
from helpers.oracle import assert_contract, assert_equal_crops, grid_of
from helpers.targets import on_target

# PyTorch's note on its own speed, once per process, for padding="same" and even kernels.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

# 6 tests of 44 networks, each with 2 strides on 4 image sizes: 2,112 cases, a quarter at a desk.
NETWORKS = 44 if "CI" in os.environ else 11
EXAMPLES = settings().max_examples if "HYPOTHESIS_PROFILE" in os.environ else NETWORKS
PER_NETWORK = 8


def check(case: Case, float32: bool) -> int:
    """Hold every case of a drawn network to its crops; the number of cases is returned."""
    generator = torch.Generator().manual_seed(case.seed)
    model = case.model.float() if float32 else case.model
    checked = 0
    for number, scan in enumerate(case.scans):
        # Some scans are run in bands and for few windows at a time.
        cached = 5000 if case.seed % 4 == 0 and number == 0 else 2**21
        sliding = ob.slide(model, case.window, scan.stride, verify=0)
        on_target(sliding, cached=cached, per_weight=0)
        for size in scan.sizes:
            x = torch.randn(case.batch, case.window[0], *size, generator=generator)
            grid = grid_of(size, case.window[1:], scan.stride)
            assert tuple(sliding.grid(*size)) == grid
            with torch.no_grad():
                if float32:
                    output = sliding(x)
                    assert_contract(output, model, x, case.window, scan.stride)
                else:
                    output = sliding(x.double())
                    assert_equal_crops(output, model, x.double(), case.window, scan.stride)
            checked += 1
    return checked


@pytest.mark.parametrize("branches", [False, True], ids=["chains", "graphs"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_drawn_networks_equal_their_crops(rank: int, branches: bool) -> None:
    checked = 0

    @given(case=cases(rank, branches=branches))
    @settings(max_examples=EXAMPLES)
    def every_case(case: Case) -> None:
        nonlocal checked
        checked += check(case, float32=case.seed % 5 == 0)

    every_case()
    assert checked >= EXAMPLES * PER_NETWORK
