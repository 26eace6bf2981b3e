import torch
from torch import nn

from onebyone.figures import matrix_text
from onebyone.layers import matrix


def test_values_stand_in_their_columns():
    conv = nn.Conv1d(1, 1, 2, bias=False)
    conv.weight.data = torch.tensor([[[0.5, -2.0]]])
    rows = matrix_text(matrix(conv, (1, 3))).plain.splitlines()
    assert [row.split() for row in rows] == [["0.5", "-2", "·"], ["·", "0.5", "-2"]]
    assert len({len(row) for row in rows}) == 1
