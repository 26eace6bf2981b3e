"""Recurrent layers: RNN, GRU and LSTM."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from onebyone.errors import InputError
from onebyone.models.onnx.operators.recurrent_activations import Activation, activations_of, of_all
from onebyone.models.onnx.table import Ints, operator

States = tuple[Tensor, ...]
Direction = Callable[[int, Tensor, States], tuple[Tensor, States]]
"""Runs one direction on rows [T, N, C] from states [N, hidden]: all hidden rows, last states."""

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
    plain = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}.get(names[0].lower())

    def run(k: int, rows: Tensor, states: States) -> tuple[Tensor, States]:
        weights = _weights(k, w, r, b)
        if plain and clip is None and len(set(names)) == 1:
            y, h = plain(
                rows, states[0][None], list(weights), len(weights) == 4, 1, 0, *[False] * 3
            )
            return y, (h[0],)
        (f,) = chosen[k]

        def step(row: Tensor, h: Tensor) -> States:
            return (f(_gates(row, h, *weights)),)

        return _unrolled(step, rows, states)

    chosen = activations_of(names, 1, activation_alpha, activation_beta, clip)
    return _layer(x, r, (initial_h,), run, direction, layout, sequence_lens)


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
    usual = ("Sigmoid", "Tanh")
    names = of_all(activations, usual, direction)
    plain = _are(names, usual) and clip is None and linear_before_reset

    def run(k: int, rows: Tensor, states: States) -> tuple[Tensor, States]:
        weights = _weights(k, w, r, b)
        if plain:
            own = [_reordered(part, (1, 0, 2)) for part in weights]
            y, h = torch.gru(rows, states[0][None], own, len(own) == 4, 1, 0, False, False, False)
            return y, (h[0],)
        return _unrolled(_gru_step(weights, chosen[k], linear_before_reset), rows, states)

    chosen = activations_of(names, 2, activation_alpha, activation_beta, clip)
    return _layer(x, r, (initial_h,), run, direction, layout, sequence_lens)


def _gru_step(
    weights: Sequence[Tensor], chosen: Sequence[Activation], linear_before_reset: int
) -> Callable[[Tensor, Tensor], States]:
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
    usual = ("Sigmoid", "Tanh", "Tanh")
    names = of_all(activations, usual, direction)
    plain = _are(names, usual) and clip is None and p is None and not input_forget

    def run(k: int, rows: Tensor, states: States) -> tuple[Tensor, States]:
        weights = _weights(k, w, r, b)
        if plain:
            own = [_reordered(part, (0, 2, 3, 1)) for part in weights]
            given = [state[None] for state in states]
            y, h, c = torch.lstm(rows, given, own, len(own) == 4, 1, 0, False, False, False)
            return y, (h[0], c[0])
        peepholes = None if p is None else p[k].chunk(3)
        return _unrolled(_lstm_step(weights, chosen[k], peepholes, input_forget), rows, states)

    chosen = activations_of(names, 3, activation_alpha, activation_beta, clip)
    return _layer(x, r, (initial_h, initial_c), run, direction, layout, sequence_lens)


def _lstm_step(
    weights: Sequence[Tensor],
    chosen: Sequence[Activation],
    peepholes: Sequence[Tensor] | None,
    input_forget: int,
) -> Callable[[Tensor, Tensor, Tensor], States]:
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
    """One direction's weights, and its biases, as PyTorch has them but for the order of gates."""
    return (w[k], r[k]) if b is None else (w[k], r[k], *b[k].chunk(2))


def _reordered(weight: Tensor, order: Sequence[int]) -> Tensor:
    """Rows of gates as PyTorch has them."""
    gates = weight.chunk(len(order))
    return torch.cat([gates[place] for place in order])


def _are(names: Sequence[str], usual: Sequence[str]) -> bool:
    lower = [name.lower() for name in names]
    return lower == [name.lower() for name in usual] * (len(names) // len(usual))


def _unrolled(step: Callable[..., States], rows: Tensor, states: States) -> tuple[Tensor, States]:
    hidden = []
    for row in rows.unbind(0):
        states = step(row, *states)
        hidden.append(states[0])
    return torch.stack(hidden), states


def _layer(
    x: Tensor,
    r: Tensor,
    initial: Sequence[Tensor | None],
    run: Direction,
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
        y, last = run(k, given, states)
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
