"""What is joined from blocks is joined once, for all that read it."""

import torch
from torch import fx, nn

import onebyone as ob


def test_a_stretch_is_joined_once_for_strips_and_corners() -> None:
    convolutions = [nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1)]
    model = nn.Sequential(*convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    plan = ob.slide(model.eval(), (2, 8, 8), 2, verify=0).plan(20, 20)
    graphs = [m.graph for m in plan.module.modules() if isinstance(m, fx.GraphModule)]
    joins = sum(len(g.find_nodes(op="call_function", target=torch.cat)) for g in graphs)
    # Strips of columns and of rows, 4 for each layer. A corner joins along its rows what its strip
    # has joined along its columns; behind the first layer it has edges of its own to join, too.
    strips, corners = 4, 4
    assert joins == 2 * strips + corners + 2 * corners
