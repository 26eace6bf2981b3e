"""Shared by the statement tests: a layer's matrix as an array."""

from collections.abc import Callable

import numpy as np
import pytest
from torch import nn

from onebyone.layers import matrix


@pytest.fixture
def dense_matrix() -> Callable[..., np.ndarray]:
    def of(layer: nn.Module, *grids: tuple[int, ...], **options: str) -> np.ndarray:
        return matrix(layer, *grids, **options).toarray()

    return of
