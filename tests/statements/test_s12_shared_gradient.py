"""S12: the shared weight's gradient is the sum over positions; equality ends under training."""

import torch
from torch import nn

from onebyone.layers import convert, equal

GRID, OUT = (2, 2, 2), (1, 2, 2)


def gradients(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    layer.zero_grad()
    (layer(x).flatten(1) ** 2).sum().backward()
    return layer.weight.grad


def test_s12_shared_gradient():
    conv = nn.Conv2d(2, 1, 1)
    local, dense = convert(conv, "local", GRID), convert(conv, "dense", GRID)
    x = torch.randn(5, *GRID)
    shared = gradients(conv, x).flatten()
    torch.testing.assert_close(shared, gradients(local, x).sum((1, 2)).flatten())
    blocks = gradients(dense, x.flatten(1)).reshape(4, 2, 4)
    torch.testing.assert_close(shared, blocks.diagonal(dim1=0, dim2=2).sum(-1))
    assert (blocks - blocks.diagonal(dim1=0, dim2=2).T[:, :, None] * torch.eye(4)[:, None]).any()


def test_s12_fails_to_stay_equal_under_training():
    conv = nn.Conv2d(2, 1, 1)
    forms = {kind: convert(conv, kind, GRID) for kind in ("local", "dense")}
    x = torch.randn(5, *GRID)
    for kind, layer in {"convolution": conv, **forms}.items():
        gradients(layer, x.flatten(1) if kind == "dense" else x)
        torch.optim.SGD(layer.parameters(), lr=0.1).step()
    assert not equal(conv, forms["local"], GRID, tol=1e-3)
    assert not equal(conv, forms["dense"], GRID, tol=1e-3)
