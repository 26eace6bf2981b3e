"""A network's graph from running it on tensors without numbers, for two sizes of the batch.

Each operator that runs is noted. What differs between the two runs follows from the batch, and is
written as a size of it; a third run, on one window, must be what that says. Where anything is not
sure nothing is recorded, and torch.export, which takes many times as long, is asked instead.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from onebyone.graphs.aten import aten
from onebyone.graphs.runs import BATCHES, Call, NotRecorded, Recorded, Run, Writer

# What PyTorch would take apart, in ways that hide what it is.
_FUNCTIONS: dict[Any, Any] = {
    functional.linear: aten.linear.default,
    functional.prelu: aten.prelu.default,
    functional.pad: aten.pad.default,
    functional.max_pool1d: aten.max_pool1d.default,
    functional.avg_pool1d: aten.avg_pool1d.default,
    functional.adaptive_avg_pool1d: aten.adaptive_avg_pool1d.default,
    functional.scaled_dot_product_attention: aten.scaled_dot_product_attention.default,
    **dict.fromkeys((torch.matmul, Tensor.matmul, Tensor.__matmul__), aten.matmul.default),
}

_ADAPTIVE = {
    functional.adaptive_avg_pool2d: aten.adaptive_avg_pool2d.default,
    functional.adaptive_avg_pool3d: aten.adaptive_avg_pool3d.default,
}
# They tell where tensors are and of what type, and compute nothing.
_ASKING = {torch.ops.prim.device.default, aten.promote_types.default}
# They copy or not by how the memory lies, which for a batch of 1 is seen otherwise.
_RESHAPES = {torch.reshape, Tensor.reshape, torch.flatten, Tensor.flatten}
WHOLE = frozenset({*_FUNCTIONS.values(), *_ADAPTIVE.values()})
"""Operators that a recorded graph has whole, though PyTorch composes them of others."""


def record(model: nn.Module, example: Tensor) -> Recorded:
    """Record a network in eval mode.

    Raises:
        NotRecorded: it cannot be recorded surely; or whatever the network raises on tensors
            without numbers.
    """
    tensors = dict([*model.named_parameters(), *model.named_buffers()])
    meta = {name: torch.empty_like(t, device="meta") for name, t in tensors.items()}
    runs = [_run(model, meta, example, batch) for batch in BATCHES]
    return Writer(tensors, meta, example.device, runs).write()


def _run(model: nn.Module, meta: dict[str, Tensor], example: Tensor, batch: int) -> Run:
    image = torch.empty(batch, *example.shape[1:], dtype=example.dtype, device="meta")
    before = [(part, dict(part.__dict__)) for part in model.modules()]
    calls: list[Call] = []
    with (
        torch.no_grad(),
        _layers(model) as layer,
        _Noting(calls, layer) as noting,
        _Functions(noting),
    ):
        outputs = functional_call(model, meta, (image,))
    for part, was in before:
        if part.__dict__.keys() != was.keys() or any(part.__dict__[k] is not was[k] for k in was):
            part.__dict__.clear()
            part.__dict__.update(was)
            raise NotRecorded("it changes its own attributes")
    return Run(image, calls, outputs)


@contextmanager
def _layers(model: nn.Module) -> Iterator[Callable[[], str]]:
    """Know the path of the module that runs."""
    names = {id(part): name for name, part in model.named_modules()}
    stack, thread = [""], get_ident()

    def enter(part: nn.Module, _inputs: Any) -> None:
        if get_ident() == thread:
            stack.append(names.get(id(part), stack[-1]))

    def leave(_part: nn.Module, _inputs: Any, _output: Any) -> None:
        if get_ident() == thread:
            stack.pop()

    with (
        hooks.register_module_forward_pre_hook(enter),
        hooks.register_module_forward_hook(leave),
    ):
        yield lambda: stack[-1]


class _Noting(TorchDispatchMode):
    """Notes every operator that runs."""

    def __init__(self, calls: list[Call], layer: Callable[[], str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.calls, self.layer, self.paused = calls, layer, False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.note(func, args, kwargs or {}, result)
        return result

    def note(self, target: Any, args: Any, kwargs: Any, result: Any) -> None:
        if not self.paused and target not in _ASKING:
            self.calls.append(Call(target, tuple(args), kwargs, result, self.layer()))


class _Functions(TorchFunctionMode):
    """Has some functions noted as one operator, not as those that they are made of."""

    def __init__(self, noting: _Noting) -> None:
        super().__init__()
        self.noting = noting

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.noting.paused:
            return func(*args, **kwargs)
        if func is functional.batch_norm and (norm := _norm(*args, **kwargs)):
            with self._paused():  # running it would take most of the time that all operators take
                result = torch.empty_like(norm[0])
            self.noting.note(aten.batch_norm.default, norm, {}, result)
            return result
        if func in _RESHAPES:
            with self._paused():
                result = func(*args, **kwargs)
            source = args[0] if args else kwargs["input"]
            self.noting.note(aten.view.default, (source, list(result.shape)), {}, result)
            return result
        target: Any = _FUNCTIONS.get(func)
        if func in _ADAPTIVE:
            target, args, kwargs = _ADAPTIVE[func], _adaptive(*args, **kwargs), {}
        if target is None:
            return func(*args, **kwargs)
        with self._paused():
            result = func(*args, **kwargs)
        if not isinstance(result, Tensor):
            raise NotRecorded(f"{func.__name__} gives more than one result")
        names = [argument.name for argument in target._schema.arguments]
        named = {names[0] if name == "input" else name: value for name, value in kwargs.items()}
        known = {name: value for name, value in named.items() if name in names}
        self.noting.note(target, args[: len(names)], known, result)
        return result

    @contextmanager
    def _paused(self) -> Iterator[None]:
        """Note nothing within the block."""
        self.noting.paused = True
        try:
            yield
        finally:
            self.noting.paused = False


def _adaptive(input: Tensor, output_size: int | Sequence[int | None]) -> tuple[Tensor, list[int]]:
    """Arguments of an adaptive pooling with a size for each axis; None stands for the input's."""
    sizes = input.shape[2:]
    asked = [output_size] * len(sizes) if isinstance(output_size, int) else output_size
    return input, [n if m is None else m for m, n in zip(asked, sizes, strict=True)]


def _norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Any, ...] | None:
    """Arguments of a BatchNorm with running statistics that fit; None of any other."""
    own = (t for t in (running_mean, running_var, weight, bias) if t is not None)
    if training or running_mean is None or any(t.shape != input.shape[1:2] for t in own):
        return None
    return input, weight, bias, running_mean, running_var, False, momentum, eps, True
