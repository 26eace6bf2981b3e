"""Faults that are planted in rewritten modules, one kind at a time; the check finds each."""

import copy

import pytest
import torch
from torch import nn

from onebyone.rewriting.forms import ConvolutionByLinear, LinearByConvolution
from onebyone.rewriting.module_check import check_modules
from onebyone.rewriting.modules import rewrite_module
from onebyone.rewriting.selection import Selection


def pairs(layer, to, layout="BCHW"):
    return rewrite_module(layer, to, Selection(), layout, False)[2]


def linear():
    return pairs(nn.Linear(6, 6), "convolution")


def convolution():
    return pairs(nn.Conv2d(6, 6, 1, stride=2), "linear")


def grouped():
    return pairs(nn.Conv2d(6, 6, 1, groups=3), "linear")


def tied():
    model = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    model[1].weight = model[0].weight
    return pairs(model, "convolution")


def swapped(weight):
    weight = weight.clone()
    weight[[0, 1]] = weight[[1, 0]]
    return weight


def one_bit(weight):
    weight = weight.clone()
    weight.view(-1).view(torch.int32)[5] ^= 1
    return weight


def weights(change):
    def plant(layer):
        layer.weight = nn.Parameter(change(layer.weight.detach()))

    return plant


def forward(kind, compute):
    """A class that computes something else with the right weights."""

    def plant(layer):
        layer.__class__ = type("Wrong", (kind,), {"forward": compute})

    return plant


def attribute(name, value):
    return lambda layer: setattr(layer, name, value)


def same_as_convolution(change_input, change_output):
    def compute(self, x):
        return change_output(LinearByConvolution.forward(self, change_input(x)))

    return forward(LinearByConvolution, compute)


def keep(x):
    return x


def lose_bias(self, x):
    y = LinearByConvolution.forward(self, x)
    return y - self.bias


def other_group_order(self, x):
    return ConvolutionByLinear.forward(self, x.roll(2, dims=-3))


def shifted_stride(self, x):
    return ConvolutionByLinear.forward(self, x.roll(-1, dims=-1))


def untie(layer):
    layer.weight = nn.Parameter(layer.weight.detach().clone())


FAULTS = {
    "one bit of a weight": (linear, weights(one_bit)),
    "two outputs exchanged": (linear, weights(swapped)),
    "inputs reversed": (linear, weights(lambda w: w.flip(1))),
    "rows and columns exchanged": (linear, weights(lambda w: w.transpose(0, 1))),
    "negated": (linear, weights(torch.neg)),
    "rounded": (linear, weights(lambda w: w.bfloat16().float())),
    "another type": (linear, weights(lambda w: w.double())),
    "one weight not a number": (linear, weights(lambda w: w.where(w != w[0, 0], torch.nan))),
    "bias changed": (linear, lambda layer: layer.bias.data.add_(1e-6)),
    "bias gone": (linear, attribute("bias", None)),
    "not to be trained": (linear, lambda layer: layer.weight.requires_grad_(False)),
    "training flag": (linear, lambda layer: layer.eval()),
    "bias not added": (linear, forward(LinearByConvolution, lose_bias)),
    "bias added twice": (linear, same_as_convolution(keep, lambda y: y + 1)),
    "input channels reversed": (linear, same_as_convolution(lambda x: x.flip(-1), keep)),
    "output channels reversed": (linear, same_as_convolution(keep, lambda y: y.flip(-1))),
    "positions reversed": (
        linear, same_as_convolution(keep, lambda y: y.flip(-2) if y.ndim > 1 else y)
    ),
    "two axes exchanged": (
        linear, same_as_convolution(keep, lambda y: y.transpose(1, 2) if y.ndim > 3 else y)
    ),
    "scaled": (linear, same_as_convolution(keep, lambda y: y * 1.0001)),
    "stride lost": (convolution, attribute("stride", (1, 1))),
    "stride of one axis": (convolution, attribute("stride", (2, 1))),
    "stride from another place": (convolution, forward(ConvolutionByLinear, shifted_stride)),
    "weight transposed": (convolution, weights(lambda w: w.T)),
    "group order": (grouped, weights(lambda w: w.roll(1, 0))),
    "channels of groups": (grouped, forward(ConvolutionByLinear, other_group_order)),
    "transposed within groups": (grouped, weights(lambda w: w.mT)),
    "tie broken": (tied, untie),
}  # fmt: skip


@pytest.mark.parametrize("make", [linear, convolution, grouped, tied])
def test_what_was_rewritten_passes(make):
    assert all(check.passed for check in check_modules(make(), "full"))


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_found(fault):
    make, plant = FAULTS[fault]
    found = copy.deepcopy(make())
    plant(found[-1].after)
    checks = check_modules(found, "full")
    assert not all(check.passed for check in checks), checks


def test_a_loss_of_precision_that_integers_do_not_see():
    found = pairs(nn.Linear(200, 50), "convolution")
    same_as_convolution(lambda x: x.bfloat16().float(), keep)(found[0].after)
    structure, integers, numbers = check_modules(found, "full")
    assert structure.passed
    assert integers.passed
    assert not numbers.passed
    assert "beyond rounding" in numbers.detail
