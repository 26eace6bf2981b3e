"""The fully convolutional network: a classifier at its own stride, for images of any size.

The classical conversion by hand, done right, in whatever order the window was flattened. No size of
the image is in the graph, so that it exports with dynamic height and width.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Num
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from onebyone.choices import Padding
from onebyone.errors import InputError
from onebyone.graphs.aten import layer_name
from onebyone.graphs.capture import capture
from onebyone.models import Network
from onebyone.windows.arguments import model_of, refuse_training
from onebyone.windows.lowering import Lowered, lower
from onebyone.windows.target import this_machine
from onebyone.windows.whole_maps import on_whole_maps, two_windows


def convolutionalize(
    model: Network | str | Path,
    window: Sequence[int] | None = None,
    *,
    padding: Padding = "crop",
    weights: str | Path | None = None,
    trust: bool = False,
) -> "Convolutionalized":
    """Make the fully convolutional network of a classifier (S11).

    The result is `slide` at the network's own stride as a plain module: it exports to ONNX and by
    torch.export with dynamic height and width, and trains. Parameters are the model's own.

    Args:
        model: as for `slide`.
        window: (C, *space), as for `slide`.
        padding: "crop" gives exactly what each crop would give, and refuses networks that pad;
            "image" pads at the border of the image only, which is not equal to crops.
        weights: a file of weights, as for `slide`.
        trust: load a `.pt2` file whatever it holds, which can run any code.

    Returns:
        A module that takes images [B, C, *size] and gives outputs [B, K, *grid].

    Raises:
        InputError: an argument does not fit, the network pads and padding is "crop", or something
            in it mixes the positions of a window otherwise than a convolution or pooling does.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
        >>> network = ob.convolutionalize(model.eval(), window=(1, 8, 8))
        >>> network(torch.rand(1, 1, 8, 8)).shape  # one window
        torch.Size([1, 3, 1, 1])
        >>> network(torch.rand(1, 1, 20, 30)).shape  # the same graph, whatever the size
        torch.Size([1, 3, 13, 23])
    """
    found, shape = model_of(model, window, weights=weights, trust=trust)
    network = found.network
    if padding not in ("crop", "image"):
        raise InputError(f'padding={padding!r} is unknown; use "crop" or "image"')
    refuse_training(network)
    lowered = lower(capture(network, shape), shape, this_machine())
    if padding == "crop":
        _require_unpadded(lowered)
    return Convolutionalized(lowered)


class Convolutionalized(nn.Module):
    """A fully convolutional network, made by `convolutionalize`.

    Attributes:
        window: (C, *space) of the classifier.
        stride: pixels from one output to the next along each axis.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.Conv2d(4, 3, 3))
        >>> network = ob.convolutionalize(model.eval(), window=(1, 8, 8))
        >>> network.window, network.stride
        ((1, 8, 8), (2, 2))
    """

    def __init__(self, lowered: Lowered) -> None:
        super().__init__()
        self.window, self.stride = lowered.layout.shape, lowered.stride
        self.network, self._surplus = on_whole_maps(lowered)
        self._structure = lowered.captured.structure
        self.eval()

    def extra_repr(self) -> str:
        """Return window and stride for `print(network)`."""
        return f"window={self.window}, stride={self.stride}"

    def forward(self, x: Num[Tensor, "batch channels *size"]) -> Any:
        """Run the network.

        Args:
            x: images [B, C, *size], each size at least that of the window.

        Returns:
            The classifier's outputs with the grid of windows behind all other dimensions.
        """
        found = list(self.network(x))
        if self._surplus:
            found = [self._trimmed(y, x) if isinstance(y, Tensor) else y for y in found]
        return pytree.tree_unflatten(found, self._structure)

    def _trimmed(self, y: Tensor, x: Tensor) -> Tensor:
        """The outputs whose windows lie in the image."""
        rank = len(self.stride)
        for k, (h, s) in enumerate(zip(self.window[1:], self.stride, strict=True)):
            # A slice would be guarded by whether it cuts, when this is exported.
            inside = torch.arange((x.shape[2 + k] - h) // s + 1, device=y.device)
            y = y.index_select(k - rank, inside)
        return y


def _require_unpadded(lowered: Lowered) -> None:
    axes = two_windows(lowered, on_map=False).axes
    for node in lowered.steps:
        if any(axis.shared and (axis.a > 0 or axis.b < axis.n) for axis in axes[node]):
            raise InputError(
                f"{layer_name(node)} pads inside the network, so that crops differ from the image "
                'there; pass padding="image", or use slide, which gives what crops give'
            )
