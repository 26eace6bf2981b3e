"""Pixels beside windows."""

import pytest
from torch import nn

import onebyone as ob
from onebyone.errors import InputError
from onebyone.scans.halo import Halo, halo_of
from onebyone.scans.positions import Positions, Run


def test_crops_need_nothing_beside_them(sliding):
    assert halo_of(sliding) == (Halo(), Halo())
    axis = Positions(100, 6, 2)
    assert Halo().region(axis, Run(range(5, 9), 10)) == range(10, 22)


def test_a_region_ends_with_the_image_and_begins_at_a_step():
    axis, halo = Positions(100, 8, 2), Halo(5, 7, 4)
    assert halo.region(axis, Run(range(10, 12), 20)) == range(12, 37)
    assert halo.region(axis, Run(range(1), 0)) == range(15)
    assert halo.region(axis, Run(range(46, 47), 92)) == range(84, 100)


def test_as_far_as_a_network_sees():
    net = nn.Sequential(
        nn.Conv2d(1, 2, (5, 3), padding=(2, 1)), nn.Conv2d(2, 2, 3, padding=1), nn.Flatten(),
        nn.Linear(2 * 64, 2),
    ).eval()  # fmt: skip
    found = halo_of(ob.slide(net, (1, 8, 8), 2, padding="image"))
    for halo, reach in zip(found, (3, 2), strict=True):
        assert halo.step == 2
        assert reach <= min(halo.before, halo.after)
        assert max(halo.before, halo.after) <= reach + halo.step


def test_a_network_that_sees_very_far_is_refused():
    net = nn.Sequential(
        *[nn.Conv1d(1, 1, 31, padding=15) for _ in range(3)], nn.Flatten(), nn.Linear(8, 2)
    ).eval()
    with pytest.raises(InputError, match="however far away"):
        halo_of(ob.slide(net, (1, 8), 2, padding="image"))
