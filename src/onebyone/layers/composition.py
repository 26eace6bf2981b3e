"""Layers in a row as one matrix: in float64, and in whole numbers where float64 cannot say.

An affine map is kept as the matrix [[M, bias], [0, 1]], so that biases are one more column.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cache

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import block_array, csc_array, csr_array

from onebyone.errors import InputError
from onebyone.layers.entries import entries, require_room
from onebyone.layers.kinds import Form
from onebyone.layers.values import MOST, as_numpy, biases, require_finite

DIGITS = 53
EPSILON = 2.0**-52
LEAST = 2.0**-1022
"""The smallest number with all digits."""
TOLERANCE = 2.0**-26
"""The error of a number, as a share of it, from which on it is computed exactly."""
MOST_PRODUCTS = 2**21
"""Products of whole numbers: some seconds."""


def affine(form: Form) -> csr_array:
    """Return [[M, bias], [0, 1]] of a form in float64."""
    require_finite(form)
    geometry = form.geometry
    require_room(geometry, 8, "give a smaller input")
    stored = entries(geometry)
    values = stored.values(as_numpy(form.weight)).astype(np.float64)
    shape = math.prod(geometry.output), math.prod(geometry.input)
    weight = csr_array((values, stored.indices, stored.indptr), shape=shape)
    return _with_bias(weight, biases(form).ravel())


def selection(columns: Int[np.ndarray, " outputs"], inputs: int) -> csr_array:
    """Return the map whose output o is input `columns[o]`."""
    count = len(columns)
    ones = csr_array((np.ones(count), columns, np.arange(count + 1)), shape=(count, inputs))
    return _with_bias(ones, np.zeros(count))


def composed(
    maps: Sequence[csr_array],
) -> tuple[Float[np.ndarray, "outputs inputs"], Float[np.ndarray, " outputs"]]:
    """Return matrix and bias of maps in a row, the first of them first.

    Every number is within 2⁻²⁶ of itself: where the terms of one are so much larger than their sum
    that float64 cannot say as much, its column is computed in whole numbers.

    Raises:
        InputError: there are too many of those, or a number is beyond float64.
    """
    whole = maps[0]
    for one in maps[1:]:
        whole = one @ whole
    product = whole.toarray()
    doubtful = np.flatnonzero(_doubtful(maps, product).any(axis=0))
    if len(doubtful):
        product[:, doubtful] = _exactly(maps, doubtful.tolist(), len(product))
    return product[:-1, :-1], product[:-1, -1]


def _with_bias(weight: csr_array, bias: Float[np.ndarray, " outputs"]) -> csr_array:
    one = csr_array(np.ones((1, 1)))
    return csr_array(block_array([[weight, csr_array(bias[:, None])], [None, one]], format="csr"))


def _doubtful(
    maps: Sequence[csr_array], product: Float[np.ndarray, "rows columns"]
) -> Bool[np.ndarray, "rows columns"]:
    """Return the numbers whose error may be more than TOLERANCE of them."""
    sizes, reached = abs(maps[0]), maps[0] != 0
    terms = 0
    for one in maps[1:]:
        sizes, reached = abs(one) @ sizes, (one != 0) @ reached
        terms += int(np.diff(one.indptr).max()) + 1
    error = terms * (EPSILON * sizes.toarray() + LEAST)
    known = (error <= TOLERANCE * np.abs(product)) & np.isfinite(error)
    return ~known & reached.toarray() if terms else np.zeros_like(known)


def _exactly(
    maps: Sequence[csr_array], columns: Sequence[int], rows: int
) -> Float[np.ndarray, "rows some"]:
    """Return columns of the product, each number rounded once."""
    whole = [_WholeNumbers(one) for one in maps]
    unit = sum(one.exponent for one in whole)
    found = np.zeros((rows, len(columns)))
    left = MOST_PRODUCTS
    for place, column in enumerate(columns):
        values = {column: 1}
        for one in whole:
            after: dict[int, int] = {}
            for index, value in values.items():
                entries_of = one.column(index)
                left -= len(entries_of)
                if left < 0:
                    raise InputError(
                        f"layer: {len(columns):,} columns of its matrix have numbers that float64 "
                        "cannot tell from rounding; give its parts one by one"
                    )
                for row, factor in entries_of:
                    after[row] = after.get(row, 0) + factor * value
            values = after
        for row, value in values.items():
            found[row, place] = _float(value, unit)
    return found


class _WholeNumbers:
    """A matrix of whole numbers n, each standing for n·2ᵉ of one `exponent` e."""

    def __init__(self, matrix: csr_array) -> None:
        self.table = csc_array(matrix)
        self.table.eliminate_zeros()
        self.mantissas, self.exponents = np.frexp(self.table.data)
        self.exponent = int(self.exponents.min(initial=0)) - DIGITS
        self.column = cache(self._column)

    def _column(self, index: int) -> list[tuple[int, int]]:
        """Return row and n of each entry of a column."""
        part = slice(*self.table.indptr[index : index + 2].tolist())
        numbers = np.ldexp(self.mantissas[part], DIGITS).tolist()
        shifts = (self.exponents[part] - DIGITS - self.exponent).tolist()
        rows = self.table.indices[part].tolist()
        return [
            (row, int(number) << shift)
            for row, number, shift in zip(rows, numbers, shifts, strict=True)
        ]


def _float(number: int, exponent: int) -> float:
    """Return number·2ᵉ, rounded once."""
    exact = Fraction(number) * Fraction(2) ** exponent
    if not LEAST <= abs(exact) <= MOST and exact:
        raise InputError(
            f"layer: its matrix has a number of about 2^{number.bit_length() + exponent}, beyond "
            "float64; give weights nearer to 1"
        )
    return float(exact)
