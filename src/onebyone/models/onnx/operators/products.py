"""Products of matrices."""

import re
from collections.abc import Sequence
from math import prod

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
    product = _product(equation.replace(" ", ""), inputs)
    return torch.einsum(equation, *inputs) if product is None else product


def _product(equation: str, inputs: Sequence[Tensor]) -> Tensor | None:
    """A sum of products as a product of matrices; None where it is none.

    What PyTorch makes of it is another for a batch of 1, and recorded for none.
    """
    found = re.fullmatch(r"([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)", equation)
    if found is None:
        return None
    a, b, out = found.groups()
    batch, inner = [n for n in out if n in a and n in b], [n for n in a if n in b and n not in out]
    rows, columns = [n for n in out if n not in b], [n for n in out if n not in a]
    orders = [*batch, *rows, *inner], [*batch, *inner, *columns]
    if any(sorted(order) != sorted(names) for order, names in zip(orders, (a, b), strict=True)):
        return None
    sizes = dict(zip(a, inputs[0].shape, strict=True)) | dict(zip(b, inputs[1].shape, strict=True))
    if list(inputs[0].shape) != [sizes[n] for n in a]:
        return None  # one is spread over the other
    kept = [sizes[n] for n in batch]
    left, within, right = (prod(sizes[n] for n in names) for names in (rows, inner, columns))
    product = torch.matmul(
        inputs[0].permute([a.index(n) for n in orders[0]]).reshape([*kept, left, within]),
        inputs[1].permute([b.index(n) for n in orders[1]]).reshape([*kept, within, right]),
    )
    made = [*batch, *rows, *columns]
    return product.reshape([sizes[n] for n in made]).permute([made.index(n) for n in out])


@operator("Det")
def det(x: Tensor) -> Tensor:
    return torch.det(x)
