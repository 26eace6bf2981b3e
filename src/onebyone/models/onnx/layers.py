"""Nodes of an ONNX file that are layers of PyTorch: convolutions, and products with weights."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

_CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def layer_of(
    name: str, attributes: Mapping[str, Any], inputs: Sequence[Tensor | None]
) -> nn.Module | None:
    """The layer that a node is, with its constants as parameters; None where it is none.

    Args:
        name: of the operator.
        attributes: of the node.
        inputs: constants; None in the places of what is computed, or left out.
    """
    if len(inputs) < 2 or inputs[0] is not None:
        return None
    weight, bias = inputs[1], inputs[2] if len(inputs) > 2 else None
    if weight is None or not weight.is_floating_point():
        return None
    if name == "Conv":
        return _convolution(weight, bias, **attributes)
    if name == "MatMul" and weight.ndim == 2:
        return _linear(weight.t(), None)
    if name == "Gemm":
        return _product(weight, bias, **attributes)
    return None


def _convolution(
    weight: Tensor,
    bias: Tensor | None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] = (1,),
    group: int = 1,
    kernel_shape: Sequence[int] = (),  # noqa: ARG001 - the weight has it
    pads: Sequence[int] = (0, 0),
    strides: Sequence[int] = (1,),
) -> nn.Module | None:
    rank = weight.ndim - 2
    half = len(pads) // 2
    kind = _CONVOLUTIONS.get(rank)
    if kind is None or auto_pad not in ("NOTSET", "VALID") or pads[:half] != pads[half:]:
        return None
    if auto_pad == "VALID":
        pads = (0,)
    sizes: dict[str, Any] = {
        name: tuple(given) * (rank if len(given) == 1 else 1)
        for name, given in (
            ("stride", strides),
            ("padding", pads[:half] or (0,)),
            ("dilation", dilations),
        )
    }
    layer: nn.Module = kind(
        weight.shape[1] * group,
        weight.shape[0],
        tuple(weight.shape[2:]),  # type: ignore[arg-type]  # of each axis
        groups=group,
        bias=bias is not None,
        device="meta",
        **sizes,
    )
    return _with(layer, weight, bias)


def _product(
    weight: Tensor,
    bias: Tensor | None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,  # noqa: N803 - as ONNX has it
    transB: int = 0,  # noqa: N803
) -> nn.Module | None:
    if transA or alpha != 1 or (bias is not None and beta != 1):
        return None
    weight = weight if transB else weight.t()
    if bias is not None and bias.shape not in (weight.shape[:1], (1, *weight.shape[:1])):
        return None
    return _linear(weight, None if bias is None else bias.reshape(-1))


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Module:
    return _with(nn.Linear(*weight.shape[::-1], bias=bias is not None, device="meta"), weight, bias)


def _with(layer: nn.Module, weight: Tensor, bias: Tensor | None) -> nn.Module:
    """A layer with these weights, which are not copied."""
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None:
            stored = value if isinstance(value, nn.Parameter) else nn.Parameter(value.detach())
            layer.register_parameter(name, stored)
    return layer.eval()


def with_bias(layer: nn.Module, bias: Tensor, rank: int) -> bool:
    """Add to a product with weights the constant that is added to its results.

    Files have the two apart, where their networks had one layer: a constant at each place of a
    flattened window could not be shared, a layer's bias is.

    Args:
        layer: of a node that nothing but the addition reads.
        bias: what is added.
        rank: of the layer's results.

    Returns:
        Whether it is a bias.
    """
    if not isinstance(layer, nn.Linear) or layer.bias is not None or bias.ndim > rank:
        return False
    if bias.shape[-1:] != layer.weight.shape[:1] or bias.numel() != layer.out_features:
        return False
    if bias.dtype != layer.weight.dtype:
        return False
    _with(layer, layer.weight, bias.reshape(-1))
    return True
