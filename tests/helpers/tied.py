"""A network whose layers share weights."""

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D


class Tied(nn.Module):
    """A language model's ends: an embedding, layers of both kinds, a head with its weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 6)
        self.up, self.down = nn.Linear(6, 8), Conv1D(6, 8)
        self.gate = nn.Linear(6, 8, bias=False)
        self.gate.weight = self.up.weight
        self.head = nn.Linear(6, 11, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, x):
        x = self.embed(x)
        return self.head(self.down(torch.relu(self.up(x)) * self.gate(x)))
