"""What is measured of scans: networks and images in files, as data."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from onebyone import nin
from onebyone.bench import networks
from onebyone.demos import faces, photo


@dataclass(frozen=True)
class ScanCase:
    """A network, and the image that it is scanned over.

    Attributes:
        network: its name.
        build: makes it, in eval mode; raises InputError where a package is missing.
        window: (C, height, width).
        stride: pixels between windows, on both axes.
        kind: "jpeg", a slide of JPEG tiles, or "zarr".
        side: pixels of the image.
        quick: whether it is one of the small ones, which run with --quick.
    """

    network: str
    build: Callable[[], nn.Module]
    window: tuple[int, int, int]
    stride: int
    kind: str
    side: int
    quick: bool

    @property
    def name(self) -> str:
        """What it is chosen by."""
        return f"scan-{self.kind}-{self.network}-{self.side}-s{self.stride}"


_NETWORKS = (
    ("digits", partial(nin.load, nin.BUNDLED[0]), (1, 28, 28), 4),
    ("padded", networks.small_padded, (3, 64, 64), 8),
    ("onet", faces.load_network, (3, 48, 48), 8),
    ("efficientnet-lite0", photo.load_network, (3, 224, 224), 32),
)
_SIDES = {"jpeg": {True: 2_000, False: 20_000}, "zarr": {True: 2_048, False: 2**15}}

SCANS = tuple(
    ScanCase(name, build, window, stride, kind, side, quick)
    for kind, sides in _SIDES.items()
    for quick, side in sides.items()
    for name, build, window, stride in _NETWORKS
)
