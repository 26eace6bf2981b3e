"""Products of matrices."""

import torch
from torch import Tensor
from torch.nn import functional

from onebyone.models.onnx.table import operator


@operator("MatMul")
def matmul(a: Tensor, b: Tensor) -> Tensor:
    return torch.matmul(a, b)


@operator("Gemm")
def gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Tensor:
    a, weight = a.t() if transA else a, b if transB else b.t()
    if not a.is_floating_point():
        product = torch.matmul(a, weight.t())
    else:
        product = functional.linear(a, weight)
    product = product if alpha == 1 else alpha * product
    return product if c is None else product + (c if beta == 1 else beta * c)


@operator("Einsum")
def einsum(*inputs: Tensor, equation: str) -> Tensor:
    return torch.einsum(equation, *inputs)


@operator("Det")
def det(x: Tensor) -> Tensor:
    return torch.det(x)
