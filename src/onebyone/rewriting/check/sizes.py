"""Sizes of axes: whole numbers, symbols, and products of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from onebyone.errors import InputError


class Undecided(InputError):
    """Something that the structure check cannot follow; says what and where."""


@dataclass(frozen=True)
class Size:
    """A product of one whole number and symbols that stand for unknown sizes.

    Attributes:
        number: the known factor.
        symbols: the unknown factors, sorted; one that appears twice counts twice.
    """

    number: int
    symbols: tuple[str, ...] = ()

    @staticmethod
    def of(value: "int | str | Size") -> "Size":
        """A size from a number or the name of a symbol."""
        if isinstance(value, Size):
            return value
        return Size(value) if isinstance(value, int) else Size(1, (value,))

    def __mul__(self, other: "Size") -> "Size":
        return Size(self.number * other.number, tuple(sorted(self.symbols + other.symbols)))

    def over(self, other: "Size") -> "Size | None":
        """The exact quotient, or None where there is none for every value of the symbols."""
        left = list(self.symbols)
        for symbol in other.symbols:
            if symbol not in left:
                return None
            left.remove(symbol)
        if other.number == 0 or self.number % other.number:
            return None
        return Size(self.number // other.number, tuple(left))

    @property
    def known(self) -> int | None:
        """The number where there are no symbols."""
        return None if self.symbols else self.number

    def __str__(self) -> str:
        factors = [*([str(self.number)] if self.number != 1 or not self.symbols else [])]
        return "·".join([*factors, *self.symbols])


ONE = Size(1)


def product(sizes: Iterable[Size]) -> Size:
    """The product of all sizes, 1 for none."""
    sizes = list(sizes)
    symbols = sorted(symbol for size in sizes for symbol in size.symbols)
    return Size(prod(size.number for size in sizes), tuple(symbols))


def derived(text: str, value: int | None) -> Size:
    """A size that arithmetic other than products gives: its value, or a symbol for the formula."""
    return Size.of(text) if value is None else Size(value)
