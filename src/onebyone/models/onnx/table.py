"""The table of ONNX's operators: for each, and each range of operator sets, one short function.

A function takes an operator's inputs in their order and its attributes by their names. What it says
of a parameter's type is what it gets: a `Tensor` is computed with; `Ints`, `float` and `Array` are
numbers that must be known beside the image, as the sizes of a reshape are. A `Tensor | float` (or
`int`) is a number where that is constant and has no axes, a `Tensor | range` where it is constant
and evenly spaced; a tensor else.
"""

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from onebyone.models.onnx.nodes import STANDARD

Ints = tuple[int, ...]
Array = np.ndarray
Function = TypeVar("Function", bound=Callable[..., Any])

_TABLE: dict[tuple[str, str], list["Operator"]] = {}


@dataclass(frozen=True)
class Operator:
    """A function for an operator from one version of ONNX's operators on.

    Attributes:
        name: ONNX's.
        since: the first version of ONNX's operator set that it serves.
        function: takes inputs, None where one is left out, and attributes as keywords; `outputs`,
            where it asks for that, is how many results are used.
        domain: of the operator; ONNX's own is "".
    """

    name: str
    since: int
    function: Callable[..., Any]
    domain: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        """By its place in the table: functions that were made in others have no names."""
        return find, (self.name, self.since, self.domain)

    @cached_property
    def inputs(self) -> list[inspect.Parameter]:
        """The parameters that inputs go to; the last one may take any number."""
        return [p for p in self._parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The names of the attributes that it takes."""
        keywords = (p for p in self._parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)
        return frozenset(p.name for p in keywords)

    @property
    def _parameters(self) -> list[inspect.Parameter]:
        return list(inspect.signature(self.function).parameters.values())

    def parameter(self, place: int) -> inspect.Parameter | None:
        """The parameter of the input at a place; None where it takes no such."""
        if place < len(self.inputs):
            return self.inputs[place]
        last = self.inputs[-1] if self.inputs else None
        return last if last and last.kind is inspect.Parameter.VAR_POSITIONAL else None

    def has_tensor(self, place: int) -> bool:
        """Whether the input at a place is taken as a tensor."""
        parameter = self.parameter(place)
        return parameter is not None and is_tensor(parameter)


def operator(*names: str, since: int = 1, domain: str = "") -> Callable[[Function], Function]:
    """Enter a function into the table, for each name from an operator set on."""

    def enter(function: Function) -> Function:
        for name in names:
            entries = _TABLE.setdefault((domain, name), [])
            entries.append(Operator(name, since, function, domain))
        return function

    return enter


def find(name: str, version: int, domain: str = "") -> Operator | None:
    """The entry for an operator in a version of ONNX's operator set; None where there is none."""
    import onebyone.models.onnx.operators  # noqa: F401 - enters all of them

    key = "" if domain in STANDARD else domain, name
    fitting = [entry for entry in _TABLE.get(key, ()) if entry.since <= version]
    return max(fitting, key=lambda entry: entry.since, default=None)


def known() -> list[Operator]:
    """All entries, by name and version."""
    import onebyone.models.onnx.operators  # noqa: F401 - enters all of them

    entries = (entry for several in _TABLE.values() for entry in several)
    return sorted(entries, key=lambda entry: (entry.name, entry.since))


def kinds_of(parameter: inspect.Parameter) -> tuple[Any, ...]:
    """What a parameter takes, any of these; None aside."""
    kind = parameter.annotation
    kinds = kind.__args__ if isinstance(kind, types.UnionType) else (kind,)
    return tuple(one for one in kinds if one is not type(None))


def is_tensor(parameter: inspect.Parameter) -> bool:
    """Whether a parameter takes a tensor."""
    return Tensor in kinds_of(parameter)
