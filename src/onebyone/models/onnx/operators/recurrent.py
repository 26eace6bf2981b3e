"""Recurrent layers: RNN, GRU and LSTM, row by row.

PyTorch's own change their values in place, which keeps a network from being recorded.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from onebyone.errors import InputError
from onebyone.models.onnx.operators.recurrent_activations import Activation, activations_of, of_all
from onebyone.models.onnx.table import Ints, operator

States = tuple[Tensor, ...]
Step = Callable[..., States]
"""From a row [N, C] and the states [N, hidden] to the next states."""

_TURNED = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


@operator("RNN")
def rnn(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    sequence_lens: Ints | None = None,
    initial_h: Tensor | None = None,
    *,
    activation_alpha: tuple[float, ...] = (),
    activation_beta: tuple[float, ...] = (),
    activations: tuple[str, ...] = (),
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int = 0,
    layout: int = 0,
) -> States:
    names = of_all(activations, ("Tanh",), direction)
    chosen = activations_of(names, 1, activation_alpha, activation_beta, clip)

    def step_of(k: int) -> Step:
        weights, (f,) = _weights(k, w, r, b), chosen[k]
        return lambda row, h: (f(_gates(row, h, *weights)),)

    return _layer(x, r, (initial_h,), step_of, direction, layout, sequence_lens)


@operator("GRU")
def gru(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    sequence_lens: Ints | None = None,
    initial_h: Tensor | None = None,
    *,
    activation_alpha: tuple[float, ...] = (),
    activation_beta: tuple[float, ...] = (),
    activations: tuple[str, ...] = (),
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int = 0,
    layout: int = 0,
    linear_before_reset: int = 0,
) -> States:
    names = of_all(activations, ("Sigmoid", "Tanh"), direction)
    chosen = activations_of(names, 2, activation_alpha, activation_beta, clip)

    def step_of(k: int) -> Step:
        return _gru_step(_weights(k, w, r, b), chosen[k], linear_before_reset)

    return _layer(x, r, (initial_h,), step_of, direction, layout, sequence_lens)


def _gru_step(
    weights: Sequence[Tensor], chosen: Sequence[Activation], linear_before_reset: int
) -> Step:
    f, g = chosen
    w, r, *biases = weights
    parts = [2 * r.shape[1], r.shape[1]]
    r_gates, r_hidden = torch.split(r, parts)
    wb, rb = biases or (None, None)
    rb_gates, rb_hidden = (None, None) if rb is None else torch.split(rb, parts)

    def step(row: Tensor, h: Tensor) -> States:
        given_gates, given_hidden = torch.split(functional.linear(row, w, wb), parts, -1)
        z, reset = f(given_gates + functional.linear(h, r_gates, rb_gates)).chunk(2, -1)
        if linear_before_reset:
            new = g(given_hidden + reset * functional.linear(h, r_hidden, rb_hidden))
        else:
            new = g(given_hidden + functional.linear(reset * h, r_hidden, rb_hidden))
        return ((1 - z) * new + z * h,)

    return step


@operator("LSTM")
def lstm(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    sequence_lens: Ints | None = None,
    initial_h: Tensor | None = None,
    initial_c: Tensor | None = None,
    p: Tensor | None = None,
    *,
    activation_alpha: tuple[float, ...] = (),
    activation_beta: tuple[float, ...] = (),
    activations: tuple[str, ...] = (),
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int = 0,
    input_forget: int = 0,
    layout: int = 0,
) -> States:
    names = of_all(activations, ("Sigmoid", "Tanh", "Tanh"), direction)
    chosen = activations_of(names, 3, activation_alpha, activation_beta, clip)

    def step_of(k: int) -> Step:
        peepholes = None if p is None else p[k].chunk(3)
        return _lstm_step(_weights(k, w, r, b), chosen[k], peepholes, input_forget)

    return _layer(x, r, (initial_h, initial_c), step_of, direction, layout, sequence_lens)


def _lstm_step(
    weights: Sequence[Tensor],
    chosen: Sequence[Activation],
    peepholes: Sequence[Tensor] | None,
    input_forget: int,
) -> Step:
    f, g, last = chosen
    to_input, to_output, to_forget = peepholes or (None, None, None)

    def seen(gate: Tensor, weight: Tensor | None, c: Tensor) -> Tensor:
        return f(gate if weight is None else gate + weight * c)

    def step(row: Tensor, h: Tensor, c: Tensor) -> States:
        given, output, forget, cell = _gates(row, h, *weights).chunk(4, -1)
        given = seen(given, to_input, c)
        forget = 1 - given if input_forget else seen(forget, to_forget, c)
        c = forget * c + given * g(cell)
        return seen(output, to_output, c) * last(c), c

    return step


def _gates(
    row: Tensor, h: Tensor, w: Tensor, r: Tensor, wb: Tensor | None = None, rb: Tensor | None = None
) -> Tensor:
    return functional.linear(row, w, wb) + functional.linear(h, r, rb)


def _weights(k: int, w: Tensor, r: Tensor, b: Tensor | None) -> tuple[Tensor, ...]:
    """One direction's weights, and its biases."""
    return (w[k], r[k]) if b is None else (w[k], r[k], *b[k].chunk(2))


def _unrolled(step: Step, rows: Tensor, states: States) -> tuple[Tensor, States]:
    hidden = []
    for row in rows.unbind(0):
        states = step(row, *states)
        hidden.append(states[0])
    return torch.stack(hidden), states


def _layer(
    x: Tensor,
    r: Tensor,
    initial: Sequence[Tensor | None],
    step_of: Callable[[int], Step],
    direction: str,
    layout: int,
    sequence_lens: Ints | None,
) -> States:
    """All hidden rows [T, directions, N, hidden], and the last states [directions, N, hidden]."""
    if layout:
        x = x.transpose(0, 1)
        initial = [None if state is None else state.transpose(0, 1) for state in initial]
    length, batch = _length(sequence_lens, x.shape[0]), x.shape[1]
    rows, ends = [], []
    for k, turned in enumerate(_TURNED[direction]):
        given = x[:length].flip(0) if turned else x[:length]
        states = tuple(
            x.new_zeros(batch, r.shape[-1]) if state is None else state[k].expand(batch, -1)
            for state in initial
        )
        y, last = _unrolled(step_of(k), given, states)
        rows.append(y.flip(0) if turned else y)
        ends.append(last)
    hidden = torch.stack(rows, 1)
    if length < x.shape[0]:
        hidden = functional.pad(hidden, (0, 0, 0, 0, 0, 0, 0, x.shape[0] - length))
    last = tuple(torch.stack(same) for same in zip(*ends, strict=True))
    if layout:
        return hidden.permute(2, 0, 1, 3), *(state.transpose(0, 1) for state in last)
    return hidden, *last


def _length(sequence_lens: Ints | None, rows: int) -> int:
    """The length that all sequences have."""
    lengths = set(sequence_lens or (rows,))
    if len(lengths) > 1:
        raise InputError(f"sequence_lens={sequence_lens} differ, which windows of images do not")
    return lengths.pop()
