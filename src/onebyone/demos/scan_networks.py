"""Two classifiers whose filters are written down, not trained: colours of a stain, vessels."""

import torch
from torch import Tensor, nn

WINDOW = (3, 32, 32)
STRIDE = 4
STAINS = ("brown stain", "blue stain", "background")
EYE = ("bright disc", "vessel", "background")
_SIZE, _HALF, _LONG = 9, 1.5, 4.5
"""Pixels of a filter for lines, half the width of its line, and of what lies beside it."""
_POOLED = 6


def stains() -> nn.Module:
    """A network for windows of 32×32 in RGB from 0 to 1 that tells two stains and bare glass.

    It weighs how much brown, blue and white there is, and knows nothing of tissue.
    """
    convolution, dense = nn.Conv2d(3, 3, 5), nn.Linear(3 * 7 * 7, len(STAINS))
    colours = torch.tensor([[1.0, 0, -1], [-1, 0, 1], [1 / 3, 1 / 3, 1 / 3]])
    with torch.no_grad():
        convolution.weight.copy_((colours / 25)[:, :, None, None].expand(3, 3, 5, 5))
        convolution.bias = nn.Parameter(torch.tensor([-0.05, 0.0, -0.75]))
        weights = torch.diag(torch.tensor([40.0, 120.0, 40.0])) / 49
        dense.weight.copy_(weights[:, :, None].expand(3, 3, 49).reshape(3, -1))
        dense.bias.copy_(torch.tensor([0.0, 0.5, 0.5]))
    return nn.Sequential(convolution, nn.ReLU(), nn.AvgPool2d(4), nn.Flatten(), dense).eval()


def eye() -> nn.Module:
    """A network for windows of 32×32 in RGB from 0 to 1 that tells the parts of a retina's photo.

    Its filters answer to dark lines of eight directions, to what is bright and to what is black. It
    takes the photo's rim for a vessel, too.
    """
    lines, centre = _lines(8), torch.zeros(_POOLED, _POOLED)
    centre[2:4, 2:4] = 1 / 4
    even, zero = torch.full_like(centre, 1 / _POOLED**2), torch.zeros_like(centre)
    count = len(lines)
    convolution, dense = nn.Conv2d(3, count + 2, _SIZE), nn.Linear((count + 2) * 36, len(EYE))
    with torch.no_grad():
        convolution.weight.zero_()
        convolution.weight[:count, 1] = lines  # in green, where vessels are darkest
        convolution.weight[count, 1] = 1 / _SIZE**2
        convolution.weight[count + 1, 0] = -1 / _SIZE**2
        convolution.bias = nn.Parameter(torch.tensor([-0.015] * count + [-0.42, 0.25]))
        parts = (
            [zero] * count + [60 * even, zero],
            [150 * centre] * count + [zero, -20 * even],
            [zero] * (count + 1) + [60 * even],
        )
        dense.weight.copy_(torch.stack([torch.stack(part).flatten() for part in parts]))
        dense.bias.copy_(torch.tensor([0.0, 0.0, 4.0]))
    layers = (convolution, nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), dense)
    return nn.Sequential(*layers).eval()


def _lines(count: int) -> Tensor:
    """Filters [count, 9, 9] of dark lines: what lies beside the line less the line itself."""
    side = torch.arange(_SIZE) - _SIZE // 2
    y, x = torch.meshgrid(side, side, indexing="ij")
    found = []
    for angle in torch.arange(count) * torch.pi / count:
        across = (x * torch.sin(angle) + y * torch.cos(angle)).abs()
        line, beside = across <= _HALF, (across > _HALF) & (across <= _LONG)
        found.append(beside / beside.sum() - line / line.sum())
    return torch.stack(found)
