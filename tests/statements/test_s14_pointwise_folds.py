"""S14: a 1×1 straight after a k×k convolution folds into it; before it, not over padding."""

import torch
from torch import nn

from onebyone.layers import equal, matrix

GRID = (2, 5, 5)


def fold_after(conv: nn.Conv2d, point: nn.Conv2d) -> nn.Conv2d:
    w = point.weight[..., 0, 0]
    folded = nn.Conv2d(conv.in_channels, len(w), conv.kernel_size, padding=conv.padding).double()
    folded.weight.data = torch.einsum("om,mcab->ocab", w, conv.weight).detach()
    folded.bias.data = (w @ conv.bias + point.bias).detach()
    return folded


def fold_before(point: nn.Conv2d, conv: nn.Conv2d) -> nn.Conv2d:
    w = point.weight[..., 0, 0]
    folded = nn.Conv2d(w.shape[1], conv.out_channels, conv.kernel_size, padding=conv.padding)
    folded = folded.double()
    folded.weight.data = torch.einsum("omab,mc->ocab", conv.weight, w).detach()
    bias = 0 if point.bias is None else torch.einsum("omab,m->o", conv.weight, point.bias)
    folded.bias.data = (conv.bias + bias).detach()
    return folded


def same(first: nn.Module, second: nn.Module, folded: nn.Module) -> bool:
    x = torch.randn(3, *GRID, dtype=torch.float64)
    return torch.allclose(second(first(x)), folded(x), atol=1e-12)


def test_s14_pointwise_folds_after():
    conv, point = nn.Conv2d(2, 3, 3, padding=1).double(), nn.Conv2d(3, 4, 1).double()
    folded = fold_after(conv, point)
    assert same(conv, point, folded)
    middle = (3, 5, 5)
    product = matrix(point, middle).weight @ matrix(conv, GRID).weight
    assert abs(product - matrix(folded, GRID).weight).max() < 1e-12
    assert not equal(conv, folded, GRID)


def test_s14_pointwise_folds_before_without_padding_or_without_bias():
    point, unbiased = nn.Conv2d(2, 3, 1).double(), nn.Conv2d(2, 3, 1, bias=False).double()
    valid, padded = nn.Conv2d(3, 4, 3).double(), nn.Conv2d(3, 4, 3, padding=1).double()
    assert same(point, valid, fold_before(point, valid))
    assert same(unbiased, padded, fold_before(unbiased, padded))


def test_s14_fails_before_a_padded_convolution_with_bias():
    point, padded = nn.Conv2d(2, 3, 1).double(), nn.Conv2d(3, 4, 3, padding=1).double()
    assert not same(point, padded, fold_before(point, padded))


def test_s14_fails_with_a_relu_between():
    conv, point = nn.Conv2d(2, 3, 3).double(), nn.Conv2d(3, 4, 1).double()
    assert not same(nn.Sequential(conv, nn.ReLU()), point, fold_after(conv, point))
