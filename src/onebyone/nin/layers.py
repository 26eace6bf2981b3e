"""The layers of Network in Network: small networks shared by all positions, in equal forms."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from onebyone.errors import InputError


class _AsLinear(nn.Conv2d):
    """A convolution computed as one fully connected layer on the window of every position."""

    padding: tuple[int, ...]

    def forward(self, input: Float[Tensor, "B C H W"]) -> Float[Tensor, "B O h w"]:
        windows = functional.unfold(
            input, self.kernel_size, padding=self.padding, stride=self.stride
        )
        outputs = self._connect(windows.permute(2, 0, 1)).permute(1, 2, 0)
        return outputs.reshape(*outputs.shape[:2], *self._grid(input))

    def _connect(
        self, windows: Float[Tensor, "position B window"]
    ) -> Float[Tensor, "position B O"]:
        return functional.linear(windows, self.weight.flatten(1), self.bias)

    def _grid(self, x: Tensor) -> list[int]:
        geometry = zip(x.shape[2:], self.kernel_size, self.padding, self.stride, strict=True)
        return [(size + 2 * pad - kernel) // step + 1 for size, kernel, pad, step in geometry]


class _PerLocation(_AsLinear):
    """A convolution computed as a fully connected layer per position, all with the same weights."""

    def _connect(
        self, windows: Float[Tensor, "position B window"]
    ) -> Float[Tensor, "position B O"]:
        # Each position has a view of its own; autograd adds their gradients (S12).
        weights = self.weight.flatten(1).T.expand(len(windows), -1, -1)
        products = torch.bmm(windows, weights)
        return products if self.bias is None else products + self.bias


FORMS: dict[str, type[nn.Conv2d]] = {
    "convolution": nn.Conv2d,
    "linear": _AsLinear,
    "per_location": _PerLocation,
}
"""How a layer whose weights all positions share may be computed; its parameters are the same."""


def _shared(form: str) -> type[nn.Conv2d]:
    if form not in FORMS:
        raise InputError(f"form = {form!r}: give one of {', '.join(FORMS)}.")
    return FORMS[form]


class CrossChannelPooling(nn.Sequential):
    """A 1×1 convolution and a ReLU: one fully connected layer shared by all positions (S2).

    Takes [B, in_channels, H, W] and gives [B, out_channels, H, W].

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        form: How it is computed, one of `FORMS`.

    Raises:
        InputError: There is no such form.

    Source: cascaded cross channel parametric pooling, arXiv:1312.4400, section 3.1.

    Example:
        >>> pooling = ob.nin.CrossChannelPooling(3, 2)
        >>> list(pooling)
        [Conv2d(3, 2, kernel_size=(1, 1), stride=(1, 1)), ReLU()]
        >>> pooling(torch.rand(1, 3, 4, 4)).shape
        torch.Size([1, 2, 4, 4])
    """

    def __init__(self, in_channels: int, out_channels: int, form: str = "convolution") -> None:
        super().__init__(_shared(form)(in_channels, out_channels, kernel_size=1), nn.ReLU())


class MLPConv(nn.Sequential):
    """A convolution whose filter is a small multilayer perceptron: convolution, ReLU, then 1×1s.

    Takes [B, in_channels, H, W] and gives [B, widths[-1], H', W'], where H' and W' are those of
    the k×k convolution.

    Args:
        in_channels: Channels of the input.
        widths: Channels after the k×k convolution and after each 1×1 layer.
        kernel: Side of the convolution, in pixels.
        padding: Zeros on each side, in pixels.
        stride: Step of the convolution, in pixels.
        form: How its layers are computed: "convolution"; "linear", one fully connected layer on
            the windows of all positions; "per_location", a fully connected layer for each
            position. State dicts, outputs and gradients are the same up to rounding (S2, S12).

    Raises:
        InputError: There is no such form.

    Source: arXiv:1312.4400, equation 2.

    Example:
        >>> layer = ob.nin.MLPConv(3, widths=(16, 8, 8), kernel=5)
        >>> same = ob.nin.MLPConv(3, widths=(16, 8, 8), kernel=5, form="per_location")
        >>> _ = same.load_state_dict(layer.state_dict())
        >>> x = torch.rand(2, 3, 12, 12)
        >>> torch.allclose(layer(x), same(x), atol=1e-6), layer(x).shape
        (True, torch.Size([2, 8, 8, 8]))
    """

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int],
        kernel: int,
        padding: int = 0,
        stride: int = 1,
        form: str = "convolution",
    ) -> None:
        super().__init__(
            _shared(form)(in_channels, widths[0], kernel, stride=stride, padding=padding),
            nn.ReLU(),
            *(CrossChannelPooling(before, after, form) for before, after in pairwise(widths)),
        )
