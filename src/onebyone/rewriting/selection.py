"""Which layers a rewrite is asked for, by name."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from onebyone.errors import InputError
from onebyone.rewriting.report import Row


@dataclass(frozen=True)
class Selection:
    """The layers that `where` finds and `skip` does not; both are regular expressions.

    An expression may match anywhere in a name, as in grep.
    """

    where: str | None = None
    skip: str | None = None

    def __post_init__(self) -> None:
        for argument in ("where", "skip"):
            pattern = getattr(self, argument)
            if not isinstance(pattern, str | None):
                raise InputError(f"{argument}={pattern!r}: give a regular expression as text")
            try:
                re.compile(pattern or "")
            except re.error as error:
                raise InputError(
                    f"{argument}={pattern!r} is no regular expression: {error}"
                ) from error

    def reason(self, name: str) -> str:
        """Why a layer is not asked for; empty where it is."""
        if self.where is not None and not re.search(self.where, name):
            return "not in where"
        return "in skip" if self.skip is not None and re.search(self.skip, name) else ""

    def row(self, name: str, operator: str, shape: Sequence[int], reason: object = "") -> Row:
        """What to say of a layer, of which `reason` says why it must stay, if it must."""
        return Row(name, operator, tuple(shape), reason=self.reason(name) or str(reason))

    def require(self, names: Iterable[str]) -> None:
        """Find out whether `where` finds anything.

        Raises:
            InputError: it finds none of the names.
        """
        names = list(names)
        if self.where is not None and not any(re.search(self.where, name) for name in names):
            some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            known = f"the {len(names)} layers that could be meant: {some}" if names else "no layers"
            raise InputError(f"where={self.where!r} finds nothing; there are {known}")
