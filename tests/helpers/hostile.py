"""What a stranger may put into a file: code at every string, and values of other kinds."""

import copy
import random
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

# In a string that is evaluated, that is a name in a signature, that stands within quotes, or whose
# lines become lines of code.
_FORMS = (
    "{code}",
    "x={code}",
    "x\\n    {code}\\n    y",
    'x" + str({code}) + "',
    "x' + str({code}) + '",
    "x; {code}",
    "x.y.{code}",
)
_VALUES = (
    None, True, False, 0, 1, -1, 3, 7, 2**31, 2**63, -(2**63), 10**30, 0.5, 1e308, "NaN", "", "x",
    "0", "self", "class", "__class__", "weight", "builtins.eval", "é", "a.b", "\x00",
    [], {}, [0], [[]], {"as_int": 4}, {"as_none": True}, {"as_tensor": {"name": "x"}}, {"node": 0},
    {"x": 1},
)  # fmt: skip
Place = tuple[str | int, ...]


def payloads(marker: Path) -> list[str]:
    """Strings that would make a file where Python runs them."""
    code = f"__import__('pathlib').Path({str(marker)!r}).touch()"
    return [form.replace("\\n", "\n").format(code=code) for form in _FORMS]


def places(data: Any, at: Place = ()) -> Iterator[Place]:
    """Every place in plain data."""
    yield at
    if isinstance(data, dict):
        for key, item in data.items():
            yield from places(item, (*at, key))
    elif isinstance(data, list):
        for number, item in enumerate(data):
            yield from places(item, (*at, number))


def kinds_of_places(data: Any) -> list[Place]:
    """One place of each kind: entries of lists count as one."""
    found: dict[Any, Place] = {}
    for place in places(data):
        key = tuple("[]" if isinstance(step, int) else step for step in place)
        found.setdefault(key, place)
    return list(found.values())


def get(data: Any, place: Place) -> Any:
    """What lies at a place."""
    for step in place:
        data = data[step]
    return data


def changed(data: Any, place: Place, value: Any) -> Any:
    """The same with another value at a place."""
    if not place:
        return value
    result = copy.deepcopy(data)
    get(result, place[:-1])[place[-1]] = value
    return result


def renamed(data: Any, place: Place, name: str) -> Any:
    """The same with another key at a place, which is one of an object."""
    result = copy.deepcopy(data)
    inside = get(result, place[:-1])
    entries = [(name if key == place[-1] else key, item) for key, item in inside.items()]
    inside.clear()
    inside.update(entries)
    return result


def with_code(data: Any, texts: list[str], where: list[Place]) -> Iterator[Any]:
    """The data with a text, by turns, at each of some places of a string, a key or nothing."""
    turns = cycle(texts)
    for place in where:
        if isinstance(get(data, place), str):
            yield changed(data, place, next(turns))
        if place and isinstance(get(data, place[:-1]), dict):
            yield renamed(data, place, next(turns))
        if get(data, place) in ([], {}):
            yield changed(data, place, type(get(data, place))({next(turns): 1}))


def mutated(data: Any, draw: random.Random) -> Any:
    """The data with one to three entries removed, replaced, doubled or exchanged."""
    for _ in range(draw.randint(1, 3)):
        found = list(places(data))
        place = draw.choice(found)
        kind = draw.choice(("value", "value", "splice", "remove", "rename", "deep", "number"))
        old = get(data, place)
        if kind == "splice":
            data = changed(data, place, copy.deepcopy(get(data, draw.choice(found))))
        elif kind == "remove" and place:
            data = copy.deepcopy(data)
            del get(data, place[:-1])[place[-1]]
        elif kind == "rename" and place and isinstance(get(data, place[:-1]), dict):
            data = renamed(data, place, draw.choice(("x", "", "kwargs", "name", "self")))
        elif kind == "deep":
            data = changed(data, place, _nested(draw.choice((3, 100))))
        elif kind == "number" and type(old) in (int, float):
            data = changed(data, place, draw.choice((old + 1, -old, old * 2, old + 0.5)))
        else:
            data = changed(data, place, draw.choice(_VALUES))
    return data


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def damaged(content: bytes, draw: random.Random) -> bytes:
    """Bytes that are cut off, have bits flipped, or parts of themselves elsewhere."""
    kind = draw.choice(("cut", "flip", "flip", "splice"))
    start = draw.randrange(len(content))
    if kind == "cut":
        return content[:start]
    result = bytearray(content)
    if kind == "flip":
        for _ in range(draw.randint(1, 4)):
            result[draw.randrange(len(result))] ^= 1 << draw.randrange(8)
        return bytes(result)
    length, other = draw.randint(1, 200), draw.randrange(len(content))
    result[start : start + length] = content[other : other + length]
    return bytes(result)
