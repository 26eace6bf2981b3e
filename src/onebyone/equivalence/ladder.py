"""The rungs of a comparison (structure, integers, numbers), and what all of them say together."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, get_args

from onebyone.choices import Level
from onebyone.errors import InputError
from onebyone.notebook import shown

STRUCTURE, INTEGERS, NUMBERS = "structure", "integers", "numbers"
P = ParamSpec("P")
LEVELS = get_args(Level)


class Undecided(InputError):
    """Something that a rung cannot follow; says what and where."""


class Unlike(Exception):
    """In what the two differ, in one line."""


class DoesNotRun(Exception):
    """What a runtime says to a model or its inputs, in one line."""


@dataclass(frozen=True)
class Check:
    """One rung.

    Attributes:
        name: "structure", "integers" or "numbers".
        passed: whether nothing spoke against equality.
        detail: what was compared and found, in one line; the first fault where there is one.
        decided: False where it cannot be told; such a check has not passed, nor found a fault.
        inputs: on how many inputs both were run as they are; None where what passed holds for
            every input.
    """

    name: str
    passed: bool
    detail: str
    decided: bool = True
    inputs: int | None = 0

    def __str__(self) -> str:
        unequal = "NOT EQUAL" if self.decided else "undecided"
        detail = self.detail.removeprefix("undecided: ")
        return f"{self.name}: {'equal' if self.passed else unequal}; {detail}"


def rung(name: str) -> Callable[[Callable[P, Check]], Callable[P, Check]]:
    """Make a row of what a comparison raises: what it could not follow, and what differs."""

    def wrap(compare: Callable[P, Check]) -> Callable[P, Check]:
        @wraps(compare)
        def climb(*args: P.args, **kwargs: P.kwargs) -> Check:
            try:
                return compare(*args, **kwargs)
            except Undecided as reason:
                return Check(name, False, f"undecided: {reason}", decided=False)
            except DoesNotRun as error:
                return Check(name, False, f"does not run: {error}", decided=False)
            except Unlike as fault:
                return Check(name, False, str(fault))

        return climb

    return wrap


@dataclass(frozen=True)
class Equivalence:
    """Whether two files or programs compute the same; its truth value is the answer itself.

    Attributes:
        checks: a row for each rung that was asked for.

    Example:
        >>> def exported():
        ...     torch.manual_seed(0)
        ...     return torch.export.export(nn.Linear(2, 3).eval(), (torch.zeros(1, 2),))
        >>> bool(ob.equal(exported(), exported()))
        True
    """

    checks: tuple[Check, ...]

    @property
    def equal(self) -> bool:
        """Whether every rung found the two equal. Where one cannot tell, this is False."""
        return all(check.passed for check in self.checks)

    @property
    def reason(self) -> str:
        """How that is known, or where they differ, in a sentence."""
        said = "; ".join(dict.fromkeys(_said(check) for check in self.checks if check.passed))
        failed = [check for check in self.checks if not check.passed]
        if not failed:
            return said if said.startswith("equal") else f"equal: {said}"
        if any(check.name == NUMBERS and check.decided for check in failed):
            # Only what was run as it is refutes: weights that were computed anew may be right.
            where = [check.detail for check in failed if check.decided and check.name != INTEGERS]
            return f"not equal: {'; '.join(dict.fromkeys(where))}"
        detail = failed[0].detail.removeprefix("undecided: ")
        if failed[0].name == STRUCTURE and said:
            return f"not known to be equal for every input: {detail}; {said}"
        verdict = "not equal in" if failed[0].decided else "undecided by"
        return f"{verdict} {failed[0].name}: {detail}{said and f'; but {said}'}"

    def __bool__(self) -> bool:
        return self.equal

    def __str__(self) -> str:
        return "\n".join([self.reason, *map(str, self.checks)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        facts = {check.name: str(check).partition(": ")[2] for check in self.checks}
        return shown("Equivalence", self.reason, facts)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        checks = [vars(check) for check in self.checks]
        return {"equal": self.equal, "reason": self.reason, "checks": checks}


def _said(check: Check) -> str:
    """What a rung that passed says to somebody who does not know the rungs."""
    if check.inputs is None:
        return f"equal for every input ({check.detail.removeprefix('equal for every input ')})"
    if check.name != NUMBERS:
        return check.detail
    return f"equal up to rounding on {check.inputs} input{'s' * (check.inputs != 1)}"
