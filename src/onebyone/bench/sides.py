"""The ways to get the scores of all windows, each made ready to run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import gcd, prod
from typing import Any

import torch
from torch import Tensor, fx, nn

from onebyone.bench.by_hand import fully_convolutional
from onebyone.bench.cases import Case
from onebyone.bench.constant_folding import folded
from onebyone.demos.measure import random_crops
from onebyone.errors import InputError
from onebyone.graphs.capture import capture
from onebyone.layers.alternatives import MEMORY_FORMATS
from onebyone.turns import seconds as timed
from onebyone.windows import SlidingModel
from onebyone.windows.backends.compilers import compiled
from onebyone.windows.geometry import Geometry
from onebyone.windows.lowering import Lowered, lower
from onebyone.windows.preparing import Preparing
from onebyone.windows.target import this_machine

BATCHES = (8, 32, 128, 512)
MOST_NUMBERS = 2**23  # in a batch of crops: 55 windows of 224×224 in three channels
MOST_SHIFTS = 16  # of the image, for a stride finer than the network's own


@dataclass(frozen=True)
class Side:
    """One way to get the scores of all windows, ready to run: a call, and how many it covers."""

    run: Callable[[], Any]
    windows: int


@dataclass(frozen=True)
class Subject:
    """A case made ready: its network, an image of noise, and a sample of its windows.

    Attributes:
        case: what is measured.
        model: the network.
        lowered: the same, captured and read as steps.
        sliding: it at every window, on PyTorch.
        image: [1, C, *size].
        places: indices of the sampled windows along each axis of the grid.
        crops: batches [batch, C, *space] of them, all of one size.
        expected: what the network gives for them [sampled, K].
    """

    case: Case
    model: nn.Module
    lowered: Lowered
    sliding: SlidingModel
    image: Tensor
    places: tuple[Tensor, ...]
    crops: Sequence[Tensor]
    expected: Tensor

    @property
    def grid(self) -> tuple[int, ...]:
        """Windows along each axis."""
        return self.sliding.grid(*self.case.size)

    def difference(self, scores: Tensor) -> float:
        """How far scores [sampled, K] are from the crops', over the largest of these."""
        return ((scores - self.expected).abs().max() / self.expected.abs().max()).item()

    def at_places(self, scores: Tensor) -> Tensor:
        """Of scores [1, K, *grid] those of the sampled windows, [sampled, K]."""
        return scores[0].movedim(0, -1)[self.places]


def prepare(case: Case, seconds: float) -> Subject:
    """Build a case's network, and take as many windows as crops run in so many seconds."""
    model = case.build()
    lowered = lower(capture(model, case.window), case.window, this_machine())
    sliding = _sliding(case, lowered)
    image = torch.randn(1, case.window[0], *case.size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode(not case.training), torch.no_grad():
        windows = prod(sliding.grid(*case.size))
        batch, rate = _batch(case, model, windows, seconds)
        count = min(windows, max(1, round(rate * seconds))) // batch * batch or batch
        places, crops = random_crops(image[0], case.window, sliding.stride, count)
        batches = [part.contiguous() for part in torch.split(crops, batch)]
        expected = torch.cat([model(part) for part in batches])
    return Subject(case, model, lowered, sliding, image, places, batches, expected)


def _sliding(
    case: Case, lowered: Lowered, padding: str = "crop", backend: str = "torch"
) -> SlidingModel:
    """The network at every window, without capturing it once more."""
    geometry = Geometry(case.window, (case.stride,) * len(case.size), padding)
    return SlidingModel(
        lowered, geometry, preparing=Preparing(), memory=None, verify=0, backend=backend
    )


def _batch(case: Case, model: nn.Module, windows: int, seconds: float) -> tuple[int, float]:
    """The batch that crops run fastest in, and their windows a second."""
    best, rate = 0, 0.0
    for batch in BATCHES:
        if best and (batch > windows or batch * prod(case.window) > MOST_NUMBERS):
            break
        size = min(batch, windows)
        crops = torch.randn(size, *case.window)
        model(crops)
        spent = timed(lambda crops=crops: model(crops))
        if size / spent > rate:
            best, rate = size, size / spent
        if 4 * spent > seconds:  # the next batch would take longer than all rounds may
            break
    return best, rate


Maker = Callable[[Subject, str], Side]


def crops_as_they_are(subject: Subject, _backend: str) -> Side:
    """The network on batches of crops, cut beforehand."""
    return _on_batches(subject.model, subject.crops)


def crops_folded(subject: Subject, _backend: str) -> Side:
    """The same, channels last and with BatchNorm folded into the convolutions."""
    network, batches = _folded(subject)
    network.to(memory_format=_layout(batches[0]))  # type: ignore[call-overload] # stubs lack it
    return _on_batches(lambda part: network(part)[0], batches)


def crops_compiled(subject: Subject, backend: str) -> Side:
    """The same, compiled for the batch."""
    network, batches = _folded(subject)
    run = compiled(backend, network, batches[0])
    return _on_batches(lambda part: run(part)[0], batches)


def _folded(subject: Subject) -> tuple[fx.GraphModule, list[Tensor]]:
    batches = [part.contiguous(memory_format=_layout(part)) for part in subject.crops]
    return folded(subject.lowered.captured), batches


def _on_batches(network: Callable[[Tensor], Tensor], batches: Sequence[Tensor]) -> Side:
    return Side(lambda: torch.cat([network(part) for part in batches]), sum(map(len, batches)))


def monai(subject: Subject, _backend: str) -> Side:
    """MONAI's sliding-window inferer with the network as its predictor, on part of the image.

    It wants a map for each window; it is given one channel of the window, the cheapest there is,
    and the scores are collected aside.
    """
    try:
        from monai.inferers.inferer import SlidingWindowInferer
    except ImportError as error:
        raise InputError("MONAI is not installed: pip install 'onebyone[bench]'") from error
    case, model = subject.case, subject.model
    grid = _part(subject.grid, len(subject.expected))
    size = [(m - 1) * case.stride + h for m, h in zip(grid, case.window[1:], strict=True)]
    part = _from(subject.image, [0] * len(size), size).contiguous()
    inferer = SlidingWindowInferer(
        roi_size=case.window[1:],
        sw_batch_size=len(subject.crops[0]),
        # It rounds the step down; half a pixel more keeps it from losing one.
        overlap=tuple(1 - (case.stride + 0.5) / h for h in case.window[1:]),
    )

    def run() -> Tensor:
        scores: list[Tensor] = []

        def predict(windows: Tensor) -> Tensor:
            scores.append(model(windows))
            return windows[:, :1]

        inferer(part, predict)
        return torch.cat(scores)

    found = len(run())
    assert found == prod(grid), f"MONAI ran {found} windows of {grid}"
    return Side(run, prod(grid))


def _part(grid: Sequence[int], count: int) -> tuple[int, ...]:
    """The first rows of the grid that hold about so many windows, or the start of the first."""
    rest = prod(grid)
    part = []
    for m in grid:
        rest //= m
        part.append(max(1, min(m, count // rest)))
    return tuple(part)


def converted(subject: Subject, _backend: str) -> Side:
    """The network converted by hand to a fully convolutional one; not equal to crops.

    For a stride finer than the network's own it runs on the image shifted by each step.
    """
    case = subject.case
    network = fully_convolutional(subject.model, case.window)
    own = _few_shifts(subject)
    if own % case.stride and case.stride % own:
        raise InputError(f"the stride {case.stride} does not divide the network's own, {own}")
    every = max(1, case.stride // own)
    room = [min(own, n - h + 1) for n, h in zip(case.size, case.window[1:], strict=True)]
    shifts = list(product(*(range(0, most, case.stride) for most in room)))
    image = subject.image.contiguous(memory_format=_layout(subject.image))

    def run() -> list[Tensor]:
        found = [network(_from(image, shift, case.size)) for shift in shifts]
        return [y[(..., *[slice(None, None, every)] * len(case.size))] for y in found]

    return Side(run, prod(subject.grid))


def _few_shifts(subject: Subject) -> int:
    """The network's own stride, unless it takes more shifts of the image than anybody would run."""
    case = subject.case
    own = subject.lowered.stride[0]
    shifts = (own // gcd(own, case.stride)) ** len(case.size)
    if shifts > MOST_SHIFTS:
        raise InputError(f"the image would be run at {shifts} shifts")
    return own


def ours(subject: Subject, backend: str, padding: str = "crop") -> Side:
    """This package."""
    sliding = _sliding(subject.case, subject.lowered, padding, backend)
    sliding(subject.image)  # plans and compiles
    return Side(lambda: sliding(subject.image), prod(subject.grid))


def ours_image(subject: Subject, backend: str) -> Side:
    """This package, padding at the image's border only; not equal to crops."""
    _few_shifts(subject)
    return ours(subject, backend, "image")


def crops_with_gradients(subject: Subject, _backend: str) -> Side:
    """The network on batches of crops, and the gradients of each batch."""
    return _on_batches(_with_gradients(subject, subject.model), subject.crops)


def ours_with_gradients(subject: Subject, _backend: str, padding: str = "crop") -> Side:
    """This package, and the gradients."""
    run = _with_gradients(subject, _sliding(subject.case, subject.lowered, padding))
    run(subject.image)  # plans
    return Side(lambda: run(subject.image), prod(subject.grid))


def _with_gradients(
    subject: Subject, network: Callable[[Tensor], Tensor]
) -> Callable[[Tensor], Tensor]:
    """Scores, after the gradients of their mean square with respect to all weights."""
    weights = list(subject.model.parameters())

    def run(x: Tensor) -> Tensor:
        scores = network(x)
        torch.autograd.grad(scores.square().mean(), weights)
        return scores.detach()

    return run


def makers(case: Case, backends: Sequence[str]) -> Iterator[tuple[str, str, str, Maker]]:
    """What makes each side: its name, its backend, its kind, the function."""
    if case.training:
        image = partial(ours_with_gradients, padding="image")
        yield "crops, eager", "torch", "crops", crops_with_gradients
        yield 'onebyone, padding="image", not equal', "torch", "image", image
        yield "onebyone", "torch", "onebyone", ours_with_gradients
        return
    if "torch" in backends:
        yield "crops, eager", "torch", "crops", crops_as_they_are
        yield "crops, channels last, BatchNorm folded", "torch", "crops", crops_folded
    for backend in backends:
        if backend != "torch":
            yield "crops", backend, "crops", crops_compiled
    yield "MONAI SlidingWindowInferer", "torch", "tool", monai
    yield "fully convolutional, not equal", "torch", "converted", converted
    yield 'onebyone, padding="image", not equal', "torch", "image", ours_image
    for backend in backends:
        yield "onebyone", backend, "onebyone", ours


def _from(image: Tensor, start: Sequence[int], stop: Sequence[int]) -> Tensor:
    for k, (first, end) in enumerate(zip(start, stop, strict=True)):
        image = image.narrow(2 + k, first, end - first)
    return image


def _layout(x: Tensor) -> torch.memory_format:
    return MEMORY_FORMATS.get(x.ndim - 2, torch.contiguous_format)
