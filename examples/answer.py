"""Is a 1×1 convolution a fully connected layer? The answer in code, and its picture.

Run it with the name of the .svg file to write: python examples/answer.py docs/pictures/answer.svg
"""

import sys

import torch
from torch import nn

from onebyone.figures import explain
from onebyone.layers import NotConvertible, convert, equal, matrix

grid = (2, 2, 2)  # 2 channels of 2×2, one output channel
conv = nn.Conv2d(2, 1, 1, bias=False)
conv.weight = nn.Parameter(torch.tensor([0.8, -0.5]).reshape(1, 2, 1, 1))

# The 4×8 matrix: 8 connections, 2 distinct weights.
m = matrix(conv, input=grid)
print(m.toarray())
assert m.shape == (4, 8)
assert m.weight.nnz == 8
assert len(set(m.sharing.tolist())) == 2

# It equals four fully connected layers that share their weights, and one fully connected layer.
four = convert(conv, to="local", input=grid)
one = convert(conv, to="dense", input=grid)
assert equal(conv, four, input=grid)
assert equal(conv, one, input=grid)
print(equal(conv, one, input=grid).reason)

# A fully connected layer in general is no 1×1 convolution.
torch.manual_seed(0)
try:
    convert(nn.Linear(8, 4), to="pointwise", input=grid, output=(1, 2, 2))
except NotConvertible as refusal:
    print(refusal.reason, f"(the nearest is {refusal.nearest.relative:.0%} away)")
else:
    raise AssertionError

if len(sys.argv) > 1:
    explain(conv, input=grid).save(sys.argv[1])
