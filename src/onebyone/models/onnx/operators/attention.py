"""Attention: PyTorch's own where nothing else is asked for, else written out."""

import torch
from torch import Tensor
from torch.nn import functional

from onebyone.models.onnx.constants import TYPES
from onebyone.models.onnx.table import operator


@operator("Attention", since=23)
def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    nonpad_kv_seqlen: Tensor | None = None,
    *,
    outputs: int,
    is_causal: int = 0,
    kv_num_heads: int = 0,
    left_window_size: int = -1,
    q_num_heads: int = 0,
    qk_matmul_output_mode: int = 0,
    right_window_size: int = -1,
    scale: float = 0.0,
    softcap: float = 0.0,
    softmax_precision: int = 0,
) -> Tensor | tuple[Tensor, ...]:
    flat = q.ndim == 3
    if flat:
        q, k, v = _heads(q, q_num_heads), _heads(k, kv_num_heads), _heads(v, kv_num_heads)
    before: int | Tensor = 0  # keys that come before the first query
    if past_key is not None and past_value is not None:
        before, k, v = past_key.shape[2], torch.cat([past_key, k], 2), torch.cat([past_value, v], 2)
    elif nonpad_kv_seqlen is not None:
        before = nonpad_kv_seqlen.reshape(-1, 1, 1, 1) - q.shape[2]
    present = (k, v)
    shared = q.shape[1] // k.shape[1]
    if shared > 1:
        k, v = k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1)
    scale = scale or q.shape[-1] ** -0.5
    right = right_window_size if right_window_size >= 0 else None
    if is_causal:  # which sees no key behind, whatever the window
        right = 0
    seen = _seen(q, k, before, left_window_size, right)
    if nonpad_kv_seqlen is not None:
        inside = _places(k) < nonpad_kv_seqlen.reshape(-1, 1, 1, 1)
        seen = inside if seen is None else seen & inside
    mask = _mask(q, k, attn_mask, seen)
    if outputs < 4 and not softcap and not softmax_precision:
        alone = all(t is None for t in (attn_mask, past_key, nonpad_kv_seqlen))
        causal = bool(is_causal) and alone and left_window_size < 0
        y = functional.scaled_dot_product_attention(
            q, k, v, None if causal else mask, is_causal=causal, scale=scale
        )
        return _given(y, flat, present, outputs)
    root = scale**0.5
    stages = [torch.matmul(q * root, (k * root).transpose(-2, -1))]
    stages.append(softcap * torch.tanh(stages[0] / softcap) if softcap else stages[0])
    stages.append(stages[1] if mask is None else stages[1] + mask)
    scores = stages[2].to(TYPES[softmax_precision]) if softmax_precision else stages[2]
    unseen = torch.amax(scores, -1, keepdim=True) == float("-inf")
    weights = torch.where(unseen, 0.0, torch.softmax(scores, -1)).to(q.dtype)
    stages.append(weights)
    y = torch.matmul(weights, v)
    return _given(y, flat, (*present, stages[qk_matmul_output_mode]), outputs)


def _heads(x: Tensor, count: int) -> Tensor:
    """Heads [N, heads, length, size] of [N, length, heads * size]."""
    return x.reshape(*x.shape[:2], count, x.shape[2] // count).transpose(1, 2)


def _given(
    y: Tensor, flat: bool, more: tuple[Tensor, ...], outputs: int
) -> Tensor | tuple[Tensor, ...]:
    if flat:
        y = y.transpose(1, 2).reshape(y.shape[0], y.shape[2], -1)
    return y if outputs == 1 else (y, *more)


def _places(x: Tensor) -> Tensor:
    return torch.arange(x.shape[2], device=x.device)


def _seen(
    q: Tensor, k: Tensor, before: int | Tensor, left: int, right: int | None
) -> Tensor | None:
    """Which keys each query sees; None where it sees all."""
    own = _places(q).reshape(-1, 1) + before
    seen = None
    if right is not None:
        seen = _places(k) <= own + right
    if left >= 0:
        near = _places(k) >= own - left
        seen = near if seen is None else seen & near
    return seen


def _mask(q: Tensor, k: Tensor, given: Tensor | None, seen: Tensor | None) -> Tensor | None:
    """What is added to the scores; None where nothing is."""
    if given is not None and given.shape[-1] < k.shape[2]:
        missing = k.shape[2] - given.shape[-1]
        value = False if given.dtype is torch.bool else float("-inf")
        given = functional.pad(given, (0, missing), value=value)
    if given is not None and given.dtype is torch.bool:
        seen, given = given if seen is None else given & seen, None
    if seen is None:
        return None if given is None else given.to(q.dtype)
    hidden = torch.where(seen, 0.0, float("-inf")).to(q.dtype)
    return hidden if given is None else given.to(q.dtype) + hidden
