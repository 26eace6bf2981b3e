"""An mlpconv layer taken apart: a convolution, then two 1×1 convolutions, a ReLU after each."""

from collections.abc import Iterator

from torch import nn

from onebyone.layers.listed import is_convolution


def as_mlpconv(module: nn.Module) -> tuple[nn.Module, tuple[nn.Module, ...]] | None:
    """Return an mlpconv layer's first convolution and the two 1×1s, however its steps are nested.

    Source: Lin, Chen and Yan, Network in Network, arXiv:1312.4400, equation 2.
    """
    parts = list(_steps(module))
    layers, bends = parts[::2], parts[1::2]
    if len(parts) != 6 or not all(isinstance(bend, nn.ReLU) for bend in bends):
        return None
    first, *mixing = layers
    pointwise = (
        is_convolution(one)
        and set(one.kernel_size + one.stride + (one.groups,)) == {1}
        and set(one.padding) in ({0}, set("valid"))
        for one in mixing
    )
    return (first, tuple(mixing)) if is_convolution(first) and all(pointwise) else None


def _steps(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the steps of nested `nn.Sequential` one after the other."""
    if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
        for child in module:
            yield from _steps(child)
    else:
        yield module
