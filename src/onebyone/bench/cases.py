"""What is measured: networks, windows, strides and images, as data."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from onebyone import nin
from onebyone.bench import networks
from onebyone.bench.scan_cases import SCANS, ScanCase
from onebyone.demos import faces, photo
from onebyone.errors import InputError


@dataclass(frozen=True)
class Case:
    """A network, how it is slid, and over what.

    Attributes:
        name: of the network, the image's side and the stride.
        build: makes the network, in eval mode; raises InputError where a package is missing.
        window: (C, *space).
        stride: pixels between windows, on all axes.
        size: of the image, without channels.
        tags: "default" cases run when nothing is chosen, "quick" ones with --quick.
        training: whether the gradients of all weights are taken, too.
    """

    name: str
    build: Callable[[], nn.Module]
    window: tuple[int, ...]
    stride: int
    size: tuple[int, ...]
    tags: frozenset[str] = frozenset({"default"})
    training: bool = False


DEFAULT, QUICK, LONG = frozenset({"default"}), frozenset({"default", "quick"}), frozenset[str]()

# Those whose every side ends in a few minutes; the others are chosen by name.
_VISION_DEFAULT = {
    "alexnet-512-s32", "alexnet-512-s16", "alexnet-1024-s32", "resnet18-512-s32",
    "resnet50-512-s32", "vgg11-512-s32", "vgg16-512-s32",
}  # fmt: skip


def _vision(network: str, side: int, stride: int) -> Case:
    name = f"{network}-{side}-s{stride}"
    build = partial(networks.torchvision_network, network)
    tags = DEFAULT if name in _VISION_DEFAULT else LONG
    return Case(name, build, (3, 224, 224), stride, (side, side), tags)


_digits, _padded_digits = (partial(nin.load, name) for name in nin.BUNDLED)

CASES = (
    Case("n4-256-s1", networks.n4, (1, 95, 95), 1, (256, 256), frozenset({"quick"})),
    Case("n4-512-s1", networks.n4, (1, 95, 95), 1, (512, 512)),
    *(
        _vision(network, side, stride)
        for network in ("alexnet", "resnet18", "resnet50", "vgg11", "vgg16")
        for side in (512, 1024)
        for stride in (32, 16, 8)
    ),
    Case("padded-256-s8", networks.small_padded, (3, 64, 64), 8, (256, 256), QUICK),
    Case("padded-256-s4", networks.small_padded, (3, 64, 64), 4, (256, 256)),
    Case("padded-256-s3", networks.small_padded, (3, 64, 64), 3, (256, 256)),
    Case("digits-512-s4", _digits, (1, 28, 28), 4, (512, 512), QUICK),
    Case("digits-padded-512-s4", _padded_digits, (1, 28, 28), 4, (512, 512)),
    Case("onet-512-s2", faces.load_network, (3, 48, 48), 2, (512, 512)),
    Case("efficientnet-lite0-512-s32", photo.load_network, (3, 224, 224), 32, (512, 512)),
    Case("signal-65536-s64", networks.signal, (2, 1024), 64, (65536,), QUICK),
    Case("volume-64-s4", networks.volume, (1, 16, 16, 16), 4, (64, 64, 64)),
    Case("train-digits-280-s4", _digits, (1, 28, 28), 4, (280, 280), LONG, training=True),
    Case("train-digits-padded-280-s4", _padded_digits, (1, 28, 28), 4, (280, 280), LONG, True),
    Case("train-padded-256-s8", networks.small_padded, (3, 64, 64), 8, (256, 256), LONG, True),
)


def chosen(pattern: str | None, *, quick: bool) -> tuple[list[Case], list[ScanCase]]:
    """The cases and the scans whose names match a regular expression.

    Without one they are all cases that are tagged, and no scans, which take long: names of scans
    must match from their beginning on. With `quick` they are the quick ones only.
    """
    tag = "quick" if quick else "default"
    if pattern is None:
        return [case for case in CASES if tag in case.tags], []
    try:
        found = [case for case in CASES if re.search(pattern, case.name)]
        scans = [c for c in SCANS if c.quick == quick and re.match(pattern, c.name)]
    except re.error as error:
        raise InputError(f"--case {pattern}: is no regular expression ({error})") from error
    found = [case for case in found if tag in case.tags] if quick else found
    if not found and not scans:
        raise InputError(f"--case {pattern}: no case matches; onebyone bench --list names them")
    return found, scans
