"""Small networks with padding, strides, dilation and holes in their lattices, 1 to 3 axes."""

from dataclasses import dataclass
from functools import cache

from torch import nn

import onebyone as ob
from onebyone.windows import Report


@dataclass(frozen=True)
class Case:
    """A network with the windows that it is run at, on an image of some size."""

    layers: tuple[nn.Module, ...]
    window: tuple[int, ...]
    stride: tuple[int, ...]
    size: tuple[int, ...]

    @property
    def model(self) -> nn.Sequential:
        return nn.Sequential(*self.layers).double().eval()

    def report(self) -> Report:
        return ob.slide(self.model, self.window, self.stride, verify=0).report(*self.size)


CASES = {
    "padded": Case(
        (nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 3, 3, stride=2, padding=1), nn.AvgPool2d(2),
         nn.Conv2d(3, 4, (3, 1), padding=(1, 0)), nn.Flatten(), nn.Linear(80, 2)),
        (1, 16, 20), (4, 4), (28, 33),
    ),
    "uneven": Case(
        (nn.Conv2d(2, 3, 4, padding=(2, 0)), nn.Conv2d(3, 3, 3, dilation=2, padding=2),
         nn.Conv2d(3, 2, 3, stride=3, padding=1), nn.Flatten(), nn.Linear(40, 2)),
        (2, 12, 14), (3, 6), (24, 32),
    ),
    "bare": Case(
        (nn.Conv2d(1, 3, 3), nn.AvgPool2d(2), nn.Conv2d(3, 3, 3), nn.Flatten(), nn.Linear(75, 2)),
        (1, 16, 16), (2, 6), (24, 28),
    ),
    "along": Case(
        (nn.Conv1d(1, 3, 5, padding=2), nn.AvgPool1d(2), nn.Conv1d(3, 3, 3, padding=1),
         nn.Flatten(), nn.Linear(30, 2)),
        (1, 20), (4,), (48,),
    ),
    "deep": Case(
        (nn.Conv3d(1, 2, 3, padding=(1, 0, 1)), nn.Conv3d(2, 2, 2), nn.Flatten(),
         nn.Linear(144, 2)),
        (1, 5, 6, 7), (1, 2, 1), (7, 10, 9),
    ),
}  # fmt: skip


@cache
def of_150_layers() -> Report:
    """The report of 150 convolutions for windows of 64×64."""
    return ob.slide(_chain(150), (1, 64, 64), 4, verify=0).report(96, 128)


def _chain(count: int) -> nn.Sequential:
    """So many padded convolutions with two poolings between."""
    layers: list[nn.Module] = []
    for place in range(count):
        layers += [nn.Conv2d(4 if place else 1, 4, 3, padding=1), nn.ReLU()]
        if place in (count // 3, 2 * count // 3):
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * 16**2, 2)).eval()
