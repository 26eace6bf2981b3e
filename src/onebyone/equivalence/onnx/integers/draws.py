"""How weights become integers: each is a function of its own value, whatever its place."""

from dataclasses import dataclass, field, replace

import numpy as np
import onnx_ir as ir

from onebyone.equivalence.onnx.constants import content

TILE = 1 << 16
"""Elements that are hashed at a time, few enough for the cache."""
MIXING = ((np.uint32(16), np.uint32(0x85EBCA6B)), (np.uint32(13), np.uint32(0xC2B2AE35)))


@dataclass(frozen=True)
class Draw:
    """How weights become integers: by a hash of their value.

    Attributes:
        seed: of the hash.
        folded: whether alpha and beta of a Gemm go into its constants before, or are constants.
        density: what part of the weights stays other than zero.
        kept: whether powers of two stay: single numbers that are one, and the one that bounds a
            tensor, beside its integers. So it does not matter in which constant one is.
    """

    seed: int
    folded: bool
    density: float = 1.0
    kept: bool = False
    _drawn: dict[tuple[str, ir.DataType], np.ndarray] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def constant(self, tensor: ir.TensorProtocol, array: np.ndarray) -> np.ndarray:
        """The integers for a constant's elements: drawn once for all that hold the same."""
        key = content(tensor), tensor.dtype
        if key not in self._drawn:
            self._drawn[key] = self.weights(array)
        return self._drawn[key].reshape(array.shape)

    def weights(self, array: np.ndarray) -> np.ndarray:
        """Integers from -3 to 3 of the same type; zeros stay zeros.

        A single number becomes a power of two up to 32: it may be what keeps a root or a quotient
        real, and tells only where it is not small.
        """
        if self.kept:
            return self._beside_power(array)
        if array.size == 1:
            place = (_hashed(array.reshape(-1), self.seed) >> np.uint32(8)) % np.uint32(6)
            powers = np.exp2(place.astype(np.int64)).reshape(array.shape)
            return np.asarray(np.where(array != 0, powers, 0), array.dtype)
        # What each sixteen bits of a hash stand for: which integer, and whether it is kept.
        bits = np.arange(1 << 16)
        chosen = np.array([-3, -2, -1, 1, 2, 3], np.int8)[(bits >> 8) % 6]
        integers = np.where((bits & 255) < 256 * self.density, chosen, np.int8(0))
        out = np.empty(array.shape, array.dtype)
        flat, rest = out.reshape(-1), np.ascontiguousarray(array).reshape(-1)
        for start in range(0, array.size, TILE):
            tile = rest[start : start + TILE]
            # No index is beyond the table: "clip" is what NumPy need not look at first.
            drawn = integers.take(_hashed(tile, self.seed).astype(np.uint16), mode="clip")
            drawn *= tile != 0
            flat[start : start + TILE] = drawn
        return out

    def _beside_power(self, array: np.ndarray) -> np.ndarray:
        largest = np.abs(np.where(np.isfinite(array), array, 0)).max(initial=0)
        fraction, exponent = np.frexp(largest)
        power = array.dtype.type(np.ldexp(0.5, int(exponent)))  # which the type has
        if array.size == 1 and fraction == 0.5:
            return array
        # What is too large is infinite in both files; what is no number may say so.
        with np.errstate(over="ignore", invalid="ignore"):
            integers = replace(self, kept=False).weights(np.asarray(array / power))
            return np.asarray(integers * power)

    def scale(self, array: np.ndarray) -> np.ndarray:
        """Powers of two, for scales of quantised tensors."""
        hashed = _hashed(np.ascontiguousarray(array).reshape(-1), self.seed)
        powers = (hashed % np.uint32(3)).astype(np.int64).reshape(array.shape)
        return np.asarray(np.exp2(powers), array.dtype)


def _hashed(values: np.ndarray, seed: int) -> np.ndarray:
    """A number for each element that depends on its value and the seed only, not on its type."""
    with np.errstate(over="ignore", invalid="ignore"):
        bits = values.astype(np.float32).view(np.uint32)
        if values.dtype.itemsize > 4:
            # The last bits, which single precision does not hold, where there are any.
            low = values.astype(np.float64).view(np.uint64).astype(np.uint32)
            more = values != values.astype(np.float32)
            bits ^= np.where(more, _mixed(low), np.uint32(0))
    bits ^= np.uint32((seed + 1) * 0x9E3779B9 & 0xFFFFFFFF)
    return _mixed(bits)


def _mixed(bits: np.ndarray) -> np.ndarray:
    for shift, factor in MIXING:
        bits = (bits ^ (bits >> shift)) * factor
    return np.asarray(bits ^ (bits >> np.uint32(16)))
