"""Where a resized axis takes its numbers from: coordinates, the nearest places, and weights.

All is computed from sizes, by arithmetic that arrays and tensors have alike: arrays tell what a
resizing is, tensors compute it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import TypeVar

import torch
from torch import Tensor

from onebyone.errors import InputError
from onebyone.models.onnx.table import Array

Numbers = TypeVar("Numbers", Array, Tensor)


@dataclass(frozen=True)
class Axis:
    """One axis that is resized.

    Attributes:
        place: among the axes.
        size: of the input.
        count: of the result.
        scale: by which it grows, as the file says.
        start: of the part that is taken, where the input goes from 0 to 1.
        end: of that part.
    """

    place: int
    size: int
    count: int
    scale: float
    start: float = 0.0
    end: float = 1.0

    def coordinates(self, places: Numbers, mode: str) -> Numbers:
        """Where in the input the places of the result lie, by ONNX's names of the modes.

        Raises:
            InputError: there is no such mode.
        """
        last, one = self.size - 1, self.count == 1
        if mode == "align_corners":
            return places * 0 if one else places * last / (self.count - 1)
        if mode == "asymmetric":
            return places / self.scale
        if mode == "tf_half_pixel_for_nn":
            return (places + 0.5) / self.scale
        if mode == "tf_crop_and_resize":
            part = (self.end - self.start) * last
            inner = places * 0 + part / 2 if one else places * part / (self.count - 1)
            return inner + self.start * last
        if mode == "pytorch_half_pixel" and one:
            return places * 0
        if mode not in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"):
            raise InputError(f"has coordinate_transformation_mode={mode!r}, which is not computed")
        centre = (places + 0.5) / self.scale - 0.5
        if mode == "half_pixel_symmetric":
            centre = centre + self.size / 2 * (1 - self.count / (self.scale * self.size))
        return centre

    def nearest(self, places: Numbers, mode: str, rounding: str) -> Numbers:
        """The nearest place of the input for each of the result; it may lie outside.

        Raises:
            InputError: there is no such mode.
        """
        x = self.coordinates(places, mode)
        if rounding == "simple":  # before the operator had an attribute for that
            rounding = "floor" if self.scale >= 1 else "ceil"
        if rounding == "floor":
            return x // 1
        if rounding == "ceil":
            return -(-x // 1)
        if rounding == "round_prefer_floor":
            return -((0.5 - x) // 1)
        if rounding == "round_prefer_ceil":
            return (x + 0.5) // 1
        raise InputError(f"has nearest_mode={rounding!r}, which is not computed")


@dataclass(frozen=True)
class Kernel:
    """How much numbers count by their distance.

    Attributes:
        weight: of a distance.
        support: the distance from which on it is zero.
        spreads: whether it grows where the result is smaller, so that every number counts.
        excludes: whether places outside count nothing, not as those at the border.
    """

    weight: Callable[[Tensor], Tensor]
    support: int
    spreads: bool = False
    excludes: bool = False

    def matrix(self, axis: Axis, mode: str, device: torch.device) -> Tensor:
        """How much every place of an axis counts for each of the result: [count, size]."""
        x = axis.coordinates(_places(axis.count, device), mode).reshape(-1, 1)
        shrinks = min(axis.scale, 1.0) if self.spreads else 1.0
        reach = ceil(self.support / shrinks)
        taps = x // 1 + _places(2 * reach, device) + (1 - reach)
        weights = self.weight((taps - x) * shrinks)
        if not self.excludes:
            taps = torch.clamp(taps, 0, axis.size - 1)
        hits = taps.unsqueeze(-1) == _places(axis.size, device)
        found = torch.sum(weights.unsqueeze(-1) * hits, 1)
        if self.spreads or self.excludes:
            found = found / torch.sum(found, 1, keepdim=True)
        return found


def linear(x: Tensor) -> Tensor:
    """The weight of linear interpolation."""
    return torch.clamp(1 - torch.abs(x), min=0)


def cubic(a: float) -> Callable[[Tensor], Tensor]:
    """The weight of cubic interpolation with a coefficient."""

    def weight(x: Tensor) -> Tensor:
        t = torch.abs(x)
        near = ((a + 2) * t - (a + 3)) * t * t + 1
        far = (((t - 5) * t + 8) * t - 4) * a
        return torch.where(t <= 1, near, torch.where(t < 2, far, torch.zeros_like(t)))

    return weight


def _places(count: int, device: torch.device) -> Tensor:
    return torch.arange(count, dtype=torch.float64, device=device)
