"""Signals: discrete Fourier transforms, and the windows that they look through."""

import math

import numpy as np
import torch
from torch import Tensor

from onebyone.models.onnx.constants import TYPES
from onebyone.models.onnx.table import Array, Ints, operator


@operator("DFT")
def dft_along_attribute(
    input: Tensor,
    dft_length: Ints | None = None,
    *,
    axis: int = 1,
    inverse: int = 0,
    onesided: int = 0,
) -> Tensor:
    return dft(input, dft_length, (axis,), inverse=inverse, onesided=onesided)


@operator("DFT", since=20)
def dft(
    input: Tensor,
    dft_length: Ints | None = None,
    axis: Ints | None = None,
    *,
    inverse: int = 0,
    onesided: int = 0,
) -> Tensor:
    (along,) = axis or (-2,)
    along = along % input.ndim
    (length,) = dft_length or (None,)
    if inverse and onesided:
        given = torch.view_as_complex(input.contiguous())
        back: Tensor = torch.fft.irfft(given, length, along)
        return back.unsqueeze(-1)
    if onesided:
        return torch.view_as_real(torch.fft.rfft(input[..., 0], length, along))
    given = input[..., 0] if input.shape[-1] == 1 else torch.view_as_complex(input.contiguous())
    transform = torch.fft.ifft if inverse else torch.fft.fft
    found: Tensor = transform(given, length, along).resolve_conj()
    return torch.view_as_real(found)


@operator("STFT")
def stft(
    signal: Tensor,
    frame_step: Ints,
    window: Tensor | None = None,
    frame_length: Ints | None = None,
    *,
    onesided: int = 1,
) -> Tensor:
    (length,) = frame_length or (window.shape[0] if window is not None else signal.shape[1],)
    frames = signal.unfold(1, length, *frame_step).movedim(-1, 2)  # [N, frames, length, parts]
    if window is not None:
        frames = frames * window[:, None]
    if signal.ndim == 2:  # without an axis of parts
        frames = frames[..., None]
    return dft(frames, None, (2,), onesided=onesided)


@operator("HannWindow")
def hann_window(size: Ints, *, output_datatype: int = 1, periodic: int = 1) -> Tensor:
    return _cosines(size, (0.5, -0.5), output_datatype, periodic)


@operator("HammingWindow")
def hamming_window(size: Ints, *, output_datatype: int = 1, periodic: int = 1) -> Tensor:
    return _cosines(size, (25 / 46, -21 / 46), output_datatype, periodic)


@operator("BlackmanWindow")
def blackman_window(size: Ints, *, output_datatype: int = 1, periodic: int = 1) -> Tensor:
    return _cosines(size, (0.42, -0.5, 0.08), output_datatype, periodic)


def _cosines(size: Ints, weights: tuple[float, ...], output_datatype: int, periodic: int) -> Tensor:
    """A sum of cosines of 0, 1, 2 waves."""
    (length,) = size
    waves = torch.arange(length, dtype=torch.float64) * (
        2 * math.pi / max(length if periodic else length - 1, 1)
    )
    terms = (weight * torch.cos(k * waves) for k, weight in enumerate(weights))
    return sum(terms, torch.zeros(length, dtype=torch.float64)).to(TYPES[output_datatype])


@operator("MelWeightMatrix")
def mel_weight_matrix(
    num_mel_bins: float,
    dft_length: float,
    sample_rate: float,
    lower_edge_hertz: float,
    upper_edge_hertz: float,
    *,
    output_datatype: int = 1,
) -> Tensor:
    bins, rows = int(num_mel_bins), int(dft_length) // 2 + 1
    edges = 2595 * np.log10(1 + np.array([lower_edge_hertz, upper_edge_hertz]) / 700)
    mels = edges[0] + np.arange(bins + 2) * ((edges[1] - edges[0]) / (bins + 2))
    hertz = 700 * (10 ** (mels / 2595) - 1)
    places = ((dft_length + 1) * hertz // sample_rate).astype(np.int64)
    found = np.zeros((rows, bins))
    for column, (low, top, high) in enumerate(zip(places, places[1:], places[2:], strict=False)):
        found[low : top + 1, column] = _slope(low, top)
        found[top:high, column] = _slope(high, top)[::-1][: high - top]
    return torch.from_numpy(found).to(TYPES[output_datatype])


def _slope(end: int, top: int) -> Array:
    """From 0 at one end of a triangle to 1 at its top."""
    span = abs(int(top) - int(end))
    return np.arange(span + 1) / span if span else np.ones(1)
