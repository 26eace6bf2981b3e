"""Closed grammars for plain data that comes from a file.

A rule takes a value as JSON gives it and returns what may be used of it, or raises `Refused`.
Entries of an object that its rule does not name are left out, so nothing passes unseen.
"""

import keyword
import re
from collections.abc import Callable, Mapping
from typing import Any

from onebyone.models.shown import shown

Rule = Callable[[Any], Any]

# What code that torch.fx writes relies on; a value of that name would stand in its place.
_TAKEN = {"self", "torch", "device", "inf", "nan", "NoneType", "fx_pytree", "pytree", "getattr"}
_PART = re.compile(r"[\w-]+(@\d+)?")  # @ where a module is called again


class Refused(ValueError):
    """A value that its grammar has no rule for; the message says which and where."""

    def within(self, place: str) -> "Refused":
        """The same, seen from the value around it."""
        return Refused(f"{place}: {self}")


def record(**fields: Rule) -> Rule:
    """An object with these entries; one whose rule is `optional` may be missing."""

    def rule(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused(f"{shown(value)} is no object")
        found = {}
        for name, inner in fields.items():
            if name in value:
                found[name] = _at(name, inner, value[name])
            elif not getattr(inner, "may_be_missing", False):
                raise Refused(f"has no {name!r}")
        return found

    return rule


def optional(inner: Rule) -> Rule:
    """What an object may lack."""

    def rule(value: Any) -> Any:
        return inner(value)

    rule.may_be_missing = True  # type: ignore[attr-defined]
    return rule


def union(**cases: Rule) -> Rule:
    """An object of one entry, whose name is one of these."""

    def rule(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) != 1:
            raise Refused(f"{shown(value)} is no object of one entry")
        ((kind, content),) = value.items()
        if kind not in cases:
            raise Refused(f"{shown(kind)} is none of {', '.join(cases)}")
        return {kind: _at(kind, cases[kind], content)}

    return rule


def tagged(tag: str, cases: Mapping[str, Rule]) -> Rule:
    """An object whose entry `tag` says which of these it is."""

    def rule(value: Any) -> Any:
        kind = value.get(tag) if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in cases:
            raise Refused(f"{tag} {shown(kind)} is none of {', '.join(cases)}")
        return cases[kind](value)

    return rule


def listed(inner: Rule, most: int = 100_000) -> Rule:
    """A list of one kind."""

    def rule(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Refused(f"{shown(value)} is no list")
        if len(value) > most:
            raise Refused(f"has {len(value)} entries, more than {most}")
        return [_at(str(place), inner, item) for place, item in enumerate(value)]

    return rule


def nested(inner: Rule, depth: int = 4) -> Rule:
    """What is no list and has this rule, or a list of such, and of lists, to some depth."""
    deeper = listed(nested(inner, depth - 1)) if depth else inner

    def rule(value: Any) -> Any:
        return deeper(value) if isinstance(value, list) else inner(value)

    return rule


def mapping(key: Rule, inner: Rule) -> Rule:
    """An object with names of one kind and values of one kind."""

    def rule(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused(f"{shown(value)} is no object")
        return {key(name): _at(shown(name), inner, item) for name, item in value.items()}

    return rule


def maybe(inner: Rule) -> Rule:
    """A value or nothing."""

    def rule(value: Any) -> Any:
        return None if value is None else inner(value)

    return rule


def plain(accepts: Callable[[Any], object], wrong: str) -> Rule:
    """A value that `accepts` says yes to; `wrong` is what others are."""

    def rule(value: Any) -> Any:
        if not accepts(value):
            raise Refused(f"{shown(value)} {wrong}")
        return value

    return rule


def one_of(*values: str | int) -> Rule:
    """One of some constants, of the same type."""
    known = {(type(value), value) for value in values}
    return plain(
        lambda value: isinstance(value, str | int) and (type(value), value) in known,
        f"is none of {', '.join(map(str, values))}",
    )


def integer(low: int = -(2**63), high: int = 2**63 - 1) -> Rule:
    """A whole number from `low` to `high`, at most those of 64 bits."""
    wrong = f"is no whole number from {low} to {high}"
    return plain(lambda value: type(value) is int and low <= value <= high, wrong)


def string(accepts: Callable[[str], object], wrong: str, longest: int = 10_000) -> Rule:
    """A string that `accepts` says yes to."""
    return plain(
        lambda value: isinstance(value, str) and len(value) <= longest and accepts(value), wrong
    )


def text(pattern: str) -> Rule:
    """A string that matches wholly."""
    return string(re.compile(pattern).fullmatch, f"is not of the form {pattern}")


boolean = plain(lambda value: type(value) is bool, "is neither true nor false")

number = plain(
    lambda value: type(value) in (int, float) or value in ("Infinity", "-Infinity", "NaN"),
    "is no number",
)
"""A number, or the words for infinite ones."""

name = string(
    lambda value: value.isidentifier() and not keyword.iskeyword(value) and value not in _TAKEN,
    "cannot be the name of a value",
)
"""An identifier of Python that may stand for a value in generated code."""

path = string(
    lambda value: not value or all(map(_PART.fullmatch, value.split("."))),
    "is no path of a module",
)
"""The path of a module or tensor, maybe empty: parts of letters, digits, _ and -."""


def _at(place: str, rule: Rule, value: Any) -> Any:
    try:
        return rule(value)
    except Refused as refusal:
        raise refusal.within(place) from None
