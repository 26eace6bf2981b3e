"""What a map says of itself, checked: it may come from a stranger, or be damaged."""

from collections.abc import Callable
from typing import Any

from onebyone.errors import printable

Test = Callable[[Any], bool]
_SHOWN = 40
"""Characters of a value that are shown."""


def find_fault(told: dict[str, Any], rank: int) -> str:
    """Say what of that which a map says cannot be; nothing where all can.

    Args:
        told: the map's attributes, as JSON holds them.
        rank: axes of its grid.
    """
    image = told.get("image")
    return _fault(told, _fields(rank)) or _fault(image, _fields_of_image(rank), "image's ")


def short(value: object) -> str:
    """A value in a message: short, without what a terminal would act on."""
    text = printable(str(value))
    return text if len(text) <= _SHOWN else f"{text[:16]}…"


def is_whole(value: object) -> bool:
    """Whether a value is a whole number above 0, of 64 bits; JSON's `true` is none."""
    return type(value) is int and 0 < value < 2**63


def _fields(rank: int) -> dict[str, Test]:
    return {
        "values": _is_text,
        "datasets": lambda value: _many(_is_text)(value) and len(value) > 0,
        "window": _many(is_whole, rank + 1),
        "stride": _many(is_whole, rank),
        "classes": _or_none(_many(_is_text)),
        "image": lambda value: isinstance(value, dict),
    }


def _fields_of_image(rank: int) -> dict[str, Test]:
    return {
        "name": _is_text,
        "size": _many(is_whole, rank),
        "shrink": _many(_is_length, rank),
        "spacing": _or_none(_many(_is_length, rank)),
        "place": _or_none(_is_place),
    }


def _fault(told: Any, fields: dict[str, Test], whose: str = "") -> str:
    for name, fits in fields.items():
        if not fits(told.get(name)):
            return f"its {whose}{name} is {short(told.get(name))}"
    return ""


def _many(test: Test, count: int | None = None) -> Test:
    def fits(value: Any) -> bool:
        right = isinstance(value, list) and count in (None, len(value))
        return right and all(map(test, value))

    return fits


def _or_none(test: Test) -> Test:
    return lambda value: value is None or test(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -(2**63) < value < 2**63  # NaN is not


def _is_length(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_place(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_text(value.get("crs"))
        and _many(_is_number, 6)(value.get("transform"))
    )
