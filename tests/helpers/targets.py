"""Sliding models as on a machine of another kind."""

from dataclasses import replace
from typing import Any

from onebyone.windows import SlidingModel


def on_target(sliding: SlidingModel, **changes: Any) -> SlidingModel:
    """The same sliding model, planned for a machine that differs in these attributes."""
    lowered = sliding._lowered
    sliding._lowered = replace(lowered, target=replace(lowered.target, **changes))
    sliding._sizes.clear()
    return sliding
