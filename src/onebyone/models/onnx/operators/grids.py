"""Sampling at computed places."""

from torch import Tensor
from torch.nn import functional

from onebyone.models.onnx.table import Ints, operator

_MODES = {"linear": "bilinear", "cubic": "bicubic"}
"""PyTorch's names by ONNX's; the first versions have those of PyTorch."""


@operator("GridSample", since=16)
def grid_sample(
    x: Tensor,
    grid: Tensor,
    *,
    align_corners: int = 0,
    mode: str = "linear",
    padding_mode: str = "zeros",
) -> Tensor:
    return functional.grid_sample(
        x, grid, _MODES.get(mode, mode), padding_mode, align_corners=bool(align_corners)
    )


@operator("AffineGrid", since=20)
def affine_grid(theta: Tensor, size: Ints, *, align_corners: int = 0) -> Tensor:
    # The batch is that of what was computed: files for a fixed one say it in the size.
    return functional.affine_grid(
        theta, [theta.shape[0], *size[1:]], align_corners=bool(align_corners)
    )
