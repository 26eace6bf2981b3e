"""Fewer threads with the same bits: what adds in another order on fewer threads keeps all of them.

oneDNN divides some convolutions of few pixels and many channels so that each thread adds a part of
every sum; reductions and matrix products may do so, too. Whether an operator does is found by
trying, once for each shape: in another order, some of so many random sums end in other bits.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from threading import Lock, Thread
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from onebyone.graphs.canonical import MAX_POOLS
from onebyone.windows.calling import FUNCTIONS

_LOCK = Lock()
_CONVOLUTIONS = {torch.conv2d, torch.conv3d}
_ADDS_NOTHING = {*FUNCTIONS.values(), *MAX_POOLS.values()} - _CONVOLUTIONS


class FewerThreads(TorchFunctionMode):
    """Within the block, operators are divided over fewer threads if that gives the same bits."""

    def __init__(self, fewer: int, known: dict[Any, bool]) -> None:
        """Take so many threads.

        Args:
            fewer: how many.
            known: which calls depend on the number of threads; what is found is added.
        """
        super().__init__()
        self.fewer, self.all, self.known = fewer, torch.get_num_threads(), known

    def __enter__(self) -> "FewerThreads":
        self._take(self.fewer)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)  # type: ignore[no-untyped-call]
        self._take(self.all)

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function on as many threads as give its bits."""
        kwargs = kwargs or {}
        if _adds_nothing(function) or not self._depends(function, args, kwargs):
            return function(*args, **kwargs)
        return self._on_all(function, args, kwargs)

    def _depends(
        self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> bool:
        """Whether a call gives other bits on fewer threads."""
        if not args or not isinstance(args[0], Tensor) or not args[0].is_floating_point():
            return False
        shape = (*map(_shape, args), *((name, _shape(x)) for name, x in kwargs.items()))
        key = (function, shape, self.fewer, self.all)
        if key not in self.known:
            self.known[key] = self._tried(function, args, kwargs)
        return self.known[key]

    def _tried(
        self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> bool:
        """Whether a call gives other bits for random numbers, or does not take them."""
        try:
            fewer = _drawn(function, args, kwargs)
            every = self._on_all(_drawn, (function, args, kwargs), {})
        except Exception:  # as a hook on a tensor without gradients: no operator, or one that fails
            return True
        return isinstance(fewer, Tensor) and not torch.equal(fewer, every)

    def _on_all(
        self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        self._take(self.all)
        try:
            return function(*args, **kwargs)
        finally:
            self._take(self.fewer)

    def _take(self, count: int) -> None:
        """Divide operators of this thread over so many, and those of later threads over all."""
        with _LOCK:
            torch.set_num_threads(count)  # of this thread, and of threads that begin after it
            if count != self.all:
                others = Thread(target=torch.set_num_threads, args=(self.all,))
                others.start()
                others.join()


def _drawn(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What a call gives for random numbers in place of its first argument."""
    given = torch.empty_like(args[0])
    with torch.no_grad():
        given.uniform_(-1, 1, generator=torch.Generator().manual_seed(0))
        return function(given, *args[1:], **kwargs)


@cache
def _adds_nothing(function: Callable[..., Any]) -> bool:
    """Whether a function gives each number by itself: views, pointwise ones, attributes."""
    if function in _ADDS_NOTHING or getattr(function, "__name__", "") == "__get__":
        return True
    return torch.Tag.pointwise in getattr(function, "tags", ())


def _shape(x: Any) -> Any:
    """What a call's way through its sums depends on, of one argument."""
    if isinstance(x, Tensor):
        return x.shape, x.stride(), x.dtype
    if isinstance(x, slice):
        return x.start, x.stop, x.step
    return tuple(map(_shape, x)) if isinstance(x, list | tuple) else x
