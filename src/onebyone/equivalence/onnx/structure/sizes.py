"""Sizes of axes: whole numbers, symbols, and sums and products of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce


@dataclass(frozen=True, repr=False)
class Size:
    """A polynomial with whole factors in symbols that stand for unknown sizes.

    Attributes:
        terms: symbols, of which one that appears twice counts twice, and the factor other than zero
            that their product has; sorted, of the lowest degree first.
    """

    terms: tuple[tuple[tuple[str, ...], int], ...] = ()

    @staticmethod
    def of(value: "int | str | Size") -> "Size":
        """A size from a number or the name of a symbol."""
        if isinstance(value, Size):
            return value
        if isinstance(value, str):
            return Size((((value,), 1),))
        return Size((((), int(value)),)) if value else Size()

    def __add__(self, other: "Size | int") -> "Size":
        return _collected((*self.terms, *Size.of(other).terms))

    def __mul__(self, other: "Size | int") -> "Size":
        products = [
            (tuple(sorted(s + t)) if s and t else s or t, m * n)
            for s, m in self.terms
            for t, n in Size.of(other).terms
        ]
        return _collected(products) if len(products) > 1 else Size(tuple(products))

    def over(self, other: "Size") -> "Size | None":
        """The exact quotient, or None where there is none for every value of the symbols."""
        if other == ONE:
            return self
        if not other.terms:
            return None
        divisor, factor = other.terms[-1]
        quotient, rest = Size(), self
        while rest.terms:
            leading, number = rest.terms[-1]
            left = Counter(leading)
            left.subtract(divisor)
            if number % factor or min(left.values(), default=0) < 0:
                return None
            step = Size(((tuple(sorted(left.elements())), number // factor),))
            quotient, rest = quotient + step, rest + step * other * -1
        return quotient

    def floored(self, divisor: int) -> "Size":
        """The quotient by a number, rounded down."""
        whole = _collected((s, n // divisor) for s, n in self.terms)
        rest = _collected((s, n % divisor) for s, n in self.terms)
        return whole + (0 if rest.known is not None else Size.of(f"⌊({rest})/{divisor}⌋"))

    @property
    def known(self) -> int | None:
        """The number where there are no symbols."""
        if not self.terms:
            return 0
        ((symbols, number),) = self.terms[:1]
        return number if len(self.terms) == 1 and not symbols else None

    def __str__(self) -> str:
        products = [
            "·".join([*([str(number)] if number != 1 or not symbols else []), *symbols])
            for symbols, number in self.terms
        ]
        return " + ".join(reversed(products)) or "0"

    __repr__ = __str__


def _collected(terms: Iterable[tuple[tuple[str, ...], int]]) -> Size:
    """The sum of products of symbols with factors."""
    factors: Counter[tuple[str, ...]] = Counter()
    for symbols, number in terms:
        factors[symbols] += number
    kept = [(symbols, number) for symbols, number in factors.items() if number]
    return Size(tuple(sorted(kept, key=lambda term: (len(term[0]), term[0]))))


ONE = Size.of(1)


def product(sizes: Iterable[Size]) -> Size:
    """The product of all sizes, 1 for none."""
    return reduce(Size.__mul__, sizes, ONE)
