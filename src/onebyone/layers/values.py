"""A layer's numbers in NumPy: their arrays, whether they are finite, and their norms."""

import numpy as np
from jaxtyping import Float, Num, Shaped
from torch import Tensor

from onebyone.errors import InputError
from onebyone.layers.kinds import Form

MOST = 1e300
"""The largest number whose sums and differences are taken: those of more would overflow."""


def as_numpy(tensor: Tensor) -> Num[np.ndarray, "..."]:
    """Return a tensor's values, without a copy but for low precisions, which become float32."""
    tensor = tensor.detach().cpu()
    return np.asarray(tensor.numpy() if tensor.dtype.itemsize >= 4 else tensor.float().numpy())


def biases(form: Form) -> Float[np.ndarray, "..."]:
    """Return the bias of every output [O, *space'] in float64; zeros where there are none."""
    given = np.zeros(1) if form.bias is None else as_numpy(form.bias).astype(np.float64)
    return np.broadcast_to(given, form.geometry.output)


def require_finite(form: Form) -> None:
    """Refuse weights and biases that are NaN, infinite, or beyond MOST."""
    for name, tensor in (("weight", form.weight), ("bias", form.bias)):
        if tensor is None:
            continue
        if not np.isfinite(as_numpy(tensor)).all():
            raise InputError(f"{name} of {form.geometry} has NaN or infinite values: give finite")
        if tensor.itemsize == 8 and bool((tensor.abs() > MOST).any()):
            raise InputError(
                f"{name} of {form.geometry} has {float(tensor.abs().max()):.3g}, beyond {MOST:g}: "
                "give smaller numbers, whose sums float64 can hold"
            )


def scaled(values: Num[np.ndarray, "*shape"]) -> tuple[Float[np.ndarray, "*shape"], int]:
    """Return values·2⁻ᵉ, all up to 1, and e: squares of those neither overflow nor vanish."""
    exact = values.astype(np.float64)
    exponent = int(np.frexp(np.abs(exact).max(initial=0.0))[1])
    return np.ldexp(exact, -exponent), exponent


def norm(values: Num[np.ndarray, "..."], uses: int | Shaped[np.ndarray, "..."] = 1) -> float:
    """Return the root of the sum of squares, each counted as often as it is used."""
    each, exponent = scaled(values)
    return float(np.ldexp(np.sqrt((np.square(each) * uses).sum()), exponent))
