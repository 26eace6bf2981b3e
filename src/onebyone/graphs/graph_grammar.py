"""What the data of a captured network may hold: see `storing`, which writes it and reads it."""

from typing import Any

import torch

from onebyone.models.grammar import (
    Refused,
    Rule,
    integer,
    listed,
    mapping,
    maybe,
    name,
    nested,
    number,
    one_of,
    path,
    record,
    shown,
    tagged,
    text,
    union,
)
from onebyone.models.operators import operator_name

KINDS: dict[str, dict[str, Any]] = {
    kind: {key: value for key, value in vars(torch).items() if isinstance(value, cls)}
    for kind, cls in {
        "dtype": torch.dtype,
        "layout": torch.layout,
        "memory_format": torch.memory_format,
    }.items()
}
"""PyTorch's constants of each kind by name."""

MOST_NUMBERS = 2**16
"""In one constant: tables and masks, but no weights."""


_WORD, _WHOLE, _LENGTH, _LEAF = text(r"[\w ,.>+-]*"), integer(), integer(0, 2**40), integer(0)
_DEVICE = text(r"[a-z]+(:\d+)?")
_TYPE = {"dtype": one_of(*KINDS["dtype"]), "device": _DEVICE}
_REFERENCE = union(
    node=integer(0), device=_DEVICE, **{kind: one_of(*known) for kind, known in KINDS.items()}
)


def _plain(value: Any) -> Any:
    """An argument that is no list."""
    if value is None or isinstance(value, bool):
        return value
    kinds: dict[type, Rule] = {str: _WORD, dict: _REFERENCE, int: _WHOLE}
    rule: Rule = kinds.get(type(value), number)
    return rule(value)


def _size(value: Any) -> list[int]:
    """A size a·N + b for a batch of N as [a, b]."""
    if not isinstance(value, list) or len(value) != 2:
        raise Refused(f"{shown(value)} is no size")
    return [_LENGTH(value[0]), _WHOLE(value[1])]


def _number(value: Any) -> Any:
    return value if isinstance(value, bool) else number(value)


def _output(value: Any) -> Any:
    """Leaves' numbers in dicts, and in lists that begin with their type."""
    if isinstance(value, dict):
        return _ENTRIES(value)
    if not isinstance(value, list):
        return _LEAF(value)
    return [_SEQUENCE(value[0] if value else None), *map(_output, value[1:])]


_ENTRIES, _SEQUENCE = mapping(text("(?s).*"), _output), one_of("list", "tuple")
_NUMBER, _TENSOR = record(size=_size), record(shape=listed(_size, 64), **_TYPE)


def _noted(value: Any) -> Any:
    """What was recorded of a value that is no list."""
    rule = _NUMBER if isinstance(value, dict) and "size" in value else _TENSOR
    return rule(value)


def _node(target: Rule) -> Rule:
    return record(
        op=text(".*"),
        name=name,
        target=target,
        args=listed(nested(_plain)),
        kwargs=mapping(name, nested(_plain)),
        value=nested(maybe(_noted)),
        layer=maybe(path),
    )


CAPTURED = record(
    nodes=listed(
        tagged(
            "op",
            {
                "placeholder": _node(name),
                "get_attr": _node(text(r"(model|constants)\.[\w.-]+")),
                "call_function": _node(operator_name),
            },
        )
    ),
    results=listed(_plain),
    output=_output,
    constants=mapping(
        name,
        record(numbers=listed(_number, MOST_NUMBERS), shape=listed(_LENGTH, 64), **_TYPE),
    ),
)
"""A captured network."""
