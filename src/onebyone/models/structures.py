"""How a program's inputs and outputs are put together: a tree as JSON, itself in a string.

torch imports what its contexts name, and the keys of inputs stand in generated code, within quotes.
So a tree is of tuples, lists and dicts, and keys are plain words or whole numbers.
"""

import json
from typing import Any

from onebyone.models.grammar import Refused, integer, listed, maybe, one_of, record, text
from onebyone.models.shown import shown

_DICTS = ("builtins.dict", "collections.OrderedDict")
_CONTAINER = one_of("builtins.tuple", "builtins.list", *_DICTS)
_WORD, _WHOLE, _PROTOCOL = text(r"[\w .:/@+-]*"), integer(), integer(1, 1)
_DEEPEST = 64


def structure(value: Any) -> str:
    """Let a tree through, written anew."""
    try:
        protocol, tree = json.loads(value)
    except (TypeError, ValueError, RecursionError):
        raise Refused(f"{shown(value)} is no structure") from None
    return json.dumps([_PROTOCOL(protocol), _branch(tree, 0)])


def _branch(value: Any, depth: int) -> dict[str, Any]:
    if depth > _DEEPEST:
        raise Refused("is nested too deeply")
    found = _BRANCH(value)
    kind, context, children = found["type"], found["context"], found["children_spec"]
    if kind is None and (children or context is not None):
        raise Refused("a leaf has neither context nor children")
    if kind in _DICTS:
        context = json.dumps(_keys(context, len(children)))
    elif kind is not None:
        context = "null"  # tuples and lists have none
    children = [_branch(child, depth + 1) for child in children]
    return {"type": kind, "context": context, "children_spec": children}


def _keys(context: str | None, count: int) -> list[str | int]:
    try:
        keys = json.loads(context or "")
    except (ValueError, RecursionError):
        raise Refused(f"{shown(context)} are no keys") from None
    found: list[str | int] = _KEYS(keys)
    if len(found) != count:
        raise Refused(f"{len(found)} keys for {count} entries")
    return found


def _key(value: Any) -> str | int:
    return _WHOLE(value) if type(value) is int else _WORD(value)  # type: ignore[no-any-return]


def _anything(value: Any) -> Any:
    return value


_KEYS = listed(_key)
_BRANCH = record(
    type=maybe(_CONTAINER), context=maybe(text("(?s).*")), children_spec=listed(_anything)
)
